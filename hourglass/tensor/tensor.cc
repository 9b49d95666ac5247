#include "hourglass/tensor/tensor.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hourglass {

std::string Shape::ToString() const { return absl::StrCat("[", absl::StrJoin(dims_, ", "), "]"); }

std::string TensorSpec::ToString() const {
  const std::string_view name = Name(dtype);
  return std::string(name) + shape.ToString();
}

}  // namespace hourglass
