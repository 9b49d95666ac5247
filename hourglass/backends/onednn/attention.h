#pragma once
// Fused causal attention, forward and backward: self-attention and both resamplings, with or
// without relative positions. Scores exist for one tile of queries at a time, so memory grows with
// the length, not with its square. Queries, keys, values and positions are f32 or bf16. Where the
// CPU multiplies bf16 and the head width is even, the factors of all products inside are bf16 then
// (probabilities and their gradients rounded), sums and softmax f32; else bf16 is widened when a
// head is packed.

#include "hourglass/ops/attention.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Unimplemented for other tensors.
KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node);
KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
