#pragma once
// One graph on two backends, node by node.

#include <string>

#include "absl/status/statusor.h"
#include "hourglass/runtime/program.h"

namespace hourglass {

struct ProgramDifference {
  int node = -1;            // first node beyond the limit; -1: none
  std::string description;  // op, scope, output, values
  double worst = 0.0;       // largest relative difference over all nodes up to there
};

// Both Programs are compiled with keep_all from graphs of the same ops (dtypes may differ, f32
// against f64), and their inputs and States hold the same numbers. Runs them in step; before each
// node the inputs of `b` are overwritten with those of `a`, so that an error is charged to the node
// that makes it and does not travel. Relative difference = largest absolute difference of an output
// over its largest absolute value.
//
// InvalidArgument if the graphs differ in ops or shapes.
absl::StatusOr<ProgramDifference> ComparePrograms(Program& a, Program& b, double limit);

}  // namespace hourglass
