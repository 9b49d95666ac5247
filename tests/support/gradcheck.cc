#include "tests/support/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/graph/gradient.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/backends.h"
#include "tests/support/host_program.h"

namespace hourglass::testing {
namespace {

constexpr double kStep = 1e-3;
constexpr double kRelativeLimit = 1e-6;
constexpr double kFloor = 1e-10;

std::string InputName(size_t i) { return absl::StrCat("in", i); }

struct Recorded {
  Graph graph;
  Value loss;
  std::vector<Value> inputs;
};

Recorded Record(const LossBuilder& build, const std::vector<HostTensor>& inputs) {
  Recorded recorded;
  for (size_t i = 0; i < inputs.size(); ++i) {
    recorded.inputs.push_back(recorded.graph.Input(InputName(i), inputs[i].spec));
  }
  recorded.loss = build(recorded.graph, recorded.inputs);
  return recorded;
}

// The loss as a function of the inputs.
class Loss {
 public:
  static absl::StatusOr<Loss> Make(const LossBuilder& build, std::vector<HostTensor> inputs) {
    Recorded recorded = Record(build, inputs);
    recorded.graph.MarkOutput(recorded.loss, "loss");
    HG_ASSIGN_OR_RETURN(HostProgram program,
                        HostProgram::Compile(std::move(recorded.graph), Reference()));
    return Loss(std::move(program), std::move(inputs));
  }

  absl::StatusOr<double> At() { return Along(0, {}, 0); }
  // With input i moved by step * direction.
  absl::StatusOr<double> Along(size_t i, const std::vector<double>& direction, double step) {
    for (size_t j = 0; j < inputs_.size(); ++j) {
      HostTensor moved = inputs_[j];
      for (size_t e = 0; j == i && e < direction.size(); ++e) {
        moved.values[e] += step * direction[e];
      }
      HG_RETURN_IF_ERROR(program_.Set(InputName(j), moved));
    }
    HG_RETURN_IF_ERROR(program_.Run());
    return program_.program().GetScalar("loss");
  }
  absl::StatusOr<double> Derivative(size_t i, const std::vector<double>& direction) {
    HG_ASSIGN_OR_RETURN(const double wide, Difference(i, direction, kStep));
    HG_ASSIGN_OR_RETURN(const double narrow, Difference(i, direction, kStep / 2));
    return (4 * narrow - wide) / 3;
  }

 private:
  Loss(HostProgram program, std::vector<HostTensor> inputs)
      : program_(std::move(program)), inputs_(std::move(inputs)) {}
  absl::StatusOr<double> Difference(size_t i, const std::vector<double>& direction, double step) {
    HG_ASSIGN_OR_RETURN(const double above, Along(i, direction, step));
    HG_ASSIGN_OR_RETURN(const double below, Along(i, direction, -step));
    return (above - below) / (2 * step);
  }

  HostProgram program_;
  std::vector<HostTensor> inputs_;
};

double Product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

absl::StatusOr<std::string> Check(const LossBuilder& build, const std::vector<HostTensor>& inputs,
                                  const GradientCheckOptions& options) {
  HG_ASSIGN_OR_RETURN(const std::vector<HostTensor> gradients,
                      RunWithGradients(build, inputs, options.wrt, Reference()));
  HG_ASSIGN_OR_RETURN(Loss loss, Loss::Make(build, inputs));
  HG_ASSIGN_OR_RETURN(const double value, loss.At());
  std::string findings;
  std::mt19937_64 random(17);
  std::normal_distribution<double> normal;
  for (size_t w = 0; w < options.wrt.size(); ++w) {
    const size_t i = static_cast<size_t>(options.wrt[w]);
    const std::vector<double>& gradient = gradients[w].values;
    const double limit = kRelativeLimit * std::sqrt(Product(gradient, gradient)) +
                         kFloor * std::max(1.0, std::abs(value));
    std::vector<std::vector<double>> directions(1, std::vector<double>(gradient.size()));
    for (double& x : directions[0]) x = normal(random);
    if (options.every_element && gradient.size() <= kElementwiseLimit) {
      for (size_t e = 0; e < gradient.size(); ++e) {
        directions.emplace_back(gradient.size(), 0.0)[e] = 1.0;
      }
    }
    for (size_t d = 0; d < directions.size(); ++d) {
      HG_ASSIGN_OR_RETURN(const double numeric, loss.Derivative(i, directions[d]));
      const double analytic = Product(gradient, directions[d]);
      if (std::abs(analytic - numeric) <= limit) continue;
      absl::StrAppend(
          &findings, "input ", i,
          d == 0 ? std::string(" along a random direction") : absl::StrCat(" at element ", d - 1),
          ": gradient ", analytic, ", difference quotient ", numeric, ", limit ", limit, "\n");
    }
  }
  return findings;
}

}  // namespace

absl::StatusOr<std::vector<HostTensor>> RunWithGradients(const LossBuilder& build,
                                                         const std::vector<HostTensor>& inputs,
                                                         const std::vector<int>& wrt,
                                                         std::shared_ptr<Backend> backend) {
  Recorded recorded = Record(build, inputs);
  Graph& graph = recorded.graph;
  HG_RETURN_IF_ERROR(graph.status());
  std::vector<Value> targets;
  for (const int i : wrt) targets.push_back(recorded.inputs[static_cast<size_t>(i)]);
  const TensorSpec one = graph.spec(recorded.loss);
  const Value seed = graph.Input("seed", one);
  HG_ASSIGN_OR_RETURN(const auto gradients, AppendGradients(graph, recorded.loss, seed, targets));
  for (size_t i = 0; i < wrt.size(); ++i) {
    const Value gradient = gradients[i] ? *gradients[i] : Fill(graph, graph.spec(targets[i]), 0.0);
    graph.MarkOutput(gradient, absl::StrCat("gradient", i));
  }
  const auto outputs = graph.outputs();
  HG_ASSIGN_OR_RETURN(HostProgram program,
                      HostProgram::Compile(std::move(graph), std::move(backend)));
  for (size_t i = 0; i < inputs.size(); ++i) {
    HG_RETURN_IF_ERROR(program.Set(InputName(i), inputs[i]));
  }
  HG_RETURN_IF_ERROR(program.Set("seed", HostTensor{one, {1.0}}));
  HG_RETURN_IF_ERROR(program.Run());
  std::vector<HostTensor> results;
  for (const auto& [name, value] : outputs) {
    HG_ASSIGN_OR_RETURN(HostTensor result, program.Get(name));
    results.push_back(std::move(result));
  }
  return results;
}

std::string CheckGradients(const LossBuilder& build, const std::vector<HostTensor>& inputs,
                           const GradientCheckOptions& options) {
  const auto findings = Check(build, inputs, options);
  return findings.ok() ? *findings : findings.status().ToString();
}

std::string CheckGradients(const OpCase& op_case) {
  std::vector<HostTensor> inputs = MakeInputs(op_case, DType::kF64);
  const auto outputs = op_case.make(DType::kF64)->Infer(SpecsOf(inputs));
  if (!outputs.ok()) return outputs.status().ToString();
  // The weights are further inputs, one for each output.
  const size_t count = inputs.size();
  std::mt19937_64 random(Fnv1a64(op_case.name));
  std::normal_distribution<double> normal;
  for (size_t o = 0; o < op_case.gradient_outputs; ++o) {
    const int64_t elements = (*outputs)[o].Elements();
    HostTensor weights{{Shape{elements, 1}, DType::kF64}, {}};
    for (int64_t i = 0; i < elements; ++i) weights.values.push_back(normal(random));
    inputs.push_back(std::move(weights));
  }
  const auto build = [&](Graph& graph, const std::vector<Value>& values) {
    const auto first_weights = values.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<Value> out =
        graph.Add(op_case.make(DType::kF64), {values.begin(), first_weights});
    std::optional<Value> loss;
    for (size_t o = 0; o < op_case.gradient_outputs; ++o) {
      const Value row = Reshape(graph, out[o], Shape{1, (*outputs)[o].Elements()});
      const Value part = Matmul(graph, row, values[count + o]);
      loss = loss ? Add(graph, *loss, part) : part;
    }
    return *loss;
  };
  return CheckGradients(build, inputs,
                        {.wrt = op_case.differentiable, .every_element = !op_case.slow});
}

}  // namespace hourglass::testing
