// Vector helpers of the own kernels, compiled once per instruction set (Highway's include pattern).

#if defined(HOURGLASS_BACKENDS_ONEDNN_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOURGLASS_BACKENDS_ONEDNN_SIMD_INL_H_
#undef HOURGLASS_BACKENDS_ONEDNN_SIMD_INL_H_
#else
#define HOURGLASS_BACKENDS_ONEDNN_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hourglass/tensor/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;
using UintTag = hn::RebindToUnsigned<FloatTag>;
using UintVec = hn::Vec<UintTag>;

using HalfTag = hn::Rebind<uint16_t, FloatTag>;  // as many bf16 as a vector has floats

HWY_INLINE FloatVec WidenBits(hn::Vec<HalfTag> bits) {
  return hn::BitCast(FloatTag(), hn::ShiftLeft<16>(hn::PromoteTo(UintTag(), bits)));
}

// Rounded to nearest even as BFloat16 does, denormal numbers included (the AVX512-BF16 instruction
// drops them).
HWY_INLINE hn::Vec<HalfTag> NarrowBits(FloatVec value) {
  const UintTag d;
  const auto bits = hn::BitCast(d, value);
  const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
  const auto rounded = hn::Add(bits, hn::Add(even, hn::Set(d, 0x7fff)));
  const auto quiet_nan = hn::Or(bits, hn::Set(d, 0x400000));
  const auto result = hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(value)), quiet_nan, rounded);
  return hn::TruncateTo(HalfTag(), hn::ShiftRight<16>(result));
}

// All lanes of a vector. bf16 in memory is f32 in a vector.
struct FullVector {
  HWY_INLINE FloatVec Load(FloatTag, const BFloat16* from) const {
    return WidenBits(hn::LoadU(HalfTag(), reinterpret_cast<const uint16_t*>(from)));
  }
  HWY_INLINE void Store(FloatVec v, FloatTag, BFloat16* to) const {
    hn::StoreU(NarrowBits(v), HalfTag(), reinterpret_cast<uint16_t*>(to));
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadU(d, from);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::StoreU(v, d, to);
  }
  // The same, with `other` in the lanes there are not.
  template <class D>
  HWY_INLINE hn::Vec<D> LoadOr(D d, const hn::TFromD<D>* from, hn::Vec<D>) const {
    return hn::LoadU(d, from);
  }
  // v in the lanes there are, else zero.
  template <class D>
  HWY_INLINE hn::Vec<D> Keep(D, hn::Vec<D> v) const {
    return v;
  }
};

// The first `lanes` lanes: the end of a row. Memory behind them is not touched; loads give zero
// there.
struct PartVector {
  size_t lanes;
  // Through a buffer: not every instruction set has masks for 16 bits.
  HWY_INLINE FloatVec Load(FloatTag, const BFloat16* from) const {
    HWY_ALIGN uint16_t buffer[hn::MaxLanes(FloatTag())] = {};
    std::memcpy(buffer, from, lanes * sizeof(uint16_t));
    return WidenBits(hn::Load(HalfTag(), buffer));
  }
  HWY_INLINE void Store(FloatVec v, FloatTag, BFloat16* to) const {
    HWY_ALIGN uint16_t buffer[hn::MaxLanes(FloatTag())];
    hn::Store(NarrowBits(v), HalfTag(), buffer);
    std::memcpy(to, buffer, lanes * sizeof(uint16_t));
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::MaskedLoad(hn::FirstN(d, lanes), d, from);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> LoadOr(D d, const hn::TFromD<D>* from, hn::Vec<D> other) const {
    return hn::IfThenElse(hn::FirstN(d, lanes), Load(d, from), other);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::BlendedStore(v, hn::FirstN(d, lanes), d, to);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Keep(D d, hn::Vec<D> v) const {
    return hn::IfThenElseZero(hn::FirstN(d, lanes), v);
  }
};

// Calls body(i, vector) for the vectors that cover [0, count): FullVector, at the end PartVector.
template <class Body>
HWY_INLINE void ForVectors(size_t count, const Body& body) {
  const size_t lanes = hn::Lanes(FloatTag());
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(i, FullVector());
  if (i < count) body(i, PartVector{count - i});
}

// Folds [0, count) with sum = step(sum, i, vector), which starts at `start`, and returns four sums
// that do not wait for one another added up with `join`.
template <class Step, class Join>
HWY_INLINE FloatVec Fold(size_t count, FloatVec start, const Step& step, const Join& join) {
  const size_t lanes = hn::Lanes(FloatTag());
  FloatVec sum0 = start, sum1 = start, sum2 = start, sum3 = start;
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    sum0 = step(sum0, i, FullVector());
    sum1 = step(sum1, i + lanes, FullVector());
    sum2 = step(sum2, i + 2 * lanes, FullVector());
    sum3 = step(sum3, i + 3 * lanes, FullVector());
  }
  for (; i + lanes <= count; i += lanes) sum0 = step(sum0, i, FullVector());
  if (i < count) sum1 = step(sum1, i, PartVector{count - i});
  return join(join(sum0, sum1), join(sum2, sum3));
}

// The same for sums that start at zero, all lanes added.
template <class Step>
HWY_INLINE float FoldSum(size_t count, const Step& step) {
  const FloatTag d;
  const FloatVec sum =
      Fold(count, hn::Zero(d), step, [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Add(a, b); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

HWY_INLINE float Sum(FloatVec v) { return hn::GetLane(hn::SumOfLanes(FloatTag(), v)); }

// 2^power for whole numbers in [-126, 127].
HWY_INLINE FloatVec PowerOfTwo(FloatVec power) {
  const IntTag di;
  const auto exponent = hn::Add(hn::ConvertTo(di, power), hn::Set(di, 127));
  return hn::BitCast(FloatTag(), hn::ShiftLeft<23>(exponent));
}

// e^x, relative error below 2 eps; x is cut to [-87, 88], so the result is a normal number; NaN
// stays NaN (the second operand of the x86 minimum and maximum is what they return then).
HWY_INLINE FloatVec Exp(FloatVec x) {
  const FloatTag d;
  x = hn::Min(hn::Set(d, 88.0f), hn::Max(hn::Set(d, -87.0f), x));
  const auto power = hn::Round(hn::Mul(x, hn::Set(d, 0x1.715476p+0f)));  // log2 e
  auto r = hn::NegMulAdd(power, hn::Set(d, 0x1.62e4p-1f), x);            // ln 2, upper bits
  r = hn::NegMulAdd(power, hn::Set(d, 0x1.7f7d1cp-20f), r);              // ln 2, the rest
  // Taylor: on |r| <= ln 2 / 2 the first term left out is below 6e-9.
  auto p = hn::MulAdd(r, hn::Set(d, 1.0f / 5040), hn::Set(d, 1.0f / 720));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 120));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 24));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f / 6));
  p = hn::MulAdd(r, p, hn::Set(d, 0.5f));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f));
  p = hn::MulAdd(r, p, hn::Set(d, 1.0f));
  return hn::Mul(p, PowerOfTwo(power));
}

}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
