#include "hourglass/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"

namespace hourglass {
namespace {

constexpr ScheduleKind kKinds[] = {ScheduleKind::kConstant, ScheduleKind::kWarmupCosine,
                                   ScheduleKind::kWarmupCosineOnce, ScheduleKind::kWarmupRsqrt};

bool IsCosine(ScheduleKind kind) {
  return kind == ScheduleKind::kWarmupCosine || kind == ScheduleKind::kWarmupCosineOnce;
}

}  // namespace

std::string_view Name(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::kConstant:
      return "constant";
    case ScheduleKind::kWarmupCosine:
      return "warmup_cosine";
    case ScheduleKind::kWarmupCosineOnce:
      return "warmup_cosine_once";
    case ScheduleKind::kWarmupRsqrt:
      return "warmup_rsqrt";
  }
  return "?";
}

absl::StatusOr<ScheduleKind> ParseScheduleKind(std::string_view name) {
  std::string names;
  for (const ScheduleKind kind : kKinds) {
    if (Name(kind) == name) return kind;
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(Name(kind)));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(name), "' is no schedule; there are: ", names));
}

double Schedule::Rate(int64_t step) const {
  const double s = static_cast<double>(step), w = static_cast<double>(warmup);
  const double warm = warmup == 0 ? 1.0 : std::min(1.0, s / w);
  if (kind == ScheduleKind::kConstant) return rate * warm;
  if (kind == ScheduleKind::kWarmupRsqrt) return rate * warm / std::sqrt(std::max(s, w));
  const double turns = std::max(0.0, (s - w) / static_cast<double>(cycle));
  const double progress =
      kind == ScheduleKind::kWarmupCosine ? std::fmod(turns, 1.0) : std::min(1.0, turns);
  return rate * warm * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

absl::Status Schedule::Validate() const {
  if (!(rate > 0.0) || !std::isfinite(rate)) {
    return absl::InvalidArgumentError(absl::StrCat("schedule: rate must be positive, not ", rate));
  }
  if (warmup < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("schedule: warmup must not be negative, is ", warmup));
  }
  if (IsCosine(kind) && cycle < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "schedule: ", std::string(Name(kind)), " needs a cycle of at least 1 step, not ", cycle));
  }
  return absl::OkStatus();
}

}  // namespace hourglass
