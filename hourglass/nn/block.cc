#include "hourglass/nn/block.h"

#include "absl/strings/str_cat.h"
#include "hourglass/nn/layers.h"

namespace hourglass {

Value AfterAttention(const Scope& scope, const BlockConfig& config, Value x, Value mixed) {
  const int64_t d = config.attention.d_model;
  const auto [sum, normal] = ResidualNorm(scope.Sub("feed_forward_norm"), x, mixed,
                                          scope.SiteOf("attention.dropout"), d, Consumer::kProduct);
  return FeedForward(scope.Sub("feed_forward"), normal, sum, d, config.d_ff);
}

Value Block(const Scope& scope, const BlockConfig& config, const AttentionKind& kind,
            const AttentionPlace& place, Value x) {
  const Value normal =
      Norm(scope.Sub("attention_norm"), x, config.attention.d_model, Consumer::kProduct);
  const Value mixed = kind.record(scope.Sub("attention"), config.attention, place, normal, normal);
  return AfterAttention(scope, config, x, mixed);
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
