#include <algorithm>
#include <cmath>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

template <typename T>
void RotateHead(const RotaryOp& op, int64_t position, int64_t head_width, const T* x, T* y) {
  const int64_t half = head_width / 2;
  for (int64_t a = 0; a < half; ++a) {
    const double angle = op.Angle(position, a, head_width);
    const T cos = static_cast<T>(std::cos(angle)), sin = static_cast<T>(std::sin(angle));
    const T x1 = x[a], x2 = x[a + half];
    y[a] = x1 * cos - x2 * sin;
    y[a + half] = x2 * cos + x1 * sin;
  }
}

}  // namespace

KernelTable::Result MakeRotary(const RotaryOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [op]<typename T>(Views in, Views out, Work&) {
    const Shape& shape = in[0].spec.shape;  // [B, n, 3d]
    const int64_t length = shape[1], width = shape[2] / 3, head_width = width / op.heads();
    for (int64_t row = 0; row < shape.Rows(); ++row) {
      const T* x = in[0].As<T>() + row * 3 * width;
      T* y = out[0].As<T>() + row * 3 * width;
      for (int64_t head = 0; head < 2 * op.heads(); ++head) {
        RotateHead(op, row % length, head_width, x + head * head_width, y + head * head_width);
      }
      if (x != y) std::copy_n(x + 2 * width, width, y + 2 * width);
    }
  });
}

}  // namespace hourglass::reference
