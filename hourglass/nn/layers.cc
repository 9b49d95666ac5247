#include "hourglass/nn/layers.h"

#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"

namespace hourglass {
namespace {

Value Map(const Scope& scope, Value x, Value weight, Value bias, Consumer consumer) {
  return MatmulBias(scope.graph(), scope.Operand(x), scope.Operand(weight), bias,
                    scope.TypeFor(consumer));
}

}  // namespace

Value Linear(const Scope& scope, Value x, int64_t in, int64_t out, Consumer consumer) {
  scope.Enter();
  const Value weight = scope.Parameter("weight", Shape{in, out}, Initializer::kGlorotUniform);
  const Value bias = scope.Parameter("bias", Shape{out}, Initializer::kTinyNormal);
  return Map(scope, x, weight, bias, consumer);
}

Value PackedLinear(const Scope& scope, Value x, std::string_view joined,
                   std::span<const std::string_view> parts, int64_t in, int64_t out) {
  scope.Enter();
  const Value weight =
      scope.PackedParameter(joined, parts, "weight", Shape{in, out}, Initializer::kGlorotUniform);
  const Value bias =
      scope.PackedParameter(joined, parts, "bias", Shape{out}, Initializer::kTinyNormal);
  return Map(scope, x, weight, bias, Consumer::kProduct);
}

Value Norm(const Scope& scope, Value x, int64_t d, Consumer consumer) {
  scope.Enter();
  const Value scale = scope.Parameter("scale", Shape{d}, Initializer::kOnes);
  const Value bias = scope.Parameter("bias", Shape{d}, Initializer::kZeros);
  return LayerNorm(scope.graph(), x, scale, bias, scope.TypeFor(consumer));
}

Value FeedForward(const Scope& scope, Value x, int64_t d, int64_t f) {
  const Value inner = Linear(scope.Sub("in"), x, d, f, Consumer::kProduct);
  const Value hidden = Gelu(scope.graph(), inner);
  return Linear(scope.Sub("out"), scope.Enter().Dropout(hidden, "hidden"), f, d);
}

}  // namespace hourglass
