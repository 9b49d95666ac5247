#include "hourglass/nn/layers.h"

#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"

namespace hourglass {

Value Linear(const Scope& scope, Value x, int64_t in, int64_t out) {
  scope.Enter();
  const Value weight = scope.Parameter("weight", Shape{in, out}, Initializer::kGlorotUniform);
  const Value bias = scope.Parameter("bias", Shape{out}, Initializer::kTinyNormal);
  return MatmulBias(scope.graph(), x, weight, bias);
}

Value PackedLinear(const Scope& scope, Value x, std::string_view joined,
                   std::span<const std::string_view> parts, int64_t in, int64_t out) {
  scope.Enter();
  const Value weight =
      scope.PackedParameter(joined, parts, "weight", Shape{in, out}, Initializer::kGlorotUniform);
  const Value bias =
      scope.PackedParameter(joined, parts, "bias", Shape{out}, Initializer::kTinyNormal);
  return MatmulBias(scope.graph(), x, weight, bias);
}

Value Norm(const Scope& scope, Value x, int64_t d) {
  scope.Enter();
  const Value scale = scope.Parameter("scale", Shape{d}, Initializer::kOnes);
  const Value bias = scope.Parameter("bias", Shape{d}, Initializer::kZeros);
  return LayerNorm(scope.graph(), x, scale, bias);
}

Value FeedForward(const Scope& scope, Value x, int64_t d, int64_t f) {
  const Value hidden = Gelu(scope.graph(), Linear(scope.Sub("in"), x, d, f));
  return Linear(scope.Sub("out"), scope.Enter().Dropout(hidden, "hidden"), f, d);
}

}  // namespace hourglass
