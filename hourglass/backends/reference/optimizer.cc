#include <algorithm>
#include <cmath>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

template <typename T>
void CopyThrough(const TensorView& in, const TensorView& out) {
  if (in.data != out.data) std::copy_n(in.As<T>(), in.spec.Elements(), out.As<T>());
}

template <typename T>
T ClipFactor(double max_norm, T sum_squares) {
  if (max_norm == 0.0) return 1;
  return std::min(T(1), static_cast<T>(max_norm) / std::sqrt(sum_squares));
}

template <typename T>
void RunAdam(const AdamOp& op, Views in, Views out) {
  const T sum_squares = in[5].As<T>()[0];
  if (!std::isfinite(sum_squares)) {
    CopyThrough<T>(in[0], out[0]);
    CopyThrough<T>(in[2], out[1]);
    CopyThrough<T>(in[3], out[2]);
    return;
  }
  const std::span<const T> parameter = in[0].Span<T>(), gradient = in[1].Span<T>();
  const std::span<const T> m = in[2].Span<T>(), v = in[3].Span<T>();
  const std::span<T> new_parameter = out[0].Span<T>();
  const std::span<T> new_m = out[1].Span<T>(), new_v = out[2].Span<T>();
  const T* scalars = in[4].As<T>();
  const T clip = ClipFactor<T>(op.max_norm(), sum_squares);
  const T beta1 = static_cast<T>(op.beta1()), rest1 = static_cast<T>(1.0 - op.beta1());
  const T beta2 = static_cast<T>(op.beta2()), rest2 = static_cast<T>(1.0 - op.beta2());
  for (size_t i = 0; i < parameter.size(); ++i) {
    const T g = gradient[i] * clip;
    new_m[i] = beta1 * m[i] + rest1 * g;
    new_v[i] = beta2 * v[i] + rest2 * g * g;
    const T m_hat = new_m[i] / scalars[kAdamCorrection1];
    const T v_hat = new_v[i] / scalars[kAdamCorrection2];
    new_parameter[i] = parameter[i] - scalars[kAdamRate] * m_hat /
                                          (std::sqrt(v_hat) + static_cast<T>(op.epsilon()));
  }
}

}  // namespace

KernelTable::Result MakeAccumulate(const AccumulateOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    const std::span<const T> total = in[0].Span<T>(), value = in[1].Span<T>();
    const std::span<T> sum = out[0].Span<T>();
    const bool overwrite = in[2].As<uint32_t>()[0] == 1;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = overwrite ? value[i] : total[i] + value[i];
  });
}

KernelTable::Result MakeSumSquares(const SumSquaresOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    double sum = 0;
    for (const T x : in[0].Span<T>()) sum += static_cast<double>(x) * static_cast<double>(x);
    out[0].As<T>()[0] = static_cast<T>(sum);
  });
}

KernelTable::Result MakeAdam(const AdamOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, [op]<typename T>(Views in, Views out, Work&) { RunAdam<T>(op, in, out); });
}

}  // namespace hourglass::reference
