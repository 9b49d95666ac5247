#pragma once
// Fused causal attention, forward and backward, f32: self-attention and both resamplings, with or
// without relative positions. Scores exist for one tile of queries at a time, so memory grows with
// the length, not with its square.

#include "hourglass/ops/attention.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Unimplemented for tensors other than f32.
KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node);
KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
