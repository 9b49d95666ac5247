#pragma once
// Which runs a sweep consists of, and in which order.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/planner.h"
#include "experiments/runner/progress.h"
#include "experiments/specs/spec.pb.h"

namespace hourglass {

// What part of an experiment is wanted.
struct Selection {
  std::string cell;  // label; empty: all
  std::optional<int64_t> replica;
  std::optional<int64_t> budget;  // steps
};

// Every cell runs with every replica, replica by replica.
struct SweepPlan {
  std::vector<CellPlan> cells;    // the smaller budget first
  std::vector<int64_t> replicas;  // their numbers

  int64_t Runs() const { return static_cast<int64_t>(cells.size() * replicas.size()); }
  // Needed training FLOPs of all runs.
  double Work() const;
};

// Needed training FLOPs of one run.
double WorkOf(const CellPlan& cell);

// Plans what is wanted of a resolved experiment. A usage error says what there is if nothing is
// left; InvalidArgument if the cells do not match as the spec demands.
absl::StatusOr<SweepPlan> PlanSweep(const specs::Experiment& spec, const Selection& selection);

// Says what will be compared, at which cost, and what makes the results weaker.
void Announce(const specs::Experiment& spec, const SweepPlan& sweep, const Environment& environment,
              Progress& progress);

}  // namespace hourglass
