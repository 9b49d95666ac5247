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

template <typename T>
HWY_INLINE void DropElements(const CounterRng& rng, uint32_t threshold, float scale, const T* x,
                             T* y, int64_t begin, int64_t end) {
  const FloatTag d;
  const auto scale_v = hn::Set(d, scale);
  ForDraws(rng, threshold, begin, end, [&](int64_t i, auto vector, auto dropped) HWY_ATTR {
    const auto kept = hn::Mul(vector.Load(d, x + (i - begin)), scale_v);
    vector.Store(hn::IfThenZeroElse(dropped, kept), d, y + (i - begin));
  });
}

void DropF32(const CounterRng& rng, uint32_t threshold, float scale, const float* x, float* y,
             int64_t begin, int64_t end) {
  DropElements(rng, threshold, scale, x, y, begin, end);
}
void DropBf16(const CounterRng& rng, uint32_t threshold, float scale, const BFloat16* x,
              BFloat16* y, int64_t begin, int64_t end) {
  DropElements(rng, threshold, scale, x, y, begin, end);
}

void AddDroppedF32(const CounterRng& rng, uint32_t threshold, float scale, const float* x,
                   const float* branch, float* sum, int64_t begin, int64_t end) {
  const FloatTag d;
  const auto scale_v = hn::Set(d, scale);
  ForDraws(rng, threshold, begin, end, [&](int64_t i, auto vector, auto dropped) HWY_ATTR {
    const int64_t j = i - begin;
    const auto kept = hn::Mul(vector.Load(d, branch + j), scale_v);
    vector.Store(hn::Add(vector.Load(d, x + j), hn::IfThenZeroElse(dropped, kept)), d, sum + j);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(DropF32);
HWY_EXPORT(DropBf16);
HWY_EXPORT(AddDroppedF32);

// Elements of one piece of work; a multiple of 4, so that pieces start with a quad.
constexpr int64_t kPiece = 4096;

// Calls body(b, begin, end, offset) for pieces that cover x [B, ..]: elements [begin, end) of
// sequence b, the first of which is element `offset` of x.
template <typename Body>
void ForPieces(const RunContext& context, const TensorSpec& x, const Body& body) {
  const int64_t batch = x.shape[0];
  const int64_t elements = x.Elements() / std::max<int64_t>(1, batch);
  const int64_t pieces = (elements + kPiece - 1) / kPiece;
  Parallel(context, batch * pieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t item = first; item < last; ++item) {
      const int64_t b = item / pieces;
      const int64_t begin = item % pieces * kPiece;
      body(b, begin, std::min(elements, begin + kPiece), b * elements + begin);
    }
  });
}

template <typename T>
KernelTable::Result MakeDropoutOf(const DropoutOp& op) {
  return MakeFunctionKernel(SimdName("dropout"), 0,
                            [rate = op.rate(), site = op.site()](const KernelRun& k) {
                              const DropoutRun dropout(rate, site, k.in[1]);
                              const T* x = k.in[0].As<T>();
                              T* y = k.out[0].As<T>();
                              ForPieces(k.context, k.in[0].spec,
                                        [&](int64_t b, int64_t begin, int64_t end, int64_t offset) {
                                          dropout.Drop(b, begin, end, x + offset, y + offset);
                                        });
                              return absl::OkStatus();
                            });
}

}  // namespace

DropoutRun::DropoutRun(double rate, RandomSite site, const TensorView& random)
    : threshold_(DropoutThreshold(rate)), scale_(static_cast<float>(1.0 / (1.0 - rate))) {
  const uint32_t* words = random.As<uint32_t>();
  const uint64_t seed = words[0] | static_cast<uint64_t>(words[1]) << 32;
  first_ = {seed, site, words[2], words[3]};
}

CounterRng DropoutRun::OfSequence(int64_t b) const {
  CounterRng rng = first_;
  rng.sequence += static_cast<uint32_t>(b);
  return rng;
}

void DropoutRun::Drop(int64_t b, int64_t begin, int64_t end, const float* x, float* y) const {
  HWY_DYNAMIC_DISPATCH(DropF32)(OfSequence(b), threshold_, scale_, x, y, begin, end);
}
void DropoutRun::Drop(int64_t b, int64_t begin, int64_t end, const BFloat16* x, BFloat16* y) const {
  HWY_DYNAMIC_DISPATCH(DropBf16)(OfSequence(b), threshold_, scale_, x, y, begin, end);
}
void DropoutRun::AddDropped(int64_t b, int64_t begin, int64_t end, const float* x,
                            const float* branch, float* sum) const {
  HWY_DYNAMIC_DISPATCH(AddDroppedF32)
  (OfSequence(b), threshold_, scale_, x, branch, sum, begin, end);
}

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  return node.inputs[0].dtype == DType::kBF16 ? MakeDropoutOf<BFloat16>(op)
                                              : MakeDropoutOf<float>(op);
}

KernelTable::Result MakeResidual(const ResidualOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  return MakeFunctionKernel(
      SimdName("residual"), 0, [rate = op.rate(), site = op.site()](const KernelRun& k) {
        const DropoutRun dropout(rate, site, k.in[2]);
        const float* x = k.in[0].As<float>();
        const float* branch = k.in[1].As<float>();
        float* sum = k.out[0].As<float>();
        ForPieces(k.context, k.in[0].spec,
                  [&](int64_t b, int64_t begin, int64_t end, int64_t offset) {
                    dropout.AddDropped(b, begin, end, x + offset, branch + offset, sum + offset);
                  });
        return absl::OkStatus();
      });
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
