#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "hourglass/model/language_model.h"

namespace hourglass {

// The Hourglass language model of the paper (A1-A6) for any hierarchy; "N@1" is the vanilla
// Transformer. Errors as ModelConfig::Validate.
absl::StatusOr<std::unique_ptr<LanguageModel>> MakeHourglassLm(const ModelConfig& config);

}  // namespace hourglass
