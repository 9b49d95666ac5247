#include <cmath>
#include <numbers>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

// gelu(x) = 0.5 x (1 + tanh(u)),  u = kSlope (x + kCubic x^3)
const double kSlope = std::sqrt(2.0 / std::numbers::pi);
constexpr double kCubic = 0.044715;

template <typename T>
T GeluInner(T x) {
  return static_cast<T>(kSlope) * (x + static_cast<T>(kCubic) * x * x * x);
}

template <typename T>
T GeluDerivative(T x) {
  const T tanh_u = std::tanh(GeluInner(x));
  const T d_u = static_cast<T>(kSlope) * (1 + static_cast<T>(3 * kCubic) * x * x);
  return static_cast<T>(0.5) * (1 + tanh_u + x * (1 - tanh_u * tanh_u) * d_u);
}

}  // namespace

KernelTable::Result MakeGelu(const GeluOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    const std::span<const T> x = in[0].Span<T>();
    const std::span<T> y = out[0].Span<T>();
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = static_cast<T>(0.5) * x[i] * (1 + std::tanh(GeluInner(x[i])));
    }
  });
}

KernelTable::Result MakeGeluGrad(const GeluGradOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    const std::span<const T> x = in[0].Span<T>(), d_y = in[1].Span<T>();
    const std::span<T> d_x = out[0].Span<T>();
    for (size_t i = 0; i < x.size(); ++i) d_x[i] = d_y[i] * GeluDerivative(x[i]);
  });
}

}  // namespace hourglass::reference
