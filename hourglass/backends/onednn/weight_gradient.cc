#include "hourglass/backends/onednn/weight_gradient.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>

#include "hourglass/backends/onednn/attention_rows.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/onednn/tile_gemm.h"
#include "hourglass/base/parallel_for.h"

namespace hourglass::onednn {
namespace {

// Columns of a packed panel. A panel of a and one of b, 256 rows each, take 32 KB: they stay in a
// first-level cache of 48 KB.
constexpr int64_t kPanel = 2 * kTileColumns;
// The largest block: 512 KB of sums, 256 and 128 KB of packed a and b, for a second-level cache of
// 1 MB. Larger blocks pack less often.
constexpr int64_t kMostRows = 512, kMostColumns = 256, kMostDepth = 256;
constexpr int64_t kLeastRows = 64, kLeastColumns = kPanel;
// Rows that are packed before the next panel: they stay in the first-level cache.
constexpr int64_t kPackRows = 16;
// Packing one number takes about as long as so many multiply-adds.
constexpr int64_t kPackCost = 30;
constexpr int64_t kLineNumbers = 32;  // of bf16 in a cache line

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

bool WeightGradient::Supports(const MatmulProblem& problem) {
  const auto [m, n, k] = std::array{problem.m, problem.n, problem.k};
  const bool layout = problem.a.row == 1 && problem.a.column == m && problem.b.row == n &&
                      problem.b.column == 1 && !problem.bias && !problem.residual;
  const bool types = problem.dtype == DType::kBF16 && problem.dst_dtype == DType::kF32;
  const bool extents = std::min({m, n, k}) > 0 && n % kTileColumns == 0 &&
                       CeilDiv(m, kLeastRows) * CeilDiv(n, kLeastColumns) >= problem.threads;
  return layout && types && extents && CpuSupportsBf16() && !CpuHasAmx();
}

// The blocks that keep the busiest thread the shortest; the first, largest of equal ones.
WeightGradient::WeightGradient(const MatmulProblem& problem)
    : m_(problem.m), n_(problem.n), k_(problem.k), threads_(problem.threads) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t most_rows = kMostRows; most_rows >= kLeastRows; most_rows /= 2) {
    for (int64_t most_columns = kMostColumns; most_columns >= kLeastColumns; most_columns /= 2) {
      const int64_t rows = std::min(most_rows, m_), columns = std::min(most_columns, n_);
      const int64_t blocks = CeilDiv(m_, rows) * CeilDiv(n_, columns);
      const int64_t cost =
          CeilDiv(blocks, threads_) * (rows * columns + kPackCost * (rows + columns));
      if (cost >= least) continue;
      least = cost;
      rows_ = rows;
      columns_ = columns;
    }
  }
  depth_ = 2 * CeilDiv(CeilDiv(k_, CeilDiv(k_, kMostDepth)), 2);
}

int64_t WeightGradient::LeftNumbers() const {
  return CeilDiv(rows_ * depth_, kLineNumbers) * kLineNumbers;
}

// All three parts are whole cache lines, since columns_ is a multiple of 16.
size_t WeightGradient::SlotBytes() const {
  return static_cast<size_t>(rows_ * columns_) * sizeof(float) +
         static_cast<size_t>(LeftNumbers() + columns_ * depth_) * sizeof(BFloat16);
}

size_t WeightGradient::WorkspaceBytes() const {
  return static_cast<size_t>(threads_) * SlotBytes();
}

WeightGradient::Scratch WeightGradient::ScratchOf(std::byte* workspace, int64_t slot) const {
  auto* const sums = reinterpret_cast<float*>(workspace + static_cast<size_t>(slot) * SlotBytes());
  auto* const left = reinterpret_cast<BFloat16*>(sums + rows_ * columns_);
  return {sums, left, left + LeftNumbers()};
}

void WeightGradient::Run(const BFloat16* a, const BFloat16* b, float* dst,
                         std::byte* workspace) const {
  const int64_t blocks = CeilDiv(m_, rows_) * CeilDiv(n_, columns_);
  std::atomic<int64_t> next{0};
  // One slot each; a thread takes the next block when it is done with one, for two threads of a
  // shared machine are rarely equally fast.
  ParallelFor(threads_, 1, [&](int64_t slot, int64_t, int) {
    const Scratch scratch = ScratchOf(workspace, slot);
    for (int64_t block = next++; block < blocks; block = next++) {
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
