#pragma once
// The one table of op cases. Shape inference, gradients, agreement of backends, repeatability, FLOP
// counts, the support matrix and the speed runs all read it: a row added here is checked
// everywhere.

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "hourglass/graph/op.h"
#include "tests/support/host_tensor.h"

namespace hourglass::testing {

// Makes the numbers of an input; `earlier` are the inputs before it, f64.
using Generator = std::function<std::vector<double>(std::mt19937_64& random, const Shape& shape,
                                                    std::span<const HostTensor> earlier)>;

struct CaseInput {
  Shape shape;
  Generator generate;
  std::optional<DType> dtype = {};  // none: the floating type of the run
  bool wide = false;                // its WideType: what stays f32 in a bf16 model

  DType TypeIn(DType run) const { return dtype.value_or(wide ? WideType(run) : run); }
};

// What the error of a floating output is measured in.
enum class ErrorScale {
  kAbsoluteOp,    // element by element: the same op on the absolute values of the floating inputs
  kLargest,       // largest absolute value of that output
  kLargestOfAll,  // of all outputs, where one of them may be zero but for rounding
};

struct ErrorBound {
  // f32, f64: |error| <= c * epsilon * scale. In a run in bf16 sums are kept in f32 and results
  // rounded to their type, so |error| <= c * epsilon(f32) * scale + epsilon * |result|, and
  // narrow * epsilon(bf16) * (the larger of the largest of its row, the last axis, and the RMS of
  // all) more where factors inside are rounded to bf16 too.
  double c = 0;
  ErrorScale scale = ErrorScale::kLargest;
  std::string reason = {};
  double narrow = 0;
};

// What is known of an output beforehand; a test that finds otherwise is badly built.
struct OutputTraits {
  std::optional<double> zeros =
      {};                 // fraction, +- 0.1; none: at most 0.05. At 1 nothing else is asked.
  bool constant = false;  // all elements equal
};

struct OpCase {
  std::string name;  // "op/case", unique
  std::function<std::shared_ptr<const Op>(DType run)> make;
  std::vector<CaseInput> inputs = {};
  std::vector<int> differentiable = {};  // inputs whose gradient is checked
  size_t gradient_outputs = 1;           // through so many outputs, the first ones
  ErrorBound bound = {};
  bool exact = false;                      // equal bits in every dtype; `bound` is not used
  std::vector<OutputTraits> outputs = {};  // empty: defaults for all
  bool slow = false;                       // too large to differentiate element by element

  std::string OpName() const { return name.substr(0, name.find('/')); }
  OutputTraits Traits(size_t output) const {
    return outputs.empty() ? OutputTraits() : outputs.at(output);
  }
};

// How GoogleTest names a case in a failure.
inline void PrintTo(const OpCase& op_case, std::ostream* out) { *out << op_case.name; }

const std::vector<OpCase>& AllOpCases();

// Rows of real size, whose shapes are checked and whose speed is measured; no bounds are stated.
const std::vector<OpCase>& SpeedOpCases();

// The inputs of a case in a floating type; the same numbers at every call.
std::vector<HostTensor> MakeInputs(const OpCase& op_case, DType run);

// "attention_grad/self_n13" as a GoogleTest parameter name.
std::string TestName(const std::string& name);

}  // namespace hourglass::testing
