#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {

// k divides the length, so the groups of a batch follow each other without a gap.
KernelTable::Result MakePool(const PoolOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [op]<typename T>(Views in, Views out, Work&) {
    const int64_t width = out[0].spec.shape[-1], groups = out[0].spec.shape.Rows();
    for (int64_t group = 0; group < groups; ++group) {
      const T* x = in[0].As<T>() + group * op.k() * width;
      T* y = out[0].As<T>() + group * width;
      for (int64_t i = 0; i < width; ++i) {
        T sum = 0;
        for (int64_t r = 0; r < op.k(); ++r) sum += x[r * width + i];
        y[i] = static_cast<T>(op.scale()) * sum;
      }
    }
  });
}

KernelTable::Result MakeRepeat(const RepeatOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [op]<typename T>(Views in, Views out, Work&) {
    const int64_t width = in[0].spec.shape[-1], rows = out[0].spec.shape.Rows();
    for (int64_t row = 0; row < rows; ++row) {
      const T* x = in[0].As<T>() + row / op.k() * width;
      T* y = out[0].As<T>() + row * width;
      for (int64_t i = 0; i < width; ++i) y[i] = static_cast<T>(op.scale()) * x[i];
    }
  });
}

}  // namespace hourglass::reference
