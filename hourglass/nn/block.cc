#include "hourglass/nn/block.h"

#include "absl/strings/str_cat.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/nn/layers.h"

namespace hourglass {

Value FeedForwardHalf(const Scope& scope, const BlockConfig& config, Value x) {
  const int64_t d = config.attention.d_model;
  const Value normal = Norm(scope.Sub("feed_forward_norm"), x, d, Consumer::kProduct);
  const Value out = FeedForward(scope.Sub("feed_forward"), normal, d, config.d_ff);
  const Value kept = scope.Enter().Dropout(out, "feed_forward.dropout");
  return Add(scope.graph(), x, kept);
}

Value Block(const Scope& scope, const BlockConfig& config, const AttentionKind& kind,
            const AttentionPlace& place, Value x) {
  const Value normal =
      Norm(scope.Sub("attention_norm"), x, config.attention.d_model, Consumer::kProduct);
  const Value mixed = kind.record(scope.Sub("attention"), config.attention, place, normal, normal);
  const Value kept = scope.Enter().Dropout(mixed, "attention.dropout");
  return FeedForwardHalf(scope, config, Add(scope.graph(), x, kept));
}

Value Stack(const Scope& scope, const BlockConfig& config, const AttentionKind& kind,
            int64_t layers, int64_t length, int64_t factor, Value x) {
  const AttentionPlace place{{length, length, 1, 1}, factor};
  for (int64_t i = 0; i < layers; ++i) {
    x = Block(scope.Sub(absl::StrCat(i)), config, kind, place, x);
  }
  return Norm(scope.Sub("norm"), x, config.attention.d_model);
}

}  // namespace hourglass
