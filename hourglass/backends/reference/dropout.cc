#include "hourglass/backends/reference/dropout_mask.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [op]<typename T>(Views in, Views out, Work&) {
    const int64_t sequences = in[0].spec.shape[0];
    const int64_t elements = sequences == 0 ? 0 : in[0].spec.Elements() / sequences;
    for (int64_t b = 0; b < sequences; ++b) {
      const DropoutMask mask(in[1], op.site(), op.rate(), b);
      const T* x = in[0].As<T>() + b * elements;
      T* y = out[0].As<T>() + b * elements;
      for (int64_t e = 0; e < elements; ++e) y[e] = mask.Apply(e, x[e]);
    }
  });
}

KernelTable::Result MakeResidual(const ResidualOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [op]<typename T>(Views in, Views out, Work&) {
    const int64_t sequences = in[0].spec.shape[0];
    const int64_t elements = sequences == 0 ? 0 : in[0].spec.Elements() / sequences;
    for (int64_t b = 0; b < sequences; ++b) {
      const DropoutMask mask(in[2], op.site(), op.rate(), b);
      const T* x = in[0].As<T>() + b * elements;
      const T* branch = in[1].As<T>() + b * elements;
      T* sum = out[0].As<T>() + b * elements;
      for (int64_t e = 0; e < elements; ++e) sum[e] = x[e] + mask.Apply(e, branch[e]);
    }
  });
}

}  // namespace hourglass::reference
