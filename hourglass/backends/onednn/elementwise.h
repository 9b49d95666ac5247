#pragma once

#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/elementwise.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// out = a + b on one thread; out may be a or b.
void AddFloats(const float* a, const float* b, float* out, int64_t count);

KernelTable::Result MakeAdd(const AddOp& op, const NodeSpecs& node);
KernelTable::Result MakeGelu(const GeluOp& op, const NodeSpecs& node);
KernelTable::Result MakeGeluGrad(const GeluGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
