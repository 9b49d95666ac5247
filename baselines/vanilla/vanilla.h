#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "hourglass/model/language_model.h"

namespace hourglass {

// The Transformer that Hourglass is held against: one stack at full length, hierarchy "N@1". With
// relative attention it is the paper's Transformer-XL baseline without memory (B1).
// InvalidArgument for any other hierarchy.
absl::StatusOr<std::unique_ptr<LanguageModel>> MakeVanillaLm(const ModelConfig& config);

}  // namespace hourglass
