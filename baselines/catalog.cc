#include "baselines/catalog.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baselines/vanilla/vanilla.h"
#include "hourglass/base/status.h"
#include "hourglass/model/hierarchy.h"
#include "hourglass/model/hourglass_lm.h"

namespace hourglass {
namespace {

constexpr std::array<ModelFamily, 2> kFamilies = {{
    {"hourglass", "Hourglass Transformer, any palindromic hierarchy (2@1 8@3 2@1)",
     MakeHourglassLm},
    {"vanilla", "Transformer at full length only (N@1), the paper's baseline", MakeVanillaLm},
}};

}  // namespace

std::span<const ModelFamily> ModelFamilies() { return kFamilies; }

absl::StatusOr<std::unique_ptr<LanguageModel>> MakeModel(std::string_view family,
                                                         const ModelConfig& config) {
  for (const ModelFamily& known : kFamilies) {
    if (known.name == family) return known.make(config);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no model family '", std::string(family), "'; there are: ",
      absl::StrJoin(kFamilies, ", ",
                    [](std::string* out, const ModelFamily& known) { out->append(known.name); })));
}

absl::StatusOr<std::unique_ptr<LanguageModel>> MakeModel(const ModelConfig& config) {
  HG_ASSIGN_OR_RETURN(const Hierarchy hierarchy, Hierarchy::Parse(config.hierarchy));
  return MakeModel(hierarchy.IsVanilla() ? "vanilla" : "hourglass", config);
}

}  // namespace hourglass
