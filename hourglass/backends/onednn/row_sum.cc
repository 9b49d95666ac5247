#include "hourglass/backends/onednn/row_sum.h"

#include <algorithm>

#include "hourglass/backends/onednn/elementwise.h"

namespace hourglass::onednn {

float* PartialRows::Clear(std::span<std::byte> workspace, int64_t block) const {
  float* row = reinterpret_cast<float*>(workspace.data()) + block * stride_;
  std::fill(row, row + width_, 0.0f);
  return row;
}

void PartialRows::Add(std::span<std::byte> workspace, int64_t first, int64_t columns,
                      float* out) const {
  const float* partial = reinterpret_cast<const float*>(workspace.data()) + first;
  std::copy(partial, partial + columns, out);
  for (int64_t block = 1; block < count_; ++block) {
    partial += stride_;
    AddFloats(out, partial, out, columns);
  }
}

}  // namespace hourglass::onednn
