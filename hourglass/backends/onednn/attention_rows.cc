#include "hourglass/backends/onednn/attention_rows.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "hourglass/backends/onednn/attention_tiles.h"
#include "hourglass/backends/onednn/tile_gemm.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/attention_rows.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/philox_inl.h"
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// 2^power * p, for whole numbers `power` <= 0 that may lie below the exponents of floats.
HWY_INLINE FloatVec Scale2(FloatVec p, FloatVec power) {
#if HWY_TARGET <= HWY_AVX3
  // The form with a mask, because g++ 12 warns about the other.
  return FloatVec{_mm512_maskz_scalef_ps(__mmask16{0xffff}, p.raw, power.raw)};
#else
  // The second operand of the x86 maximum is what it returns for NaN, which p keeps anyway.
  return hn::Mul(p, PowerOfTwo(hn::Max(hn::Set(FloatTag(), -126.0f), power)));
#endif
}

// 2^x for x <= 0, relative error below 2 eps; what is below 2^-126 may stay there. NaN stays NaN.
// Minimax polynomial of degree 5 on [-1/2, 1/2], relative error 7.5e-8.
HWY_INLINE FloatVec Exp2(FloatVec x) {
  const FloatTag d;
  const FloatVec power = hn::Round(x);
  const FloatVec f = hn::Sub(x, power);
  FloatVec p = hn::MulAdd(f, hn::Set(d, 1.32764721678272e-3f), hn::Set(d, 9.675541331023284e-3f));
  p = hn::MulAdd(f, p, hn::Set(d, 5.5507132728753655e-2f));
  p = hn::MulAdd(f, p, hn::Set(d, 2.4022119723969168e-1f));
  p = hn::MulAdd(f, p, hn::Set(d, 6.93146967065265e-1f));
  p = hn::MulAdd(f, p, hn::Set(d, 1.0f));
  return Scale2(p, power);
}

// Rows of one head lie kilobytes apart, where the machine does not fetch ahead by itself.
constexpr int64_t kRowsAhead = 16;
template <typename T>
HWY_INLINE void FetchRow(const T* row, int64_t width) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < width; i += kLine) hwy::Prefetch(row + i);
}

using FourFloats = hn::FixedTag<float, 4>;
HWY_INLINE hn::Vec<FourFloats> LoadFour(const float* from) { return hn::LoadU(FourFloats(), from); }
HWY_INLINE hn::Vec<FourFloats> LoadFour(const BFloat16* from) {
  const hn::FixedTag<uint32_t, 4> wide;
  const auto bits = hn::LoadU(hn::FixedTag<uint16_t, 4>(), reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(FourFloats(), hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}
// Pairs of bf16 are moved as they are.
struct Pair {
  BFloat16 first, second;
};
HWY_INLINE hn::Vec<FourFloats> LoadFour(const Pair* from) {
  return hn::LoadU(FourFloats(), reinterpret_cast<const float*>(from));
}

// Transposes 4 x 4 at a time; 4 lanes on every instruction set.
template <typename T, typename To>
HWY_INLINE void Transpose4(const T* src, int64_t src_stride, To* to) {
  static_assert(sizeof(To) == sizeof(float));
  float* dst = reinterpret_cast<float*>(to);
  const FourFloats d;
  const hn::FixedTag<double, 2> dd;
  const auto r0 = LoadFour(src);
  const auto r1 = LoadFour(src + src_stride);
  const auto r2 = LoadFour(src + 2 * src_stride);
  const auto r3 = LoadFour(src + 3 * src_stride);
  const auto low01 = hn::BitCast(dd, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(dd, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(dd, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(dd, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, low01, low23)), d, dst);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, low01, low23)), d, dst + kPanelColumns);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dd, high01, high23)), d, dst + 2 * kPanelColumns);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dd, high01, high23)), d, dst + 3 * kPanelColumns);
}

// Rows of src into neighbouring columns of one panel.
template <typename T, typename To>
HWY_INLINE void TransposeIntoPanel(const T* src, int64_t src_stride, int64_t rows, int64_t width,
                                   To* panel) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    for (int64_t t = r; t < r + 4; ++t) FetchRow(src + (t + kRowsAhead) * src_stride, width);
    int64_t i = 0;
    for (; i + 4 <= width; i += 4) {
      Transpose4(src + r * src_stride + i, src_stride, panel + i * kPanelColumns + r);
    }
    for (; i < width; ++i) {
      for (int64_t t = r; t < r + 4; ++t) {
        panel[i * kPanelColumns + t] = static_cast<To>(src[t * src_stride + i]);
      }
    }
  }
  for (; r < rows; ++r) {
    for (int64_t i = 0; i < width; ++i) {
      panel[i * kPanelColumns + r] = static_cast<To>(src[r * src_stride + i]);
    }
  }
}

template <typename T, typename To>
HWY_INLINE void PackTransposedOf(const T* src, int64_t src_stride, int64_t rows, int64_t width,
                                 int64_t first_column, int64_t columns, To* panels) {
  for (int64_t begin = 0; begin < columns; begin += kPanelColumns) {
    To* panel = panels + begin * width;
    const int64_t from = std::max(begin, first_column);
    const int64_t to = std::min(begin + kPanelColumns, first_column + rows);
    if (to - from < kPanelColumns) {
      std::memset(static_cast<void*>(panel), 0,
                  static_cast<size_t>(width * kPanelColumns) * sizeof(To));
    }
    if (from < to) {
      TransposeIntoPanel(src + (from - first_column) * src_stride, src_stride, to - from, width,
                         panel + (from - begin));
    }
  }
}

void PackTransposedF32(const float* src, int64_t src_stride, int64_t rows, int64_t width,
                       int64_t first_column, int64_t columns, float* panels) {
  PackTransposedOf(src, src_stride, rows, width, first_column, columns, panels);
}
void PackTransposedBf16(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                        int64_t first_column, int64_t columns, float* panels) {
  PackTransposedOf(src, src_stride, rows, width, first_column, columns, panels);
}

void PackTransposedPairs(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                         int64_t first_column, int64_t columns, BFloat16* panels) {
  PackTransposedOf(reinterpret_cast<const Pair*>(src), src_stride / 2, rows, width / 2,
                   first_column, columns, reinterpret_cast<Pair*>(panels));
}

template <typename T, typename To>
HWY_INLINE void PackRowsOf(const T* src, int64_t src_stride, int64_t rows, int64_t width,
                           int64_t padded, const float* bias, float factor, To* dst) {
  const FloatTag d;
  const FloatVec factor_v = hn::Set(d, factor);
  for (int64_t r = 0; r < rows; ++r, src += src_stride, dst += padded) {
    FetchRow(src + kRowsAhead * src_stride, width);
    ForVectors(static_cast<size_t>(width), [&](size_t i, auto vector) HWY_ATTR {
      FloatVec x = vector.Load(d, src + i);
      if (bias != nullptr) x = hn::Add(x, vector.Load(d, bias + i));
      vector.Store(hn::Mul(x, factor_v), d, dst + i);
    });
    std::fill(dst + width, dst + padded, To(0.0f));
  }
}

void PackRowsF32(const float* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
                 const float* bias, float factor, float* dst) {
  PackRowsOf(src, src_stride, rows, width, padded, bias, factor, dst);
}
void PackRowsBf16(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                  int64_t padded, const float* bias, float factor, float* dst) {
  PackRowsOf(src, src_stride, rows, width, padded, bias, factor, dst);
}

void PackRowsNarrow(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t padded, const float* bias, float factor, BFloat16* dst) {
  PackRowsOf(src, src_stride, rows, width, padded, bias, factor, dst);
}

// The pairs of two rows; loads and stores whole vectors.
void PairRowsImpl(const BFloat16* first, const BFloat16* second, int64_t count, BFloat16* dst) {
  const UintTag d;
  const HalfTag half;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto load = [&](const BFloat16* from) HWY_ATTR {
    return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const uint16_t*>(from)));
  };
  for (int64_t i = 0; i < count; i += lanes) {
    UintVec pairs = load(first + i);
    if (second != nullptr) pairs = hn::Or(pairs, hn::ShiftLeft<16>(load(second + i)));
    hn::StoreU(pairs, d, reinterpret_cast<uint32_t*>(dst + 2 * i));
  }
}

void PackDepthPairs(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t padded, BFloat16* dst) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(UintTag()));
  const int64_t whole = width / lanes * lanes;
  for (int64_t r = 0; r < rows; r += 2, dst += 2 * padded) {
    const BFloat16* first = src + r * src_stride;
    const BFloat16* second = r + 1 < rows ? first + src_stride : nullptr;
    FetchRow(first + kRowsAhead * src_stride, width);
    FetchRow(first + (kRowsAhead + 1) * src_stride, width);
    PairRowsImpl(first, second, whole, dst);
    for (int64_t i = whole; i < padded; ++i) {
      dst[2 * i] = i < width ? first[i] : BFloat16();
      dst[2 * i + 1] = i < width && second != nullptr ? second[i] : BFloat16();
    }
  }
}

template <typename T>
HWY_INLINE void UnpackRowsTo(const float* src, const float* other, int64_t src_stride, int64_t rows,
                             int64_t width, float factor, T* dst, int64_t dst_stride) {
  const FloatTag d;
  const FloatVec factor_v = hn::Set(d, factor);
  for (int64_t r = 0; r < rows; ++r) {
    FetchRow(dst + (r + kRowsAhead) * dst_stride, width);
    ForVectors(static_cast<size_t>(width), [&](size_t i, auto vector) HWY_ATTR {
      FloatVec x = vector.Load(d, src + r * src_stride + i);
      if (other != nullptr) x = hn::Add(x, vector.Load(d, other + r * src_stride + i));
      vector.Store(hn::Mul(x, factor_v), d, dst + r * dst_stride + i);
    });
  }
}

void UnpackRowsF32(const float* src, const float* other, int64_t src_stride, int64_t rows,
                   int64_t width, float factor, float* dst, int64_t dst_stride) {
  UnpackRowsTo(src, other, src_stride, rows, width, factor, dst, dst_stride);
}
void UnpackRowsBf16(const float* src, const float* other, int64_t src_stride, int64_t rows,
                    int64_t width, float factor, BFloat16* dst, int64_t dst_stride) {
  UnpackRowsTo(src, other, src_stride, rows, width, factor, dst, dst_stride);
}

void ScaleRowImpl(int64_t width, float factor, float* row) {
  const FloatTag d;
  ForVectors(static_cast<size_t>(width), [&](size_t i, auto vector) HWY_ATTR {
    vector.Store(hn::Mul(vector.Load(d, row + i), hn::Set(d, factor)), d, row + i);
  });
}

void AddRowSumImpl(const float* src, int64_t src_stride, int64_t rows, int64_t width, float factor,
                   float* sum) {
  const FloatTag d;
  ForVectors(static_cast<size_t>(width), [&](size_t i, auto vector) HWY_ATTR {
    FloatVec total = hn::Zero(d);
    for (int64_t r = 0; r < rows; ++r) {
      total = hn::Add(total, vector.Load(d, src + r * src_stride + i));
    }
    vector.Store(hn::MulAdd(total, hn::Set(d, factor), vector.Load(d, sum + i)), d, sum + i);
  });
}

template <typename T>
HWY_INLINE void RowDotsOf(const T* x, const T* y, int64_t stride, int64_t rows, int64_t width,
                          float* dots) {
  const FloatTag d;
  for (int64_t r = 0; r < rows; ++r, x += stride, y += stride) {
    FetchRow(x + kRowsAhead * stride, width);
    FetchRow(y + kRowsAhead * stride, width);
    FloatVec sum = hn::Zero(d);
    ForVectors(static_cast<size_t>(width), [&](size_t i, auto vector) HWY_ATTR {
      sum = hn::MulAdd(vector.Load(d, x + i), vector.Load(d, y + i), sum);
    });
    dots[r] = Sum(sum);
  }
}
void RowDotsF32(const float* x, const float* y, int64_t stride, int64_t rows, int64_t width,
                float* dots) {
  RowDotsOf(x, y, stride, rows, width, dots);
}
void RowDotsBf16(const BFloat16* x, const BFloat16* y, int64_t stride, int64_t rows, int64_t width,
                 float* dots) {
  RowDotsOf(x, y, stride, rows, width, dots);
}

int64_t DrawKeptImpl(const CounterRng& rng, uint64_t first, int64_t count, uint32_t threshold,
                     uint8_t* keep) {
  const UintTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t offset = static_cast<int64_t>(first % 4);
  const UintVec threshold_v = hn::Set(d, threshold);
  uint32_t quad = static_cast<uint32_t>(first / 4);
  for (int64_t i = 0; i < offset + count; i += 4 * lanes, quad += static_cast<uint32_t>(lanes)) {
    const PhiloxDraws draws = PhiloxQuads(rng, hn::Iota(d, quad));
    const auto bit = [&](UintVec draw, uint32_t one) HWY_ATTR {
      return hn::IfThenZeroElse(hn::Lt(draw, threshold_v), hn::Set(d, one));
    };
    // A lane is the four bytes of its quad, in order.
    const UintVec bytes = hn::Or(hn::Or(bit(draws.v0, 1u), bit(draws.v1, 1u << 8)),
                                 hn::Or(bit(draws.v2, 1u << 16), bit(draws.v3, 1u << 24)));
    hn::StoreU(bytes, d, reinterpret_cast<uint32_t*>(keep + i));
  }
  return offset;
}

// x * scale where kept, else zero.
HWY_INLINE FloatVec Drop(FloatVec x, const uint8_t* keep, FloatVec scale) {
  const FloatTag d;
  const hn::Rebind<uint8_t, FloatTag> bytes;
  const IntTag di;
  const auto kept = hn::PromoteTo(di, hn::LoadU(bytes, keep));
  return hn::IfThenElseZero(hn::RebindMask(d, hn::Gt(kept, hn::Zero(di))), hn::Mul(x, scale));
}

// Results of a strip, written where the scores were read: floats, or bf16 that never overtake them.
HWY_INLINE void StoreInStrip(FloatVec v, float* to) { hn::StoreU(v, FloatTag(), to); }
HWY_INLINE void StoreInStrip(FloatVec v, BFloat16* to) {
#if HWY_TARGET <= HWY_AVX3
  // bf16 is left in strips only where pairs are multiplied (AttentionPlan::Pairs), and there this
  // instruction exists, of which Highway 1.0 does not know. That it drops denormal numbers does not
  // matter: beside the others of a row such probabilities and gradients vanish.
  __m256i narrow;
  asm("vcvtneps2bf16 %1, %0" : "=v"(narrow) : "v"(v.raw));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow);
#else
  FullVector().Store(v, FloatTag(), to);
#endif
}

// Of pairs one more is read than of single numbers.
template <typename E>
HWY_INLINE void ZeroTail(E* row, int64_t begin, int64_t visible) {
  const int64_t end = RoundUp(visible, kTileColumns) + kPair<E> * kTileColumns;
  for (int64_t i = begin; i < end; i += static_cast<int64_t>(hn::Lanes(FloatTag()))) {
    StoreInStrip(hn::Zero(FloatTag()), row + i);
  }
}

// Calls body(i, keep) for the vectors that cover [0, count), keep(v, other) being v in the lanes
// there are and `other` behind them. Whole vectors are loaded and stored: strips have room.
template <class Body>
HWY_INLINE int64_t ForStripVectors(int64_t count, const Body& body) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    body(i, [](FloatVec v, FloatVec) HWY_ATTR { return v; });
  }
  if (i < count) {
    const auto there = hn::FirstN(d, static_cast<size_t>(count - i));
    body(i,
         [there](FloatVec v, FloatVec other) HWY_ATTR { return hn::IfThenElse(there, v, other); });
    i += lanes;
  }
  return i;
}

// Four maxima at a time, which need not wait for each other.
HWY_INLINE float RowMaximum(const float* row, int64_t count) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const FloatVec lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  FloatVec m0 = lowest, m1 = lowest, m2 = lowest, m3 = lowest;
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, row + i));
    m1 = hn::Max(m1, hn::LoadU(d, row + i + lanes));
    m2 = hn::Max(m2, hn::LoadU(d, row + i + 2 * lanes));
    m3 = hn::Max(m3, hn::LoadU(d, row + i + 3 * lanes));
  }
  ForStripVectors(count - i, [&](int64_t j, auto keep) HWY_ATTR {
    m0 = hn::Max(m0, keep(hn::LoadU(d, row + i + j), lowest));
  });
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(m0, m1), hn::Max(m2, m3))));
}

// The sum is of all probabilities, also of those that dropout takes away.
template <bool kDropout, typename E>
HWY_INLINE float ExpRow(const float* row, int64_t count, float maximum, const uint8_t* keep_row,
                        float scale, E* out) {
  const FloatTag d;
  const FloatVec maximum_v = hn::Set(d, maximum);
  FloatVec sum = hn::Zero(d);
  const int64_t end = ForStripVectors(count, [&](int64_t i, auto keep) HWY_ATTR {
    FloatVec p = keep(Exp2(hn::Sub(hn::LoadU(d, row + i), maximum_v)), hn::Zero(d));
    sum = hn::Add(sum, p);
    if constexpr (kDropout) p = Drop(p, keep_row + i, hn::Set(d, scale));
    StoreInStrip(p, out + i);
  });
  ZeroTail(out, end, count);
  return Sum(sum);
}

template <typename E>
HWY_INLINE void SoftmaxRowsTo(float* strip, int64_t stride, int64_t rows, int64_t first_visible,
                              int64_t columns, bool first_block, SoftmaxState state,
                              KeptRows kept) {
  for (int64_t t = 0; t < rows; ++t) {
    float* row = strip + t * stride;
    E* out = reinterpret_cast<E*>(row);
    const int64_t count = std::clamp<int64_t>(first_visible + t, 0, columns);
    state.rescale[t] = 1.0f;
    if (count == 0) {
      ZeroTail(out, 0, 0);
      continue;
    }
    float maximum = RowMaximum(row, count);
    if (!first_block && maximum < state.maximum[t]) maximum = state.maximum[t];
    const float sum =
        kept.keep != nullptr
            ? ExpRow<true>(row, count, maximum, kept.keep + t * kept.stride, kept.scale, out)
            : ExpRow<false>(row, count, maximum, nullptr, 1.0f, out);
    if (first_block) {
      state.sum[t] = sum;
    } else {
      const FloatTag d;
      state.rescale[t] = hn::GetLane(Exp2(hn::Set(d, state.maximum[t] - maximum)));
      state.sum[t] = state.sum[t] * state.rescale[t] + sum;
    }
    state.maximum[t] = maximum;
  }
}

void SoftmaxRowsImpl(float* strip, int64_t stride, int64_t rows, int64_t first_visible,
                     int64_t columns, bool first_block, SoftmaxState state, KeptRows kept,
                     bool narrow) {
  if (narrow) {
    SoftmaxRowsTo<BFloat16>(strip, stride, rows, first_visible, columns, first_block, state, kept);
  } else {
    SoftmaxRowsTo<float>(strip, stride, rows, first_visible, columns, first_block, state, kept);
  }
}

template <bool kDropout, typename E>
HWY_INLINE void GradientRow(const float* scores, const float* gradient, int64_t count,
                            float log_sum, float delta, const uint8_t* keep_row, float scale,
                            E* probability, E* d_score) {
  const FloatTag d;
  const FloatVec log_sum_v = hn::Set(d, log_sum);
  const FloatVec delta_v = hn::Set(d, delta);
  const int64_t end = ForStripVectors(count, [&](int64_t i, auto keep) HWY_ATTR {
    const FloatVec p = keep(Exp2(hn::Sub(hn::LoadU(d, scores + i), log_sum_v)), hn::Zero(d));
    FloatVec g = keep(hn::LoadU(d, gradient + i), hn::Zero(d));
    if constexpr (kDropout) {
      g = Drop(g, keep_row + i, hn::Set(d, scale));
      StoreInStrip(Drop(p, keep_row + i, hn::Set(d, scale)), probability + i);
    } else {
      StoreInStrip(p, probability + i);
    }
    StoreInStrip(hn::Mul(p, hn::Sub(g, delta_v)), d_score + i);
  });
  ZeroTail(probability, end, count);
  ZeroTail(d_score, end, count);
}

template <typename E>
HWY_INLINE void SoftmaxGradientRowsTo(float* probabilities, float* gradients, int64_t stride,
                                      int64_t rows, int64_t first_visible, int64_t columns,
                                      const float* log_sum, const float* delta, KeptRows kept) {
  for (int64_t t = 0; t < rows; ++t) {
    float* row = probabilities + t * stride;
    float* gradient = gradients + t * stride;
    E* p = reinterpret_cast<E*>(row);
    E* d_score = reinterpret_cast<E*>(gradient);
    const int64_t count = std::clamp<int64_t>(first_visible + t, 0, columns);
    if (kept.keep != nullptr) {
      GradientRow<true>(row, gradient, count, log_sum[t], delta[t], kept.keep + t * kept.stride,
                        kept.scale, p, d_score);
    } else {
      GradientRow<false>(row, gradient, count, log_sum[t], delta[t], nullptr, 1.0f, p, d_score);
    }
  }
}

void SoftmaxGradientRowsImpl(float* probabilities, float* gradients, int64_t stride, int64_t rows,
                             int64_t first_visible, int64_t columns, const float* log_sum,
                             const float* delta, KeptRows kept, bool narrow) {
  if (narrow) {
    SoftmaxGradientRowsTo<BFloat16>(probabilities, gradients, stride, rows, first_visible, columns,
                                    log_sum, delta, kept);
  } else {
    SoftmaxGradientRowsTo<float>(probabilities, gradients, stride, rows, first_visible, columns,
                                 log_sum, delta, kept);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(PackTransposedF32);
HWY_EXPORT(PackTransposedBf16);
HWY_EXPORT(PackTransposedPairs);
HWY_EXPORT(PackRowsNarrow);
HWY_EXPORT(PackDepthPairs);
HWY_EXPORT(PairRowsImpl);
HWY_EXPORT(PackRowsF32);
HWY_EXPORT(PackRowsBf16);
HWY_EXPORT(UnpackRowsF32);
HWY_EXPORT(UnpackRowsBf16);
HWY_EXPORT(ScaleRowImpl);
HWY_EXPORT(AddRowSumImpl);
HWY_EXPORT(RowDotsF32);
HWY_EXPORT(RowDotsBf16);
HWY_EXPORT(DrawKeptImpl);
HWY_EXPORT(SoftmaxRowsImpl);
HWY_EXPORT(SoftmaxGradientRowsImpl);

}  // namespace

void PackTransposed(const float* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, float* panels) {
  HWY_DYNAMIC_DISPATCH(PackTransposedF32)
  (src, src_stride, rows, width, first_column, columns, panels);
}
void PackTransposed(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, float* panels) {
  HWY_DYNAMIC_DISPATCH(PackTransposedBf16)
  (src, src_stride, rows, width, first_column, columns, panels);
}

void PackTransposed(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width,
                    int64_t first_column, int64_t columns, BFloat16* panels) {
  HWY_DYNAMIC_DISPATCH(PackTransposedPairs)
  (src, src_stride, rows, width, first_column, columns, panels);
}

void PackRows(const float* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, float* dst) {
  HWY_DYNAMIC_DISPATCH(PackRowsF32)(src, src_stride, rows, width, padded, bias, factor, dst);
}
void PackRows(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, float* dst) {
  HWY_DYNAMIC_DISPATCH(PackRowsBf16)(src, src_stride, rows, width, padded, bias, factor, dst);
}

void PackRows(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
              const float* bias, float factor, BFloat16* dst) {
  HWY_DYNAMIC_DISPATCH(PackRowsNarrow)(src, src_stride, rows, width, padded, bias, factor, dst);
}

void PackDepth(const float* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               float* dst) {
  PackRows(src, src_stride, rows, width, padded, nullptr, 1.0f, dst);
}
void PackDepth(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               float* dst) {
  PackRows(src, src_stride, rows, width, padded, nullptr, 1.0f, dst);
}
void PackDepth(const BFloat16* src, int64_t src_stride, int64_t rows, int64_t width, int64_t padded,
               BFloat16* dst) {
  HWY_DYNAMIC_DISPATCH(PackDepthPairs)(src, src_stride, rows, width, padded, dst);
}

void PairRows(const BFloat16* first, const BFloat16* second, int64_t count, BFloat16* dst) {
  HWY_DYNAMIC_DISPATCH(PairRowsImpl)(first, second, count, dst);
}

void UnpackRows(const float* src, const float* other, int64_t src_stride, int64_t rows,
                int64_t width, float factor, float* dst, int64_t dst_stride) {
  HWY_DYNAMIC_DISPATCH(UnpackRowsF32)
  (src, other, src_stride, rows, width, factor, dst, dst_stride);
}
void UnpackRows(const float* src, const float* other, int64_t src_stride, int64_t rows,
                int64_t width, float factor, BFloat16* dst, int64_t dst_stride) {
  HWY_DYNAMIC_DISPATCH(UnpackRowsBf16)
  (src, other, src_stride, rows, width, factor, dst, dst_stride);
}

void ScaleRow(int64_t width, float factor, float* row) {
  HWY_DYNAMIC_DISPATCH(ScaleRowImpl)(width, factor, row);
}

void AddRowSum(const float* src, int64_t src_stride, int64_t rows, int64_t width, float factor,
               float* sum) {
  HWY_DYNAMIC_DISPATCH(AddRowSumImpl)(src, src_stride, rows, width, factor, sum);
}

void RowDots(const float* x, const float* y, int64_t stride, int64_t rows, int64_t width,
             float* dots) {
  HWY_DYNAMIC_DISPATCH(RowDotsF32)(x, y, stride, rows, width, dots);
}
void RowDots(const BFloat16* x, const BFloat16* y, int64_t stride, int64_t rows, int64_t width,
             float* dots) {
  HWY_DYNAMIC_DISPATCH(RowDotsBf16)(x, y, stride, rows, width, dots);
}

int64_t DrawKept(const CounterRng& rng, uint64_t first, int64_t count, uint32_t threshold,
                 uint8_t* keep) {
  return HWY_DYNAMIC_DISPATCH(DrawKeptImpl)(rng, first, count, threshold, keep);
}

void SoftmaxRows(float* strip, int64_t stride, int64_t rows, int64_t first_visible, int64_t columns,
                 bool first_block, SoftmaxState state, KeptRows kept, bool narrow) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsImpl)
  (strip, stride, rows, first_visible, columns, first_block, state, kept, narrow);
}

void SoftmaxGradientRows(float* probabilities, float* gradients, int64_t stride, int64_t rows,
                         int64_t first_visible, int64_t columns, const float* log_sum,
                         const float* delta, KeptRows kept, bool narrow) {
  HWY_DYNAMIC_DISPATCH(SoftmaxGradientRowsImpl)
  (probabilities, gradients, stride, rows, first_visible, columns, log_sum, delta, kept, narrow);
}

}  // namespace hourglass::onednn
#endif
