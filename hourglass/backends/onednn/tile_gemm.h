#pragma once
// Matrix products on tiles that lie in cache: the inner loop of attention and of weight gradients
// in bf16. One thread; called inside parallel regions. Instructions are chosen at run time (AVX2 or
// AVX-512).

#include <cstdint>
#include <type_traits>

#include "hourglass/tensor/dtype.h"

namespace hourglass::onednn {

// Columns of B and C come in groups of this many floats, the caller pads.
inline constexpr int64_t kTileColumns = 16;
// B is read fastest in panels of this many columns (a row of a panel is 256 contiguous bytes).
inline constexpr int64_t kPanelColumns = 64;

// A left factor with any strides, in floats: transposing or skewing it costs nothing.
struct TileFactor {
  const float* data = nullptr;  // [rows, depth]
  int64_t row_stride = 0;
  int64_t depth_stride = 1;
};

// c [rows, columns] = a [rows, depth] b [depth, columns], added to c if `accumulate`.
// `columns` is a multiple of kTileColumns; strides are in floats; any alignment is allowed and 64
// bytes are fastest. Rows of c may overlap only where what is written there is not used.
void TileGemm(int64_t rows, int64_t columns, int64_t depth, TileFactor a, const float* b,
              int64_t b_stride, float* c, int64_t c_stride, bool accumulate);

// The same of bf16, with sums in f32, two steps of the depth at a time: only where
// CpuSupportsBf16(). A pair is two neighbours along the depth, side by side in memory; b lies as
// [pairs, columns] of pairs. All strides are in bf16 numbers.
struct PairFactor {
  const BFloat16* data = nullptr;
  int64_t row_stride = 0;
  int64_t pair_stride = 2;  // from one pair of a row to the next
};
void TileGemm(int64_t rows, int64_t columns, int64_t pairs, PairFactor a, const BFloat16* b,
              int64_t b_stride, float* c, int64_t c_stride, bool accumulate);

// For kernels written for both, E = float or BFloat16: how many numbers along the depth are
// multiplied at once, and the left factor.
template <typename E>
inline constexpr int64_t kPair = std::is_same_v<E, BFloat16> ? 2 : 1;
template <typename E>
using LeftFactor = std::conditional_t<std::is_same_v<E, BFloat16>, PairFactor, TileFactor>;

// Rows that TileGemm computes together for this many columns: the grain at which callers skip
// masked rows without losing speed.
int64_t TileRows(int64_t columns);

// "highway:avx512" or the like: what TileGemm runs on this machine.
const char* TileGemmTarget();

}  // namespace hourglass::onednn
