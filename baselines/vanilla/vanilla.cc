#include "baselines/vanilla/vanilla.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/model/hierarchy.h"
#include "hourglass/model/hourglass_lm.h"

namespace hourglass {

absl::StatusOr<std::unique_ptr<LanguageModel>> MakeVanillaLm(const ModelConfig& config) {
  HG_ASSIGN_OR_RETURN(const Hierarchy hierarchy, Hierarchy::Parse(config.hierarchy));
  if (!hierarchy.IsVanilla()) {
    return absl::InvalidArgumentError(
        absl::StrCat("model 'vanilla' has the hierarchy \"N@1\", got \"", config.hierarchy, "\""));
  }
  return MakeHourglassLm(config);
}

}  // namespace hourglass
