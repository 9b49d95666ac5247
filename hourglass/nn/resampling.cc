#include "hourglass/nn/resampling.h"

#include "hourglass/graph/core_ops.h"
#include "hourglass/nn/layers.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/pooling.h"

namespace hourglass {
namespace {

// The k vectors of a group side by side, then one map: [B, n, d] -> [B, n/k, d].
Value LinearPool(const Scope& scope, Value x, int64_t k, int64_t length, int64_t d) {
  scope.Enter();
  const Value grouped = Reshape(scope.graph(), x, Shape{scope.context().batch, length / k, k * d});
  return Linear(scope, grouped, k * d, d);
}

// One map d -> k d, cut into k vectors in order: [B, n/k, d] -> [B, n, d].
Value LinearExpand(const Scope& scope, Value x, int64_t k, int64_t length, int64_t d) {
  const Value wide = Linear(scope, x, d, k * d);
  return Reshape(scope.graph(), wide, Shape{scope.context().batch, length, d});
}

// Paper A5, going down. Dropout inside attention pooling has rate 0 on the query map (A3).
Value AttentionShorten(const Scope& scope, const ShorteningConfig& c, Value delayed) {
  const int64_t d = c.block.attention.d_model;
  const Value h = Norm(scope.Sub("attention_norm"), delayed, d);
  const Value pooled = c.query == "linear"
                           ? LinearPool(scope.Sub("query_pool"), h, c.k, c.length, d)
                           : AveragePool(scope.Enter().graph(), h, c.k);
  const Value query = Norm(scope.Sub("query_norm"), pooled, d);
  const AttentionPlace place{{c.length / c.k, c.length, c.k, 1}, c.spacing};
  const Value mixed =
      ResamplingAttention(scope.Sub("attention"), c.block.attention, place, query, h);
  return AfterAttention(scope, c.block, query, mixed);
}

// U of paper A5 without its x: nothing is none.
Value ExpandQuery(const Scope& scope, const UpsamplingConfig& c, Value h) {
  const int64_t d = c.block.attention.d_model;
  scope.Enter();
  if (c.query == "linear") return LinearExpand(scope.Sub("query_expand"), h, c.k, c.length, d);
  if (c.query == "repeat") return RepeatUpsample(scope.graph(), h, c.k);
  const TensorSpec zeros{Shape{scope.context().batch, c.length, d},
                         scope.TypeFor(Consumer::kStream)};
  return Fill(scope.graph(), zeros, 0.0);
}

// Paper A5, going up. Distances are never multiplied by the level's factor (a quirk of the authors'
// code that the fixtures hold; harmless to causality).
Value AttentionUpsample(const Scope& scope, const UpsamplingConfig& c, Value coarse, Value fine) {
  const int64_t d = c.block.attention.d_model;
  const Value h = Norm(scope.Sub("attention_norm"), coarse, d);
  const Value expanded = ExpandQuery(scope, c, h);
  const Value normal = Norm(scope.Sub("query_norm"), expanded, d);
  const Value query = Add(scope.Enter().graph(), normal, fine);
  const AttentionPlace place{{c.length, c.length / c.k, 1, c.k}, 1};
  const Value mixed =
      ResamplingAttention(scope.Sub("attention"), c.block.attention, place, query, h);
  return AfterAttention(scope, c.block, query, mixed);
}

}  // namespace

Value Shorten(const Scope& scope, const ShorteningConfig& c, Value delayed) {
  scope.Enter();
  if (c.method == "attention") return AttentionShorten(scope, c, delayed);
  if (c.method == "average") return AveragePool(scope.graph(), delayed, c.k);
  const Value pooled = LinearPool(scope, delayed, c.k, c.length, c.block.attention.d_model);
  return scope.Enter().Dropout(pooled, "dropout");
}

Value Upsample(const Scope& scope, const UpsamplingConfig& c, Value coarse, Value fine) {
  scope.Enter();
  if (c.method == "attention") return AttentionUpsample(scope, c, coarse, fine);
  if (c.method == "repeat") return RepeatUpsample(scope.graph(), coarse, c.k);
  const int64_t d = c.block.attention.d_model;
  // Dropped before the cut into k vectors; the element order is the same either way.
  return scope.Enter().Dropout(LinearExpand(scope, coarse, c.k, c.length, d), "dropout");
}

}  // namespace hourglass
