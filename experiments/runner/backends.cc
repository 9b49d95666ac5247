#include "experiments/runner/backends.h"

#include "absl/strings/str_cat.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"

namespace hourglass {

absl::StatusOr<std::shared_ptr<Backend>> MakeBackend(const std::string& name) {
  if (name == "onednn") return MakeOneDnnBackend();
  if (name == "reference") return MakeReferenceBackend();
  if (name == "cuda") {
    return absl::UnavailableError(
        "backend \"cuda\" is not part of this build; there are: onednn, reference");
  }
  return UsageError(absl::StrCat("no backend \"", name, "\"; there are: onednn, reference"));
}

absl::StatusOr<DType> ParseDType(const std::string& name) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    if (Name(dtype) == name) return dtype;
  }
  return UsageError(absl::StrCat("no dtype \"", name, "\"; there are: f32, bf16, f64"));
}

}  // namespace hourglass
