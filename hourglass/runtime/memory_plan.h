#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

struct MemoryPlanOptions {
  // Every temporary gets memory of its own, nothing in place: for looking at all values afterwards.
  bool keep_all = false;
};

// Where every value of a graph lies, decided before the first step.
struct MemoryPlan {
  enum class Block : uint8_t { kNone, kInput, kOutput, kConstant, kTemporary, kState };
  struct Place {
    Block block = Block::kNone;
    int64_t offset = 0;  // bytes from the start of the block, or inside the state arena
    int arena = -1;      // kState
  };
  std::vector<Place> places;  // by value id; a view or an in-place output shares its source's place
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
  int64_t constant_bytes = 0;
  int64_t temporary_bytes = 0;
  int64_t workspace_bytes = 0;  // the largest of all kernels
  int64_t state_bytes = 0;

  // All memory the Program touches, State included.
  int64_t PeakBytes() const {
    return input_bytes + output_bytes + constant_bytes + temporary_bytes + workspace_bytes +
           state_bytes;
  }
};

// Plans memory by lifetime: views share, permitted in-place outputs take over, the rest is packed
// greedily, large tensors first. Also checks state use:
//   FailedPrecondition  a node reads a state value (or an overlapping one) that an earlier node has
//                       overwritten without taking the new value; a mutated input that is not state
//   NotFound            the State has no such buffer;  InvalidArgument  its spec differs
absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const StateSpec& state,
                                      const MemoryPlanOptions& options);

}  // namespace hourglass
