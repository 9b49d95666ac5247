#include "hourglass/backends/onednn/loss.h"

#include <algorithm>
#include <cmath>

#include "hourglass/backends/onednn/embedding.h"
#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/loss.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// log(sum(e^x)) of one row, minus x[target].
float NatsOfRow(const float* x, size_t width, int32_t target) {
  const FloatTag d;
  const FloatVec largest = Fold(
      width, hn::Set(d, x[0]),
      [&](FloatVec so_far, size_t i, auto vector)
          HWY_ATTR { return hn::Max(so_far, vector.LoadOr(d, x + i, so_far)); },
      [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Max(a, b); });
  const float maximum = hn::GetLane(hn::MaxOfLanes(d, largest));
  const float sum = FoldSum(width, [&](FloatVec so_far, size_t i, auto vector) HWY_ATTR {
    const auto e = Exp(hn::Sub(vector.Load(d, x + i), hn::Set(d, maximum)));
    return hn::Add(so_far, vector.Keep(d, e));
  });
  return std::log(sum) + (maximum - x[target]);
}

// d_x = scale (softmax(x) - one at target). d_x may be x.
void GradOfRow(const float* x, float* d_x, size_t width, int32_t target, float nats, float scale) {
  const FloatTag d;
  const float log_sum_exp = nats + x[target];
  ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
    const auto e = Exp(hn::Sub(vector.Load(d, x + i), hn::Set(d, log_sum_exp)));
    vector.Store(hn::Mul(e, hn::Set(d, scale)), d, d_x + i);
  });
  d_x[target] = scale * std::expm1(-nats);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(NatsOfRow);
HWY_EXPORT(GradOfRow);

constexpr int64_t kGrain = 4096;

bool Counts(int32_t target, std::optional<int32_t> mask_id) {
  return !mask_id || target != *mask_id;
}

int64_t CountTargets(std::span<const int32_t> targets, std::optional<int32_t> mask_id) {
  return std::count_if(targets.begin(), targets.end(),
                       [&](int32_t target) { return Counts(target, mask_id); });
}

float MeanNats(std::span<const float> nats, int64_t counted) {
  double sum = 0;
  for (const float nat : nats) sum += nat;
  return counted == 0 ? 0.0f : static_cast<float>(sum / static_cast<double>(counted));
}

}  // namespace

KernelTable::Result MakeCrossEntropy(const CrossEntropyOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t width = node.inputs[0].shape[2];
  const std::optional<int32_t> mask_id = op.mask_id();
  const auto run = &HWY_DYNAMIC_DISPATCH(NatsOfRow);
  return MakeFunctionKernel(SimdName("cross_entropy"), 0, [=](const KernelRun& k) {
    const float* logits = k.in[0].As<float>();
    const std::span<const int32_t> targets = k.in[1].Span<int32_t>();
    const std::span<float> nats = k.out[1].Span<float>();
    HG_RETURN_IF_ERROR(ExpectIndices("cross_entropy: target", targets, width, mask_id));
    Parallel(k.context, static_cast<int64_t>(targets.size()), kGrain / width + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t row = begin; row < end; ++row) {
                 const size_t r = static_cast<size_t>(row);
                 nats[r] = Counts(targets[r], mask_id)
                               ? run(logits + row * width, static_cast<size_t>(width), targets[r])
                               : 0.0f;
               }
             });
    *k.out[0].As<float>() = MeanNats(nats, CountTargets(targets, mask_id));
    return absl::OkStatus();
  });
}

KernelTable::Result MakeCrossEntropyGrad(const CrossEntropyGradOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t width = node.inputs[0].shape[2];
  const std::optional<int32_t> mask_id = op.mask_id();
  const auto run = &HWY_DYNAMIC_DISPATCH(GradOfRow);
  return MakeFunctionKernel(SimdName("cross_entropy_grad"), 0, [=](const KernelRun& k) {
    const float* logits = k.in[0].As<float>();
    const std::span<const int32_t> targets = k.in[1].Span<int32_t>();
    const std::span<const float> nats = k.in[2].Span<float>();
    float* d_logits = k.out[0].As<float>();
    HG_RETURN_IF_ERROR(ExpectIndices("cross_entropy_grad: target", targets, width, mask_id));
    const int64_t counted = std::max<int64_t>(1, CountTargets(targets, mask_id));
    const float scale = *k.in[3].As<float>() / static_cast<float>(counted);
    Parallel(k.context, static_cast<int64_t>(targets.size()), kGrain / width + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t row = begin; row < end; ++row) {
                 const size_t r = static_cast<size_t>(row);
                 const float* x = logits + row * width;
                 float* d_x = d_logits + row * width;
                 if (Counts(targets[r], mask_id)) {
                   run(x, d_x, static_cast<size_t>(width), targets[r], nats[r], scale);
                 } else {
                   std::fill(d_x, d_x + width, 0.0f);
                 }
               }
             });
    return absl::OkStatus();
  });
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
