#pragma once
// Every model family the experiments can train, Hourglass included.

#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/model/language_model.h"

namespace hourglass {

struct ModelFamily {
  std::string_view name;     // "hourglass"
  std::string_view summary;  // one line for `hourglass list`
  absl::StatusOr<std::unique_ptr<LanguageModel>> (*make)(const ModelConfig& config);
};

std::span<const ModelFamily> ModelFamilies();

// The model of that family; InvalidArgument listing the families for an unknown name.
absl::StatusOr<std::unique_ptr<LanguageModel>> MakeModel(std::string_view family,
                                                         const ModelConfig& config);

// The family is decided by the hierarchy: "vanilla" for "N@1", else "hourglass".
absl::StatusOr<std::unique_ptr<LanguageModel>> MakeModel(const ModelConfig& config);

}  // namespace hourglass
