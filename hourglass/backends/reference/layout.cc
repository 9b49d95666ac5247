#include <algorithm>
#include <cstddef>
#include <cstring>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {

// Rows are moved as bytes: zero is all zero bits in every dtype.
KernelTable::Result MakeShiftRows(const ShiftRowsOp& op, const NodeSpecs& node) {
  return std::make_unique<ReferenceKernel>(node, [op](Views in, Views out, Work&) {
    const Shape& shape = in[0].spec.shape;
    const int64_t batch = shape[0], in_rows = shape[1], out_rows = op.rows();
    const int64_t row_bytes = batch * in_rows == 0 ? 0 : in[0].spec.Bytes() / (batch * in_rows);
    for (int64_t b = 0; b < batch; ++b) {
      const auto* src = static_cast<const std::byte*>(in[0].data) + b * in_rows * row_bytes;
      auto* dst = static_cast<std::byte*>(out[0].data) + b * out_rows * row_bytes;
      for (int64_t i = 0; i < out_rows; ++i) {
        const int64_t from = i - op.offset();
        const bool exists = from >= 0 && from < in_rows;
        if (exists) std::memcpy(dst + i * row_bytes, src + from * row_bytes, row_bytes);
        if (!exists) std::memset(dst + i * row_bytes, 0, row_bytes);
      }
    }
    return absl::OkStatus();
  });
}

KernelTable::Result MakeColumnSum(const ColumnSumOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    const int64_t width = in[0].spec.shape[-1], rows = in[0].spec.shape.Rows();
    T* sum = out[0].As<T>();  // [width]
    std::fill_n(sum, width, T(0));
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < width; ++i) sum[i] += in[0].As<T>()[row * width + i];
    }
  });
}

}  // namespace hourglass::reference
