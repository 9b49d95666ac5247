#include <cmath>

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

}  // namespace

KernelTable::Result MakeLayerNorm(const LayerNormOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { RunLayerNorm<T>(in, out); });
}

KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { RunLayerNormGrad<T>(in, out); });
}

}  // namespace hourglass::reference
