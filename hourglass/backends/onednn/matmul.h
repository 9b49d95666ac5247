#pragma once

#include "hourglass/ops/matmul.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// One oneDNN product on plain row-major tensors, transposes through strides. f32, and bf16 where
// CpuSupportsBf16().
KernelTable::Result MakeMatmul(const MatmulOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
