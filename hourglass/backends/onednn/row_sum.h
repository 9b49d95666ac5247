#pragma once
// Partial sums over rows: one per fixed block of rows, added in the order of the blocks.

#include <cstddef>
#include <cstdint>
#include <span>

namespace hourglass::onednn {

// `count` partial rows of `width` floats in the workspace of a kernel.
class PartialRows {
 public:
  PartialRows(int64_t count, int64_t width)
      : count_(count), width_(width), stride_((width + 15) / 16 * 16) {}
  size_t Bytes() const { return static_cast<size_t>(count_ * stride_) * sizeof(float); }

  // Partial row `block`, set to zero.
  float* Clear(std::span<std::byte> workspace, int64_t block) const;
  // out[0 .. columns) = sum over the blocks of columns [first, first + columns).
  void Add(std::span<std::byte> workspace, int64_t first, int64_t columns, float* out) const;

 private:
  int64_t count_, width_, stride_;  // stride: whole cache lines, so that threads do not share them
};

}  // namespace hourglass::onednn
