#pragma once

#include "hourglass/graph/core_ops.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Between f32 and bf16.
KernelTable::Result MakeCast(const CastOp& op, const NodeSpecs& node);
// Any dtype but f64.
KernelTable::Result MakeFill(const FillOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
