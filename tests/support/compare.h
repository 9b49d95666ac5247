#pragma once
// When the result of an op counts as right (design, section 5).

#include <string>
#include <vector>

#include "tests/support/op_case.h"

namespace hourglass::testing {

// Results of the f64 reference on the numbers of a case, and the scale of the error of each
// element.
struct Oracle {
  std::vector<HostTensor> outputs;
  std::vector<std::vector<double>> scales;  // as outputs
  // The largest of its row or the RMS of all, as outputs; for runs in bf16.
  std::vector<std::vector<double>> rows = {};
};

// `inputs` may be in any floating type.
Oracle ComputeOracle(const OpCase& op_case, const std::vector<HostTensor>& inputs);

// One line per finding, empty if all is well: an output of a run in `run` beyond its bound, or bits
// that differ if the case is exact.
std::string CompareOutputs(const OpCase& op_case, const Oracle& oracle,
                           const std::vector<HostTensor>& outputs, DType run);

// Reasons not to trust the case itself: a constant output, a fraction of zeros other than declared,
// a tolerance in `run` above 5 % (bf16 inside: 12.5 %) of the root mean square. Empty if it is
// sound.
std::string Mistrust(const OpCase& op_case, const Oracle& oracle, DType run);

// Largest |error| / (epsilon * scale) over floating outputs: what c has to exceed.
double WorstRatio(const Oracle& oracle, const std::vector<HostTensor>& outputs);

}  // namespace hourglass::testing
