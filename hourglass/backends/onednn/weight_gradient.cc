#include "hourglass/backends/onednn/weight_gradient.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "hourglass/backends/onednn/attention_rows.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/onednn/tile_gemm.h"
#include "hourglass/base/parallel_for.h"

namespace hourglass::onednn {
namespace {

// Columns of a panel: 256 rows of one of b and one of a take 32 of the 48 KB of the first-level
// cache.
constexpr int64_t kPanel = 2 * kTileColumns;
// The largest block: 512 KB of sums, 256 and 128 KB of packed a and b.
constexpr int64_t kMostRows = 512, kMostColumns = 256, kMostDepth = 256;
// Rows of the depth that are packed before the next panel: they stay in the first-level cache.
constexpr int64_t kPackRows = 16;
// To pack a number costs about as much time as so many multiplications.
constexpr int64_t kPackCost = 30;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Columns [0, width) of `rows` rows -> panels, [pairs, columns of the panel] of pairs each.
void Pack(const BFloat16* src, int64_t stride, int64_t rows, int64_t width, BFloat16* panels) {
  const int64_t pairs = CeilDiv(rows, 2);
  for (int64_t first = 0; first < rows; first += kPackRows) {
    for (int64_t c = 0; c < width; c += kPanel) {
      const int64_t columns = std::min(kPanel, width - c);
      PackDepth(src + first * stride + c, stride, std::min(kPackRows, rows - first), columns,
                columns, panels + 2 * pairs * c + first * columns);
    }
  }
}

}  // namespace

struct WeightGradient::Scratch {
  float* sums;             // [rows_, columns_]
  BFloat16 *left, *right;  // panels of a and b
};

bool WeightGradient::Supports(int64_t n) {
  return CpuSupportsBf16() && !CpuHasAmx() && n % kTileColumns == 0;
}

// The blocks that keep the busiest thread the shortest.
WeightGradient::WeightGradient(int64_t m, int64_t n, int64_t k, int threads)
    : m_(m), n_(n), k_(k), threads_(threads) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t rows = kMostRows; rows >= 2 * kPanel; rows /= 2) {
    for (int64_t columns = kMostColumns; columns >= kPanel; columns /= 2) {
      const int64_t blocks = CeilDiv(m, rows) * CeilDiv(n, columns);
      const int64_t height = std::min(rows, m), width = std::min(columns, n);
      const int64_t cost =
          CeilDiv(blocks, threads) * (height * width + kPackCost * (height + width));
      if (cost >= least) continue;
      least = cost;
      rows_ = rows;
      columns_ = columns;
    }
  }
  depth_ = 2 * CeilDiv(CeilDiv(k, CeilDiv(k, kMostDepth)), 2);
}

int64_t WeightGradient::Blocks() const { return CeilDiv(m_, rows_) * CeilDiv(n_, columns_); }

size_t WeightGradient::PartBytes() const {
  return static_cast<size_t>(rows_ * columns_) * sizeof(float) +
         static_cast<size_t>((rows_ + columns_) * depth_) * sizeof(BFloat16);
}

size_t WeightGradient::WorkspaceBytes() const {
  return static_cast<size_t>(threads_) * PartBytes();
}

WeightGradient::Scratch WeightGradient::ScratchOf(std::byte* workspace, int64_t part) const {
  auto* const sums = reinterpret_cast<float*>(workspace + static_cast<size_t>(part) * PartBytes());
  auto* const left = reinterpret_cast<BFloat16*>(sums + rows_ * columns_);
  return {sums, left, left + rows_ * depth_};
}

// A thread takes the next block when it is done with one.
void WeightGradient::Run(const BFloat16* a, const BFloat16* b, float* dst,
                         std::byte* workspace) const {
  std::atomic<int64_t> next{0};
  ParallelFor(threads_, 1, [&](int64_t begin, int64_t, int) {
    const Scratch scratch = ScratchOf(workspace, begin);
    for (int64_t block = next++; block < Blocks(); block = next++) {
      RunBlock(block, a, b, dst, scratch);
    }
  });
}

void WeightGradient::RunBlock(int64_t block, const BFloat16* a, const BFloat16* b, float* dst,
                              const Scratch& scratch) const {
  const int64_t row = block % CeilDiv(m_, rows_) * rows_;
  const int64_t column = block / CeilDiv(m_, rows_) * columns_;
  const int64_t height = std::min(rows_, m_ - row), width = std::min(columns_, n_ - column);
  for (int64_t first = 0; first < k_; first += depth_) {
    const int64_t depth = std::min(depth_, k_ - first), pairs = CeilDiv(depth, 2);
    Pack(a + first * m_ + row, m_, depth, height, scratch.left);
    Pack(b + first * n_ + column, n_, depth, width, scratch.right);
    for (int64_t j = 0; j < width; j += kPanel) {
      const int64_t columns = std::min(kPanel, width - j);
      for (int64_t i = 0; i < height; i += kPanel) {
        const int64_t rows = std::min(kPanel, height - i);
        TileGemm(rows, columns, pairs, PairFactor{scratch.left + 2 * pairs * i, 2, 2 * rows},
                 scratch.right + 2 * pairs * j, 2 * columns, scratch.sums + i * columns_ + j,
                 columns_, first > 0);
      }
    }
  }
  for (int64_t i = 0; i < height; ++i) {
    std::memcpy(dst + (row + i) * n_ + column, scratch.sums + i * columns_,
                static_cast<size_t>(width) * sizeof(float));
  }
}

}  // namespace hourglass::onednn
