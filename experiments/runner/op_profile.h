#pragma once
// Where the time of a step goes: by op and kernel, and by the parts whose cost has a law.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hourglass/runtime/program.h"

namespace hourglass {

// The nodes of one op and one implementation together, per run of their program.
struct OpTotal {
  std::string op, implementation;
  int64_t nodes = 0;
  double seconds = 0;          // mean over the profiled runs
  int64_t executed_flops = 0;  // of products, tiling and skipping included
  int64_t bytes = 0;           // inputs read once and outputs written once
};
// Largest time first. Nodes that did not run are left out.
std::vector<OpTotal> TotalsByOp(std::span<const NodeProfile> nodes);

// The shortened stack, at length n / k, costs attention ~ (n/k)^2 and the rest of it ~ n/k; what
// lies outside of it ~ n; adding up gradients and the update depend on neither. All of a vanilla
// model lies outside.
enum class StepPart { kAttention, kRest, kOutside, kParameters };
inline constexpr std::array kStepParts = {StepPart::kAttention, StepPart::kRest, StepPart::kOutside,
                                          StepPart::kParameters};
std::string_view Name(StepPart part);  // "attention", "rest", "outside", "parameters"

// The part of a node of a training step, forward or backward. `scope` is that of the node:
// "valley.middle.0.attention", "gradient/...", "accumulate/NAME", "update".
StepPart PartOf(std::string_view op, std::string_view scope);

// Nanoseconds of each part, in the order of kStepParts.
using PartTimes = std::array<int64_t, kStepParts.size()>;

// Times by part of what two Programs do together, from one asking to the next. Profiles them as
// long as they live: two readings of the clock around every node.
class PartClock {
 public:
  PartClock(Program& accumulate, Program& update);
  // Since the last call, or since the clock was made.
  PartTimes Take();

 private:
  std::array<Program*, 2> programs_;
  PartTimes before_ = {};
};

}  // namespace hourglass
