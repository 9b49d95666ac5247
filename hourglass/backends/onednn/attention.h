#pragma once
// Fused causal attention, forward and backward: self-attention and both resamplings, with or
// without relative positions. Scores exist for one tile of queries at a time, so memory grows with
// the length, not with its square. Queries, keys, values and positions are f32 or bf16; bf16 is
// widened when a head is packed and rounded once when a result is written.

#include "hourglass/ops/attention.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Unimplemented for other tensors.
KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node);
KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
