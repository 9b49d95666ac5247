#pragma once

#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// All that this backend can do.
const KernelTable& Kernels();

}  // namespace hourglass::onednn
