#pragma once

#include "hourglass/ops/dropout.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
