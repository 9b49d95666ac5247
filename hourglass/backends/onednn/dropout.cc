#include "hourglass/backends/onednn/dropout.h"

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/dropout.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/philox_inl.h"
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// Elements [begin, end) of one sequence; begin is a multiple of 4. x and y start at element 0.
template <typename T>
HWY_INLINE void DropoutElements(const CounterRng& rng, uint32_t threshold, float scale, const T* x,
                                T* y, int64_t begin, int64_t end) {
  const FloatTag d;
  const UintTag du;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto threshold_v = hn::Set(du, threshold);
  const auto scale_v = hn::Set(d, scale);
  HWY_ALIGN uint32_t draws[4 * hn::MaxLanes(UintTag())];
  for (int64_t i = begin; i < end; i += 4 * lanes) {
    StorePhilox(rng, static_cast<uint32_t>(i / 4), draws);
    const int64_t count = end - i < 4 * lanes ? end - i : 4 * lanes;
    ForVectors(static_cast<size_t>(count), [&](size_t j, auto vector) HWY_ATTR {
      const auto dropped = hn::Lt(hn::Load(du, draws + j), threshold_v);
      const auto kept = hn::IfThenZeroElse(hn::RebindMask(d, dropped),
                                           hn::Mul(vector.Load(d, x + i + j), scale_v));
      vector.Store(kept, d, y + i + j);
    });
  }
}

void DropoutF32(const CounterRng& rng, uint32_t threshold, float scale, const float* x, float* y,
                int64_t begin, int64_t end) {
  DropoutElements(rng, threshold, scale, x, y, begin, end);
}
void DropoutBf16(const CounterRng& rng, uint32_t threshold, float scale, const BFloat16* x,
                 BFloat16* y, int64_t begin, int64_t end) {
  DropoutElements(rng, threshold, scale, x, y, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(DropoutF32);
HWY_EXPORT(DropoutBf16);

// Elements of one piece of work; a multiple of 4, so that pieces start with a quad.
constexpr int64_t kPiece = 4096;

template <typename T>
using Run = void (*)(const CounterRng& rng, uint32_t threshold, float scale, const T* x, T* y,
                     int64_t begin, int64_t end);

template <typename T>
KernelTable::Result MakeDropoutOf(const DropoutOp& op, const NodeSpecs& node, Run<T> run) {
  const int64_t batch = node.inputs[0].shape[0];
  const int64_t elements = node.inputs[0].Elements() / std::max<int64_t>(1, batch);
  const int64_t pieces = (elements + kPiece - 1) / kPiece;
  const uint32_t threshold = DropoutThreshold(op.rate());
  const float scale = static_cast<float>(1.0 / (1.0 - op.rate()));
  const RandomSite site = op.site();
  return MakeFunctionKernel(SimdName("dropout"), 0, [=](const KernelRun& k) {
    const T* x = k.in[0].As<T>();
    T* y = k.out[0].As<T>();
    const uint32_t* random = k.in[1].As<uint32_t>();
    const uint64_t seed = random[0] | static_cast<uint64_t>(random[1]) << 32;
    Parallel(k.context, batch * pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t b = item / pieces;
        const int64_t first = item % pieces * kPiece;
        const CounterRng rng{seed, site, random[2], random[3] + static_cast<uint32_t>(b)};
        run(rng, threshold, scale, x + b * elements, y + b * elements, first,
            std::min(elements, first + kPiece));
      }
    });
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.inputs[0].dtype == DType::kBF16) {
    return MakeDropoutOf<BFloat16>(op, node, &HWY_DYNAMIC_DISPATCH(DropoutBf16));
  }
  return MakeDropoutOf<float>(op, node, &HWY_DYNAMIC_DISPATCH(DropoutF32));
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
