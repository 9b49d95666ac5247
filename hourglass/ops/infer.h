#pragma once
// Argument checks shared by the Infer methods.

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass {

absl::Status ExpectInputs(std::string_view op, std::span<const TensorSpec> in, size_t count);
absl::Status ExpectShape(std::string_view op, std::string_view what, const TensorSpec& got,
                         const Shape& wanted);
absl::Status ExpectRank(std::string_view op, std::string_view what, const TensorSpec& got, int rank);
absl::Status ExpectDType(std::string_view op, std::string_view what, const TensorSpec& got,
                         DType wanted);
absl::Status ExpectFloating(std::string_view op, std::string_view what, const TensorSpec& got);

}  // namespace hourglass
