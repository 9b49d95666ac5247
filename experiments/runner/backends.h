#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass {

// "onednn" or "reference". Unavailable for one that is planned but not built, a usage error for any
// other name.
absl::StatusOr<std::shared_ptr<Backend>> MakeBackend(const std::string& name);

// "f32", "bf16" or "f64"; a usage error otherwise.
absl::StatusOr<DType> ParseDType(const std::string& name);

}  // namespace hourglass
