#pragma once

#include "hourglass/ops/rotary.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakeRotary(const RotaryOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
