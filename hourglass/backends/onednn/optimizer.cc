#include "hourglass/backends/onednn/optimizer.h"

#include <cmath>
#include <cstring>

#include "hourglass/backends/onednn/elementwise.h"
#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/optimizer.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

// Outside the code that is compiled several times: one type for all instruction sets.
#ifndef HOURGLASS_BACKENDS_ONEDNN_ADAM_STEP_
#define HOURGLASS_BACKENDS_ONEDNN_ADAM_STEP_
namespace hourglass::onednn {

struct AdamStep {
  float clip;  // factor on the gradient
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float rate;  // rate / correction1
  float inverse_correction2;
  float epsilon;
};

}  // namespace hourglass::onednn
#endif

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

double SumSquaresOf(const float* x, int64_t count) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, hn::ScalableTag<double>> half;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto first = hn::PromoteTo(d, hn::LoadU(half, x + i));
    const auto second = hn::PromoteTo(d, hn::LoadU(half, x + i + lanes));
    even = hn::MulAdd(first, first, even);
    odd = hn::MulAdd(second, second, odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

void AdamVectors(const AdamStep& step, const float* gradient, float* parameter, float* m, float* v,
                 int64_t count) {
  const FloatTag d;
  ForVectors(static_cast<size_t>(count), [&](size_t i, auto vector) HWY_ATTR {
    const auto g = hn::Mul(vector.Load(d, gradient + i), hn::Set(d, step.clip));
    const auto m_new = hn::MulAdd(hn::Set(d, step.beta1), vector.Load(d, m + i),
                                  hn::Mul(hn::Set(d, step.one_minus_beta1), g));
    const auto v_new = hn::MulAdd(hn::Set(d, step.beta2), vector.Load(d, v + i),
                                  hn::Mul(hn::Set(d, step.one_minus_beta2), hn::Mul(g, g)));
    const auto root = hn::Sqrt(hn::Mul(v_new, hn::Set(d, step.inverse_correction2)));
    const auto change =
        hn::Div(hn::Mul(hn::Set(d, step.rate), m_new), hn::Add(root, hn::Set(d, step.epsilon)));
    vector.Store(m_new, d, m + i);
    vector.Store(v_new, d, v + i);
    vector.Store(hn::Sub(vector.Load(d, parameter + i), change), d, parameter + i);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(SumSquaresOf);
HWY_EXPORT(AdamVectors);

constexpr int64_t kGrain = 16384;
constexpr int64_t kSumBlock = 16384;

// The arguments of AdamOp::Infer in their order.
enum AdamInput { kParameter, kGradient, kFirstMoment, kSecondMoment, kScalars, kSumSquares };

AdamStep StepOf(const AdamOp& op, const float* scalars, float sum_squares) {
  AdamStep step;
  const double norm = std::sqrt(static_cast<double>(sum_squares));
  step.clip =
      op.max_norm() > 0 && norm > op.max_norm() ? static_cast<float>(op.max_norm() / norm) : 1.0f;
  step.beta1 = static_cast<float>(op.beta1());
  step.one_minus_beta1 = static_cast<float>(1.0 - op.beta1());
  step.beta2 = static_cast<float>(op.beta2());
  step.one_minus_beta2 = static_cast<float>(1.0 - op.beta2());
  step.rate = static_cast<float>(static_cast<double>(scalars[kAdamRate]) /
                                 static_cast<double>(scalars[kAdamCorrection1]));
  step.inverse_correction2 = 1.0f / scalars[kAdamCorrection2];
  step.epsilon = static_cast<float>(op.epsilon());
  return step;
}

// State ops get their state in place; another output memory is filled first.
void TakeOver(const TensorView& in, const TensorView& out) {
  if (in.data != out.data) std::memcpy(out.data, in.data, static_cast<size_t>(in.spec.Bytes()));
}

}  // namespace

KernelTable::Result MakeAccumulate(const AccumulateOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t elements = node.outputs[0].Elements();
  return MakeFunctionKernel(SimdName("accumulate"), 0, [=](const KernelRun& k) {
    const bool overwrite = *k.in[2].As<uint32_t>() == 1;
    const float* total = k.in[0].As<float>();
    const float* value = k.in[1].As<float>();
    float* out = k.out[0].As<float>();
    ParallelElements(k.context, elements, kGrain, [=](int64_t begin, int64_t end) {
      if (overwrite) {
        std::memcpy(out + begin, value + begin, static_cast<size_t>(end - begin) * sizeof(float));
      } else {
        AddFloats(total + begin, value + begin, out + begin, end - begin);
      }
    });
    return absl::OkStatus();
  });
}

KernelTable::Result MakeSumSquares(const SumSquaresOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t elements = node.inputs[0].Elements();
  const int64_t blocks = (elements + kSumBlock - 1) / kSumBlock;
  const auto run = &HWY_DYNAMIC_DISPATCH(SumSquaresOf);
  return MakeFunctionKernel(SimdName("sum_squares"), static_cast<size_t>(blocks) * sizeof(double),
                            [=](const KernelRun& k) {
                              const float* x = k.in[0].As<float>();
                              double* partial = reinterpret_cast<double*>(k.workspace.data());
                              Parallel(k.context, blocks, 1, [=](int64_t begin, int64_t end) {
                                for (int64_t b = begin; b < end; ++b) {
                                  const int64_t first = b * kSumBlock;
                                  partial[b] =
                                      run(x + first, std::min(kSumBlock, elements - first));
                                }
                              });
                              double sum = 0;
                              for (int64_t b = 0; b < blocks; ++b) sum += partial[b];
                              *k.out[0].As<float>() = static_cast<float>(sum);
                              return absl::OkStatus();
                            });
}

KernelTable::Result MakeAdam(const AdamOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t elements = node.outputs[0].Elements();
  const auto run = &HWY_DYNAMIC_DISPATCH(AdamVectors);
  return MakeFunctionKernel(SimdName("adam"), 0, [=](const KernelRun& k) {
    TakeOver(k.in[kParameter], k.out[0]);
    TakeOver(k.in[kFirstMoment], k.out[1]);
    TakeOver(k.in[kSecondMoment], k.out[2]);
    const float sum_squares = *k.in[kSumSquares].As<float>();
    if (!std::isfinite(sum_squares)) return absl::OkStatus();
    const AdamStep step = StepOf(op, k.in[kScalars].As<float>(), sum_squares);
    const float* gradient = k.in[kGradient].As<float>();
    float* parameter = k.out[0].As<float>();
    float* m = k.out[1].As<float>();
    float* v = k.out[2].As<float>();
    ParallelElements(k.context, elements, kGrain, [&](int64_t begin, int64_t end) {
      run(step, gradient + begin, parameter + begin, m + begin, v + begin, end - begin);
    });
    return absl::OkStatus();
  });
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
