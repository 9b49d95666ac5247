#include <cmath>
#include <optional>
#include <vector>

#include "hourglass/backends/reference/dropout_mask.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

template <typename T>
void RunLayerNorm(Views in, Views out) {
  const int64_t width = in[0].spec.shape[-1], rows = in[0].spec.shape.Rows();
  const T* scale = in[1].As<T>();  // [d]
  const T* bias = in[2].As<T>();   // [d]
  for (int64_t row = 0; row < rows; ++row) {
    const T* x = in[0].As<T>() + row * width;
    T* y = out[0].As<T>() + row * width;
    T mean = 0, variance = 0;
    for (int64_t i = 0; i < width; ++i) mean += x[i];
    mean /= static_cast<T>(width);
    for (int64_t i = 0; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean);
    variance /= static_cast<T>(width);
    const T rstd = 1 / std::sqrt(variance + static_cast<T>(kLayerNormEpsilon));
    for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * rstd * scale[i] + bias[i];
    out[1].As<T>()[row] = mean;
    out[2].As<T>()[row] = rstd;
  }
}

// With h = (x - mean) rstd and g = d_y scale:
//   d_x = rstd (g - mean(g) - h mean(g h)),  d_scale = sum over rows of d_y h,  d_bias = of d_y.
template <typename T>
void RunLayerNormGrad(Views in, Views out) {
  const int64_t width = in[0].spec.shape[-1], rows = in[0].spec.shape.Rows();
  const T* scale = in[1].As<T>();  // [d]
  T* d_scale = out[1].As<T>();     // [d]
  T* d_bias = out[2].As<T>();      // [d]
  for (int64_t i = 0; i < width; ++i) d_scale[i] = d_bias[i] = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const T* x = in[0].As<T>() + row * width;
    const T* d_y = in[4].As<T>() + row * width;
    T* d_x = out[0].As<T>() + row * width;
    const T mean = in[2].As<T>()[row], rstd = in[3].As<T>()[row];
    T mean_g = 0, mean_gh = 0;
    for (int64_t i = 0; i < width; ++i) {
      const T h = (x[i] - mean) * rstd, g = d_y[i] * scale[i];
      mean_g += g;
      mean_gh += g * h;
      d_scale[i] += d_y[i] * h;
      d_bias[i] += d_y[i];
    }
    mean_g /= static_cast<T>(width);
    mean_gh /= static_cast<T>(width);
    for (int64_t i = 0; i < width; ++i) {
      const T h = (x[i] - mean) * rstd, g = d_y[i] * scale[i];
      d_x[i] = rstd * (g - mean_g - h * mean_gh);
    }
  }
}

// Calls body(i, dropped) for the elements i of x [B, .., d]; dropped(value) is value after dropout.
template <typename T, typename OpType, typename Body>
void ForElements(const OpType& op, const TensorView& x, Views in, const Body& body) {
  const int64_t sequences = x.spec.shape[0];
  const int64_t elements = sequences == 0 ? 0 : x.spec.Elements() / sequences;
  for (int64_t b = 0; b < sequences; ++b) {
    std::optional<DropoutMask> mask;
    if (op.rate() > 0.0) mask.emplace(in.back(), op.site(), op.rate(), b);
    for (int64_t e = 0; e < elements; ++e) {
      body(b * elements + e, [&](T value) { return mask ? mask->Apply(e, value) : value; });
    }
  }
}

template <typename T>
void RunResidualNorm(const ResidualNormOp& op, Views in, Views out) {
  const T* x = in[0].As<T>();
  const T* branch = in[1].As<T>();
  T* sum = out[0].As<T>();
  ForElements<T>(op, in[0], in,
                 [&](int64_t i, const auto& dropped) { sum[i] = x[i] + dropped(branch[i]); });
  const std::vector<TensorView> norm_in = {out[0], in[2], in[3]};
  RunLayerNorm<T>(norm_in, out.subspan(1));
}

template <typename T>
void RunResidualNormGrad(const ResidualNormGradOp& op, Views in, Views out) {
  const std::span<const T> d_sum_in = in[5].Span<T>();
  const std::vector<T> d_sum(d_sum_in.begin(), d_sum_in.end());  // d_x may lie over it
  RunLayerNormGrad<T>(in, out);
  T* d_x = out[0].As<T>();
  T* d_branch = op.rate() > 0.0 ? out[3].As<T>() : nullptr;
  ForElements<T>(op, in[0], in, [&](int64_t i, const auto& dropped) {
    d_x[i] += d_sum[static_cast<size_t>(i)];
    if (d_branch != nullptr) d_branch[i] = dropped(d_x[i]);
  });
}

}  // namespace

KernelTable::Result MakeLayerNorm(const LayerNormOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { RunLayerNorm<T>(in, out); });
}

KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { RunLayerNormGrad<T>(in, out); });
}

KernelTable::Result MakeResidualNorm(const ResidualNormOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, [op]<typename T>(Views in, Views out, Work&) { RunResidualNorm<T>(op, in, out); });
}

KernelTable::Result MakeResidualNormGrad(const ResidualNormGradOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, [op]<typename T>(Views in, Views out, Work&) { RunResidualNormGrad<T>(op, in, out); });
}

}  // namespace hourglass::reference
