// The draws of base/counter_rng.h, one quad per lane (Highway's include pattern).

#if defined(HOURGLASS_BACKENDS_ONEDNN_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HOURGLASS_BACKENDS_ONEDNN_PHILOX_INL_H_
#undef HOURGLASS_BACKENDS_ONEDNN_PHILOX_INL_H_
#else
#define HOURGLASS_BACKENDS_ONEDNN_PHILOX_INL_H_
#endif

#include <algorithm>

#include "hourglass/backends/onednn/simd_inl.h"
#include "hourglass/base/counter_rng.h"

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {

struct PhiloxDraws {
  UintVec v0, v1, v2, v3;  // lane l: the four draws of one quad
};

// Upper and lower half of the 64-bit products of a and the constant m.
HWY_INLINE void MultiplyWide(UintVec a, UintVec m, UintVec& high, UintVec& low) {
  const UintTag d;
  const hn::RepartitionToWide<UintTag> wide;
  const auto even = hn::MulEven(a, m);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), m);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// Philox4x32-10 of the counters (site, step, sequence, quad).
HWY_INLINE PhiloxDraws PhiloxQuads(const CounterRng& rng, UintVec quad) {
  const UintTag d;
  const auto multiplier0 = hn::Set(d, PHILOX_M4x32_0);
  const auto multiplier1 = hn::Set(d, PHILOX_M4x32_1);
  uint32_t key0 = static_cast<uint32_t>(rng.seed);
  uint32_t key1 = static_cast<uint32_t>(rng.seed >> 32);
  PhiloxDraws c = {hn::Set(d, rng.site), hn::Set(d, rng.step), hn::Set(d, rng.sequence), quad};
  for (int round = 0; round < 10; ++round) {
    UintVec high0, low0, high1, low1;
    MultiplyWide(c.v0, multiplier0, high0, low0);
    MultiplyWide(c.v2, multiplier1, high1, low1);
    c = {hn::Xor3(high1, c.v1, hn::Set(d, key0)), low1, hn::Xor3(high0, c.v3, hn::Set(d, key1)),
         low0};
    key0 += PHILOX_W32_0;
    key1 += PHILOX_W32_1;
  }
  return c;
}

// The draws of elements 4 quad .. 4 (quad + lanes) - 1 in their order.
HWY_INLINE void StorePhilox(const CounterRng& rng, uint32_t quad, uint32_t* draws) {
  const UintTag d;
  const PhiloxDraws c = PhiloxQuads(rng, hn::Iota(d, quad));
  hn::StoreInterleaved4(c.v0, c.v1, c.v2, c.v3, d, draws);
}

// Calls body(i, vector, dropped) for the vectors that cover elements [begin, end) of the sequence;
// `dropped` has the lanes whose draws are below the threshold.
template <class Body>
HWY_INLINE void ForDraws(const CounterRng& rng, uint32_t threshold, int64_t begin, int64_t end,
                         const Body& body) {
  const UintTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto threshold_v = hn::Set(d, threshold);
  HWY_ALIGN uint32_t draws[4 * hn::MaxLanes(UintTag())];
  while (begin < end) {
    StorePhilox(rng, static_cast<uint32_t>(begin / 4), draws);
    // A row need not begin with a quad.
    const uint32_t* of_begin = draws + begin % 4;
    const int64_t count = std::min(end - begin, 4 * lanes - begin % 4);
    ForVectors(static_cast<size_t>(count), [&](size_t j, auto vector) HWY_ATTR {
      const auto dropped = hn::Lt(vector.Load(d, of_begin + j), threshold_v);
      body(begin + static_cast<int64_t>(j), vector, hn::RebindMask(FloatTag(), dropped));
    });
    begin += count;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
