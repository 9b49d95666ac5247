#pragma once
// Attention kinds. A kind is one row of the table in attention.cc; later kinds join there.

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "hourglass/nn/scope.h"
#include "hourglass/ops/attention.h"

namespace hourglass {

struct AttentionConfig {
  int64_t d_model = 0;
  int64_t n_heads = 1;
};

// Who attends to whom. `spacing` is how many tokens one unit of AttentionGeometry::Delta spans: the
// stack's cumulative factor; the fine level's factor when shortening; always 1 when upsampling
// (parity/README section 5).
struct AttentionPlace {
  AttentionGeometry geometry;
  int64_t spacing = 1;
};

// query_source [B, queries, d], key_source [B, keys, d] (the same value for self-attention)
// -> [B, queries, d], output map included, dropout after it not.
using AttentionFn = Value (*)(const Scope& scope, const AttentionConfig& config,
                              const AttentionPlace& place, Value query_source, Value key_source);

struct AttentionKind {
  std::string_view name;
  AttentionFn record;
  bool causal = true;     // asserted by the causality tests
  bool relative = false;  // uses the shared relative_bias.{u,v}
};

std::span<const AttentionKind> AttentionKinds();

// The kind of that name. Unimplemented for one that is planned but not built, InvalidArgument for
// an unknown one; both name it and list those there are.
absl::StatusOr<const AttentionKind*> FindAttentionKind(std::string_view name);

// Relative attention between different lengths, as resampling uses it (A5).
Value ResamplingAttention(const Scope& scope, const AttentionConfig& config,
                          const AttentionPlace& place, Value query_source, Value key_source);

}  // namespace hourglass
