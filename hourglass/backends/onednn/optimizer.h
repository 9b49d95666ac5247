#pragma once

#include "hourglass/ops/optimizer.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakeAccumulate(const AccumulateOp& op, const NodeSpecs& node);
// Sums in f64 over fixed blocks of elements, then over the blocks in order.
KernelTable::Result MakeSumSquares(const SumSquaresOp& op, const NodeSpecs& node);
KernelTable::Result MakeAdam(const AdamOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
