#include "hourglass/nn/layers.h"

#include <vector>

#include "hourglass/ops/dropout.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"

namespace hourglass {
namespace {

struct MapParameters {
  Value weight, bias;
};

MapParameters DeclareMap(const Scope& scope, int64_t in, int64_t out) {
  scope.Enter();
  const Value weight = scope.Parameter("weight", Shape{in, out}, Initializer::kGlorotUniform);
  return {weight, scope.Parameter("bias", Shape{out}, Initializer::kTinyNormal)};
}

Value Map(const Scope& scope, Value x, const MapParameters& map, Consumer consumer) {
  return MatmulBias(scope.graph(), scope.Operand(x), scope.Operand(map.weight), map.bias,
                    scope.TypeFor(consumer));
}

// residual + Linear.
Value LinearResidual(const Scope& scope, Value x, Value residual, int64_t in, int64_t out) {
  const MapParameters map = DeclareMap(scope, in, out);
  return MatmulBiasResidual(scope.graph(), scope.Operand(x), scope.Operand(map.weight), map.bias,
                            residual);
}

}  // namespace

Value Linear(const Scope& scope, Value x, int64_t in, int64_t out, Consumer consumer) {
  return Map(scope, x, DeclareMap(scope, in, out), consumer);
}

Value PackedLinear(const Scope& scope, Value x, std::string_view joined,
                   std::span<const std::string_view> parts, int64_t in, int64_t out) {
  scope.Enter();
  const Value weight =
      scope.PackedParameter(joined, parts, "weight", Shape{in, out}, Initializer::kGlorotUniform);
  const Value bias =
      scope.PackedParameter(joined, parts, "bias", Shape{out}, Initializer::kTinyNormal);
  return Map(scope, x, {weight, bias}, Consumer::kProduct);
}

Value Norm(const Scope& scope, Value x, int64_t d, Consumer consumer) {
  scope.Enter();
  const Value scale = scope.Parameter("scale", Shape{d}, Initializer::kOnes);
  const Value bias = scope.Parameter("bias", Shape{d}, Initializer::kZeros);
  return LayerNorm(scope.graph(), x, scale, bias, scope.TypeFor(consumer));
}

SumAndNorm ResidualNorm(const Scope& scope, Value x, Value branch, RandomSite site, int64_t d,
                        Consumer consumer) {
  scope.Enter();
  const Value scale = scope.Parameter("scale", Shape{d}, Initializer::kOnes);
  const Value bias = scope.Parameter("bias", Shape{d}, Initializer::kZeros);
  const auto op =
      std::make_shared<ResidualNormOp>(scope.DropoutRate(), site, scope.TypeFor(consumer));
  std::vector<Value> in = {x, branch, scale, bias};
  if (op->rate() > 0.0) in.push_back(scope.context().random);
  const std::vector<Value> out = scope.graph().Add(op, std::move(in));
  return {out[0], out[1]};
}

Value FeedForward(const Scope& scope, Value x, Value residual, int64_t d, int64_t f) {
  const Value inner = Linear(scope.Sub("in"), x, d, f, Consumer::kProduct);
  const Value hidden = scope.Enter().Dropout(Gelu(scope.graph(), inner), "hidden");
  const Scope out = scope.Sub("out");
  if (scope.DropoutRate() == 0.0) return LinearResidual(out, hidden, residual, f, d);
  const Value branch = Linear(out, hidden, f, d);
  const auto op = std::make_shared<ResidualOp>(scope.DropoutRate(), scope.SiteOf("dropout"));
  return scope.Enter().graph().Add1(op, {residual, branch, scope.context().random});
}

}  // namespace hourglass
