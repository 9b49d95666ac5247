#pragma once

#include "hourglass/ops/loss.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// The mean is summed in f64 in the order of the rows.
KernelTable::Result MakeCrossEntropy(const CrossEntropyOp& op, const NodeSpecs& node);
KernelTable::Result MakeCrossEntropyGrad(const CrossEntropyGradOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
