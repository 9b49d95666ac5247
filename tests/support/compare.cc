#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "tests/support/backends.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

// Smaller than this share of the largest number of all outputs counts as zero: rounding leaves
// traces where the mathematics has none.
constexpr double kZeroShare = 1e-5;

std::vector<HostTensor> AbsoluteValues(std::vector<HostTensor> tensors) {
  for (HostTensor& tensor : tensors) {
    if (!IsFloating(tensor.spec.dtype)) continue;
    for (double& value : tensor.values) value = std::abs(value);
  }
  return tensors;
}

std::vector<HostTensor> RunReference(const OpCase& op_case, const std::vector<HostTensor>& inputs) {
  auto outputs = RunOp(Reference(), op_case.make(DType::kF64), inputs);
  HG_CHECK(outputs.ok());
  return *std::move(outputs);
}

// Error that element `e` of an output of type `dtype` may have in a run in `run`.
double Tolerance(const OpCase& op_case, const Oracle& oracle, size_t i, size_t e, DType run,
                 DType dtype) {
  const double scale = oracle.scales[i][e];
  double tolerance = op_case.bound.c * EpsilonOf(WideType(run)) * scale;
  if (run == DType::kBF16) {
    tolerance += op_case.bound.narrow * EpsilonOf(run) * oracle.rows[i][e];
  }
  if (dtype == DType::kBF16) {
    tolerance += EpsilonOf(dtype) * std::abs(oracle.outputs[i].values[e]);
  }
  return tolerance;
}

double LargestOfAll(const std::vector<HostTensor>& outputs) {
  double largest = 0;
  for (const HostTensor& output : outputs) {
    largest = std::max(largest, LargestAbsolute(output.values));
  }
  return largest;
}

bool IsConstant(const std::vector<double>& values) {
  return values.size() > 1 && std::ranges::all_of(values, [&](double v) { return v == values[0]; });
}

std::string MistrustZeros(const OutputTraits& traits, const HostTensor& output, double largest) {
  const auto zeros = std::ranges::count_if(
      output.values, [&](double v) { return std::abs(v) <= kZeroShare * largest; });
  const double fraction = static_cast<double>(zeros) / static_cast<double>(output.values.size());
  if (traits.zeros && std::abs(fraction - *traits.zeros) > 0.1) {
    return absl::StrCat("has ", fraction, " zeros, declared ", *traits.zeros);
  }
  if (!traits.zeros && fraction > 0.05) return absl::StrCat("has ", fraction, " zeros");
  return "";
}

std::string MistrustOutput(const OpCase& op_case, const Oracle& oracle, size_t i, DType run) {
  const OutputTraits traits = op_case.Traits(i);
  const HostTensor& output = oracle.outputs[i];
  const std::string zeros = MistrustZeros(traits, output, LargestOfAll(oracle.outputs));
  if (!zeros.empty() || traits.zeros == 1.0) return zeros;
  if (IsConstant(output.values) != traits.constant && output.values.size() > 1) {
    return traits.constant ? "is not constant, as declared" : "is constant";
  }
  if (op_case.exact || !IsFloating(output.spec.dtype)) return "";
  std::vector<double> tolerances;
  for (size_t e = 0; e < output.values.size(); ++e) {
    tolerances.push_back(Tolerance(op_case, oracle, i, e, run, run));
  }
  const double tolerance = RootMeanSquare(tolerances);
  const double rms = RootMeanSquare(output.values);
  // Two steps of bf16 at the largest number of a row are 2 to 6 % of the RMS by themselves.
  const double limit = run == DType::kBF16 && op_case.bound.narrow > 0 ? 0.125 : 0.05;
  if (tolerance <= limit * rms) return "";
  return absl::StrCat("has tolerance ", tolerance, ", above ", 100 * limit, " % of its RMS ", rms);
}

// But at least the root mean square of all: errors of sums do not cancel as the sums do.
std::vector<double> LargestOfRows(const HostTensor& tensor) {
  std::vector<double> largest(tensor.values.size());
  const Shape& shape = tensor.spec.shape;
  const size_t width = shape.rank() == 0 ? 1 : static_cast<size_t>(shape[-1]);
  const double rms = RootMeanSquare(tensor.values);
  for (size_t row = 0; row < largest.size(); row += width) {
    double of_row = rms;
    for (size_t e = row; e < row + width; ++e) {
      of_row = std::max(of_row, std::abs(tensor.values[e]));
    }
    std::fill_n(largest.begin() + static_cast<std::ptrdiff_t>(row), width, of_row);
  }
  return largest;
}

}  // namespace

Oracle ComputeOracle(const OpCase& op_case, const std::vector<HostTensor>& inputs) {
  const std::vector<HostTensor> wide = WithFloatingType(inputs, DType::kF64);
  Oracle oracle{RunReference(op_case, wide), {}};
  for (const HostTensor& output : oracle.outputs) oracle.rows.push_back(LargestOfRows(output));
  if (op_case.bound.scale == ErrorScale::kAbsoluteOp) {
    // An attribute of the op may be negative.
    for (HostTensor& output : AbsoluteValues(RunReference(op_case, AbsoluteValues(wide)))) {
      oracle.scales.push_back(std::move(output.values));
    }
    return oracle;
  }
  const double largest_of_all = LargestOfAll(oracle.outputs);
  for (const HostTensor& output : oracle.outputs) {
    const bool all = op_case.bound.scale == ErrorScale::kLargestOfAll;
    const double scale = all ? largest_of_all : LargestAbsolute(output.values);
    oracle.scales.emplace_back(output.values.size(), scale);
  }
  return oracle;
}

std::string CompareOutputs(const OpCase& op_case, const Oracle& oracle,
                           const std::vector<HostTensor>& outputs, DType run) {
  if (outputs.size() != oracle.outputs.size()) return "another number of outputs\n";
  std::string findings;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const HostTensor& want = oracle.outputs[i];
    const HostTensor& got = outputs[i];
    if (!(got.spec.shape == want.spec.shape)) return "another shape\n";
    const DType dtype = got.spec.dtype;
    size_t wrong = 0, first = 0;
    double allowed = 0;
    for (size_t e = 0; e < want.values.size(); ++e) {
      const bool must_equal = op_case.exact || !IsFloating(dtype);
      const double target = must_equal ? RoundTo(dtype, want.values[e]) : want.values[e];
      const double limit = must_equal ? 0.0 : Tolerance(op_case, oracle, i, e, run, dtype);
      const bool same =
          got.values[e] == target || (std::isnan(got.values[e]) && std::isnan(target));
      if (same || std::abs(got.values[e] - target) <= limit) continue;
      if (wrong++ > 0) continue;
      first = e;
      allowed = limit;
    }
    if (wrong == 0) continue;
    absl::StrAppend(&findings, "output ", i, " (", got.spec.ToString(), "): ", wrong, " of ",
                    want.values.size(), " wrong, the first at ", first, ": ", got.values[first],
                    " instead of ", want.values[first], " +- ", allowed, "\n");
  }
  return findings;
}

std::string Mistrust(const OpCase& op_case, const Oracle& oracle, DType run) {
  std::string findings;
  for (size_t i = 0; i < oracle.outputs.size(); ++i) {
    const std::string finding = MistrustOutput(op_case, oracle, i, run);
    if (!finding.empty()) absl::StrAppend(&findings, "output ", i, " ", finding, "\n");
  }
  return findings;
}

double WorstRatio(const Oracle& oracle, const std::vector<HostTensor>& outputs) {
  double worst = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!IsFloating(outputs[i].spec.dtype)) continue;
    const double epsilon = EpsilonOf(outputs[i].spec.dtype);
    for (size_t e = 0; e < outputs[i].values.size(); ++e) {
      const double error = std::abs(outputs[i].values[e] - oracle.outputs[i].values[e]);
      if (error == 0) continue;
      worst = std::max(worst, error / (epsilon * oracle.scales[i][e]));
    }
  }
  return worst;
}

}  // namespace hourglass::testing
