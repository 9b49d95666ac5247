#pragma once
// The ops that change state.

#include "hourglass/graph/graph.h"

namespace hourglass {

// total (state), value (equal spec), overwrite u32[1] -> total: value if overwrite is 1, else
// total + value.
class AccumulateOp : public Op {
 public:
  std::string_view Name() const override { return "accumulate"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  std::vector<Mutation> Mutates() const override { return {{0, 0}}; }
};

// x [n] -> [1]: sum of squares, in f64 inside and in an order that does not depend on the threads.
class SumSquaresOp : public Op {
 public:
  std::string_view Name() const override { return "sum_squares"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
};

// Places of the numbers in the `scalars` input of AdamOp.
enum AdamScalar : int {
  kAdamRate = 0,
  kAdamCorrection1 = 1,
  kAdamCorrection2 = 2,
  kAdamScalars = 3
};

// One Adam step over flat arenas (C1, parity/README section 7):
//   g = gradient * clip,  clip = min(1, max_norm / sqrt(sum_squares)), or 1 if max_norm is 0
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   parameter -= rate * (m / correction1) / (sqrt(v / correction2) + epsilon)
// with correction_i = 1 - beta_i^step computed by the caller. If sum_squares is not finite nothing
// changes: the caller sees the same number and ends the run as diverged.
//
// Inputs: parameter [n] (state), gradient [n] (state), m [n] (state), v [n] (state), scalars
// [kAdamScalars], sum_squares [1]. Outputs: parameter, m, v.
class AdamOp : public Op {
 public:
  AdamOp(double beta1, double beta2, double epsilon, double max_norm)
      : beta1_(beta1), beta2_(beta2), epsilon_(epsilon), max_norm_(max_norm) {}
  double beta1() const { return beta1_; }
  double beta2() const { return beta2_; }
  double epsilon() const { return epsilon_; }
  double max_norm() const { return max_norm_; }
  std::string_view Name() const override { return "adam"; }
  std::string Attributes() const override;
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override;
  Cost Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const override;
  std::vector<Mutation> Mutates() const override { return {{0, 0}, {2, 1}, {3, 2}}; }

 private:
  double beta1_, beta2_, epsilon_, max_norm_;
};

}  // namespace hourglass
