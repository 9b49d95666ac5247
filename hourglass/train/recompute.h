#pragma once
// Which part of a training step is computed twice so that its memory fits (graph/recompute.h).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/runtime/state.h"
#include "hourglass/train/graphs.h"

namespace hourglass {

// Decides memory and time of a step, never its numbers.
struct RecomputeSettings {
  // Comma-separated; empty: nothing.
  //   elementwise  what does no product (norms, GELU, pooling), wherever its inputs are kept anyway
  //   blocks       every Transformer block and every resampler, one by one
  //   levels       every stack of blocks as a whole, and every resampler
  //   a scope      all below it as a whole: "pre.0", "valley.middle"
  std::string what;
  // Bytes that Trainer::PlannedBytes may reach; 0: any. If they do not suffice, `elementwise` is
  // added, then the fewest blocks and resamplers with which they do.
  int64_t memory_limit = 0;
};

// Rewrites step.graph and returns the names of what is recomputed ("elementwise", then scopes in
// forward order), the same for the same model, shape and settings. `backend` is asked for the
// workspaces of the kernels if there is a limit; without one they do not count.
// InvalidArgument for a name that is not there (with those that are) and for a limit that cannot be
// kept (with the bytes that are needed).
absl::StatusOr<std::vector<std::string>> ApplyRecompute(const RecomputeSettings& settings,
                                                        const StateSpec& state, const Graph& update,
                                                        Backend* backend, RecordedStep& step);

}  // namespace hourglass
