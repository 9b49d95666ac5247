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

struct Floats {
  using Element = float;
  using Vec = hn::Vec<Wide>;
  using Right = Vec;
  static constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Wide()));
  static constexpr int64_t kRight = kLanes;
  // With 32 registers 6 x 4 does 24 multiply-adds for 10 loads; narrower products take more rows,
  // to hide the latency of the multiply-add.
#if HWY_TARGET <= HWY_AVX3
  static constexpr int kVectorsAtOnce = 4;
  static constexpr int RowsFor(int vectors) { return vectors >= 4 ? 6 : vectors == 3 ? 8 : 12; }
#else
  static constexpr int kVectorsAtOnce = 2;
  static constexpr int RowsFor(int) { return 6; }
#endif
  static HWY_INLINE Vec Zero() { return hn::Zero(Wide()); }
  static HWY_INLINE Vec Load(const float* c) { return hn::LoadU(Wide(), c); }
  static HWY_INLINE void Store(Vec sum, float* c) { hn::StoreU(sum, Wide(), c); }
  static HWY_INLINE Vec Add(Vec a, Vec b) { return hn::Add(a, b); }
  static HWY_INLINE Vec LoadRight(const float* b) { return hn::LoadU(Wide(), b); }
  static HWY_INLINE Vec Broadcast(const float* a) { return hn::Set(Wide(), *a); }
  static HWY_INLINE Vec MulAdd(Vec a, Vec b, Vec sum) { return hn::MulAdd(a, b, sum); }
};

#include "hourglass/backends/onednn/tile_gemm_inl.h"

void Gemm(int64_t rows, int64_t columns, int64_t depth, TileFactor a, const float* b,
          int64_t b_stride, float* c, int64_t c_stride, bool accumulate) {
  AllColumns<Floats>(rows, columns, depth, a.data, a.row_stride, a.depth_stride, b, b_stride, c,
                     c_stride, accumulate);
}

int64_t GroupRows(int64_t columns) {
  return Floats::RowsFor(
      static_cast<int>(std::min<int64_t>(Floats::kVectorsAtOnce, columns / Floats::kLanes)));
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
