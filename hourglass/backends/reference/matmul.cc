#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {

KernelTable::Result MakeMatmul(const MatmulOp& op, const NodeSpecs& node) {
  const MatmulSizes s = SizesOf(op, node.inputs);
  return MakeFloatingKernel(node, [op, s]<typename T>(Views in, Views out, Work& work) {
    const T* a = in[0].As<T>();                           // [m, k], or [k, m] if transpose_a
    const T* b = in[1].As<T>();                           // [k, n], or [n, k] if transpose_b
    const T* bias = op.bias() ? in[2].As<T>() : nullptr;  // [n]
    const T* residual = op.residual() ? in.back().As<T>() : nullptr;  // [m, n]
    T* c = out[0].As<T>();                                            // [m, n]
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        T sum = 0;
        for (int64_t l = 0; l < s.k; ++l) {
          const T left = op.transpose_a() ? a[l * s.m + i] : a[i * s.k + l];
          const T right = op.transpose_b() ? b[j * s.k + l] : b[l * s.n + j];
          sum += left * right;
          ++work.multiply_adds;
        }
        if (bias != nullptr) sum += bias[j];
        if (residual != nullptr) sum += residual[i * s.n + j];
        c[i * s.n + j] = sum;
      }
    }
  });
}

}  // namespace hourglass::reference
