#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hourglass {

// Steps s count from 1; w = warmup, warm(s) = min(1, s / w), or 1 if w is 0 (C2, parity/README
// section 7).
enum class ScheduleKind : uint8_t {
  kConstant,          // rate * warm(s)
  kWarmupCosine,      // rate * warm(s) * (1 + cos(pi * (max(0, s - w) / cycle mod 1))) / 2
  kWarmupCosineOnce,  // the same without "mod 1": 0 from step w + cycle on
  kWarmupRsqrt,       // rate * warm(s) / sqrt(max(s, w)); `rate` is the constant, not the peak
};

// "constant", "warmup_cosine", "warmup_cosine_once", "warmup_rsqrt".
std::string_view Name(ScheduleKind kind);
absl::StatusOr<ScheduleKind> ParseScheduleKind(std::string_view name);

// Learning rate as a function of the step. A cosine that ends at 0 after n steps is
// kWarmupCosineOnce with cycle = n - warmup.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kConstant;
  double rate = 1e-3;
  int64_t warmup = 0;
  int64_t cycle = 0;  // of the cosines only

  double Rate(int64_t step) const;
  // InvalidArgument naming the field.
  absl::Status Validate() const;
};

}  // namespace hourglass
