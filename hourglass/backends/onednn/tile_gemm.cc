#include "hourglass/backends/onednn/tile_gemm.h"

#include <algorithm>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/tile_gemm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::CappedTag<float, 16>;
constexpr size_t kLanes = hn::MaxLanes(Wide());

// Registers for sums: kRows x kVectors of them. With 32 registers 6 x 4 does 24 multiply-adds for
// 10 loads; narrower products take more rows, to hide the latency of the multiply-add.
#if HWY_TARGET <= HWY_AVX3
constexpr int kVectorsAtOnce = 4;
constexpr int RowsFor(int vectors) { return vectors >= 4 ? 6 : vectors == 3 ? 8 : 12; }
#else
constexpr int kVectorsAtOnce = 2;
constexpr int RowsFor(int) { return 6; }
#endif

// One block of registers. Pointers and strides come as single arguments: in registers.
template <int kRows, int kVectors, bool kAccumulate>
HWY_INLINE void Tile(int64_t depth, const float* HWY_RESTRICT a, int64_t a_row, int64_t a_depth,
                     const float* HWY_RESTRICT b, int64_t b_stride, float* HWY_RESTRICT c,
                     int64_t c_stride) {
  const Wide d;
  using V = hn::Vec<Wide>;
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, right[v], sum[r][v]);
    }
    a += a_depth;
    b += b_stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + v * kLanes;
      if constexpr (kAccumulate) sum[r][v] = hn::Add(hn::LoadU(d, to), sum[r][v]);
      hn::StoreU(sum[r][v], d, to);
    }
    c += c_stride;
  }
}

// All whole groups of kRows rows, then those left over.
template <int kRows, int kVectors, bool kAccumulate>
HWY_NOINLINE void Rows(int64_t rows, int64_t depth, const float* a, int64_t a_row, int64_t a_depth,
                       const float* b, int64_t b_stride, float* c, int64_t c_stride) {
  for (; rows >= kRows; rows -= kRows) {
    Tile<kRows, kVectors, kAccumulate>(depth, a, a_row, a_depth, b, b_stride, c, c_stride);
    a += kRows * a_row;
    c += kRows * c_stride;
  }
  if constexpr (kRows > 1) {
    if (rows > 0) {
      Rows<kRows - 1, kVectors, kAccumulate>(rows, depth, a, a_row, a_depth, b, b_stride, c,
                                             c_stride);
    }
  }
}

template <int kVectors>
HWY_INLINE void Columns(int64_t rows, int64_t depth, TileFactor a, const float* b, int64_t b_stride,
                        float* c, int64_t c_stride, bool accumulate) {
  constexpr int kRows = RowsFor(kVectors);
  if (accumulate) {
    Rows<kRows, kVectors, true>(rows, depth, a.data, a.row_stride, a.depth_stride, b, b_stride, c,
                                c_stride);
  } else {
    Rows<kRows, kVectors, false>(rows, depth, a.data, a.row_stride, a.depth_stride, b, b_stride, c,
                                 c_stride);
  }
}

void Gemm(int64_t rows, int64_t columns, int64_t depth, TileFactor a, const float* b,
          int64_t b_stride, float* c, int64_t c_stride, bool accumulate) {
  constexpr int64_t kWidth = kVectorsAtOnce * static_cast<int64_t>(kLanes);
  int64_t column = 0;
  for (; column + kWidth <= columns; column += kWidth) {
    Columns<kVectorsAtOnce>(rows, depth, a, b + column, b_stride, c + column, c_stride, accumulate);
  }
#if HWY_TARGET <= HWY_AVX3
  const int64_t left = (columns - column) / static_cast<int64_t>(kLanes);
  if (left == 3) {
    Columns<3>(rows, depth, a, b + column, b_stride, c + column, c_stride, accumulate);
  } else if (left == 2) {
    Columns<2>(rows, depth, a, b + column, b_stride, c + column, c_stride, accumulate);
  } else if (left == 1) {
    Columns<1>(rows, depth, a, b + column, b_stride, c + column, c_stride, accumulate);
  }
#endif
}

int64_t GroupRows(int64_t columns) {
  return RowsFor(
      static_cast<int>(std::min<int64_t>(kVectorsAtOnce, columns / static_cast<int64_t>(kLanes))));
}

const char* Target() { return HWY_TARGET <= HWY_AVX3 ? "highway:avx512" : "highway:avx2"; }

}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {

HWY_EXPORT(Gemm);
HWY_EXPORT(GroupRows);
HWY_EXPORT(Target);

void TileGemm(int64_t rows, int64_t columns, int64_t depth, TileFactor a, const float* b,
              int64_t b_stride, float* c, int64_t c_stride, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(Gemm)(rows, columns, depth, a, b, b_stride, c, c_stride, accumulate);
}

int64_t TileRows(int64_t columns) { return HWY_DYNAMIC_DISPATCH(GroupRows)(columns); }

const char* TileGemmTarget() { return HWY_DYNAMIC_DISPATCH(Target)(); }

}  // namespace hourglass::onednn
#endif
