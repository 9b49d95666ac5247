// TileGemm on pairs of bf16. In a file of its own, because Highway 1.0 does not know AVX512-BF16.

#include <immintrin.h>

#include <cstring>

#include "hourglass/backends/onednn/tile_gemm.h"
#include "hwy/base.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16")
namespace hourglass::onednn {
namespace {

struct Bf16Pairs {
  using Element = BFloat16;
  using Vec = __m512;
  using Right = __m512i;  // 16 pairs
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kRight = 32;
  static constexpr int kVectorsAtOnce = 4;
  static constexpr int RowsFor(int vectors) { return vectors >= 4 ? 6 : vectors == 3 ? 8 : 12; }

  static HWY_INLINE Vec Zero() { return _mm512_setzero_ps(); }
  static HWY_INLINE Vec Load(const float* c) { return _mm512_loadu_ps(c); }
  static HWY_INLINE void Store(Vec sum, float* c) { _mm512_storeu_ps(c, sum); }
  static HWY_INLINE Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static HWY_INLINE Right LoadRight(const BFloat16* b) { return _mm512_loadu_si512(b); }
  static HWY_INLINE Right Broadcast(const BFloat16* a) {
    int pair;
    std::memcpy(&pair, a, sizeof(pair));
    return _mm512_set1_epi32(pair);
  }
  static HWY_INLINE Vec MulAdd(Right a, Right b, Vec sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

#include "hourglass/backends/onednn/tile_gemm_inl.h"

}  // namespace

void TileGemm(int64_t rows, int64_t columns, int64_t pairs, PairFactor a, const BFloat16* b,
              int64_t b_stride, float* c, int64_t c_stride, bool accumulate) {
  AllColumns<Bf16Pairs>(rows, columns, pairs, a.data, a.row_stride, a.pair_stride, b, b_stride, c,
                        c_stride, accumulate);
}

}  // namespace hourglass::onednn
#pragma GCC pop_options
