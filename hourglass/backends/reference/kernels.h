#pragma once
// Makers of all kernels; one source file per family, as in hourglass/ops.

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/attention.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/ops/embedding.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/ops/norm.h"
#include "hourglass/ops/optimizer.h"
#include "hourglass/ops/pooling.h"
#include "hourglass/ops/rotary.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::reference {

KernelTable::Result MakeAdd(const AddOp& op, const NodeSpecs& node);
KernelTable::Result MakeCast(const CastOp& op, const NodeSpecs& node);
KernelTable::Result MakeFill(const FillOp& op, const NodeSpecs& node);

KernelTable::Result MakeMatmul(const MatmulOp& op, const NodeSpecs& node);

KernelTable::Result MakeLayerNorm(const LayerNormOp& op, const NodeSpecs& node);
KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidualNorm(const ResidualNormOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidualNormGrad(const ResidualNormGradOp& op, const NodeSpecs& node);

KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node);
KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node);
KernelTable::Result MakeRotary(const RotaryOp& op, const NodeSpecs& node);

KernelTable::Result MakePool(const PoolOp& op, const NodeSpecs& node);
KernelTable::Result MakeRepeat(const RepeatOp& op, const NodeSpecs& node);

KernelTable::Result MakeEmbedding(const EmbeddingOp& op, const NodeSpecs& node);
KernelTable::Result MakeEmbeddingGrad(const EmbeddingGradOp& op, const NodeSpecs& node);

KernelTable::Result MakeCrossEntropy(const CrossEntropyOp& op, const NodeSpecs& node);
KernelTable::Result MakeCrossEntropyGrad(const CrossEntropyGradOp& op, const NodeSpecs& node);

KernelTable::Result MakeGelu(const GeluOp& op, const NodeSpecs& node);
KernelTable::Result MakeGeluGrad(const GeluGradOp& op, const NodeSpecs& node);

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidual(const ResidualOp& op, const NodeSpecs& node);

KernelTable::Result MakeShiftRows(const ShiftRowsOp& op, const NodeSpecs& node);
KernelTable::Result MakeColumnSum(const ColumnSumOp& op, const NodeSpecs& node);

KernelTable::Result MakeAccumulate(const AccumulateOp& op, const NodeSpecs& node);
KernelTable::Result MakeSumSquares(const SumSquaresOp& op, const NodeSpecs& node);
KernelTable::Result MakeAdam(const AdamOp& op, const NodeSpecs& node);

// All of the above: what this backend can do. reshape is a view and needs no kernel.
KernelTable MakeKernelTable();

}  // namespace hourglass::reference
