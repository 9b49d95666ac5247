#pragma once

#include "hourglass/ops/norm.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakeLayerNorm(const LayerNormOp& op, const NodeSpecs& node);
// The sums for scale and bias go over fixed blocks of rows, then over the blocks in order.
KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidualNorm(const ResidualNormOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidualNormGrad(const ResidualNormGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
