#pragma once

#include "hourglass/ops/layout.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Any dtype but f64: rows are copied as bytes.
KernelTable::Result MakeShiftRows(const ShiftRowsOp& op, const NodeSpecs& node);
// Sums over fixed blocks of rows, then over the blocks in order.
KernelTable::Result MakeColumnSum(const ColumnSumOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
