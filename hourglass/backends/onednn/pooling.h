#pragma once

#include "hourglass/ops/pooling.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakePool(const PoolOp& op, const NodeSpecs& node);
KernelTable::Result MakeRepeat(const RepeatOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
