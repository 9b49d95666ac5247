#pragma once

namespace hourglass {

// Cores that this process may run on, at least 1: as many threads as it starts unless told
// otherwise.
int CoreCount();

}  // namespace hourglass
