#pragma once

#include "hourglass/nn/attention.h"
#include "hourglass/nn/scope.h"

namespace hourglass {

struct BlockConfig {
  AttentionConfig attention;
  int64_t d_ff = 0;
};

// One pre-norm Transformer block (A6): x += Drop(Attn(LN x)); x += Drop(FF(LN x)). [B, n, d].
Value Block(const Scope& scope, const BlockConfig& config, const AttentionKind& kind,
            const AttentionPlace& place, Value x);

// What follows the attention of a block and of the attention resamplers, with
// scope.feed_forward_norm and scope.feed_forward: h = x + Drop(mixed); h + Drop(FF(LN h)).
Value AfterAttention(const Scope& scope, const BlockConfig& config, Value x, Value mixed);

// `layers` blocks scope.0, scope.1, .. and a final scope.norm, also after no block at all (A1). By
// these numbers train/recompute.h knows what a block is.
// `factor` is the cumulative shorten factor of the stack, x is [B, length, d].
Value Stack(const Scope& scope, const BlockConfig& config, const AttentionKind& kind,
            int64_t layers, int64_t length, int64_t factor, Value x);

}  // namespace hourglass
