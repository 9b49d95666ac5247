#include "hourglass/backends/onednn/layout.h"

#include <algorithm>
#include <cstring>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/backends/onednn/row_sum.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/layout.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// sum[0 .. width) += rows [begin, end) of x. Four rows at a time: sum is read and written once for
// them.
template <typename T>
HWY_INLINE void AddRows(const T* x, float* sum, size_t width, int64_t begin, int64_t end) {
  const FloatTag d;
  const T* row = x + begin * static_cast<int64_t>(width);
  int64_t left = end - begin;
  for (; left >= 4; left -= 4, row += 4 * width) {
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      const auto first = hn::Add(vector.Load(d, row + i), vector.Load(d, row + width + i));
      const auto second =
          hn::Add(vector.Load(d, row + 2 * width + i), vector.Load(d, row + 3 * width + i));
      vector.Store(hn::Add(vector.Load(d, sum + i), hn::Add(first, second)), d, sum + i);
    });
  }
  for (; left > 0; --left, row += width) {
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      vector.Store(hn::Add(vector.Load(d, sum + i), vector.Load(d, row + i)), d, sum + i);
    });
  }
}

void AddRowsF32(const float* x, float* sum, size_t width, int64_t begin, int64_t end) {
  AddRows(x, sum, width, begin, end);
}
void AddRowsBf16(const BFloat16* x, float* sum, size_t width, int64_t begin, int64_t end) {
  AddRows(x, sum, width, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(AddRowsF32);
HWY_EXPORT(AddRowsBf16);

constexpr int64_t kGrain = 16384;
constexpr int64_t kCopyGrainBytes = 65536;

// One sequence: rows of `row_bytes`, `to_rows` of them from `from_rows`.
void ShiftSequence(const std::byte* from, std::byte* to, int64_t from_rows, int64_t to_rows,
                   int64_t offset, int64_t row_bytes) {
  const int64_t first = std::clamp<int64_t>(offset, 0, to_rows);
  const int64_t last = std::clamp<int64_t>(from_rows + offset, first, to_rows);
  std::memset(to, 0, static_cast<size_t>(first * row_bytes));
  if (last > first) {
    std::memcpy(to + first * row_bytes, from + (first - offset) * row_bytes,
                static_cast<size_t>((last - first) * row_bytes));
  }
  std::memset(to + last * row_bytes, 0, static_cast<size_t>((to_rows - last) * row_bytes));
}

template <typename T, typename Run>
KernelTable::Result MakeColumnSumOf(const NodeSpecs& node, Run run) {
  const int64_t width = node.inputs[0].shape[-1];
  const RowBlocks blocks(node.inputs[0].shape.Rows());
  const PartialRows partials(blocks.count, width);
  return MakeFunctionKernel(SimdName("column_sum"), partials.Bytes(), [=](const KernelRun& k) {
    const T* x = k.in[0].As<T>();
    Parallel(k.context, blocks.count, kGrain / (width * blocks.block_rows) + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t block = begin; block < end; ++block) {
                 run(x, partials.Clear(k.workspace, block), static_cast<size_t>(width),
                     blocks.Begin(block), blocks.End(block));
               }
             });
    partials.Add(k.workspace, 0, width, k.out[0].As<float>());
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakeShiftRows(const ShiftRowsOp& op, const NodeSpecs& node) {
  const TensorSpec& x = node.inputs[0];
  if (x.dtype == DType::kF64) return ExpectF32(node);
  const int64_t batch = x.shape[0];
  const int64_t from_rows = x.shape[1];
  const int64_t to_rows = op.rows();
  const int64_t offset = op.offset();
  const int64_t row_bytes = x.Bytes() / std::max<int64_t>(1, batch * from_rows);
  const int64_t sequence_bytes = std::max<int64_t>(1, to_rows * row_bytes);
  return MakeFunctionKernel("shift_rows:memcpy", 0, [=](const KernelRun& k) {
    const auto* from = static_cast<const std::byte*>(k.in[0].data);
    auto* to = static_cast<std::byte*>(k.out[0].data);
    Parallel(k.context, batch, kCopyGrainBytes / sequence_bytes + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t b = begin; b < end; ++b) {
                 ShiftSequence(from + b * from_rows * row_bytes, to + b * to_rows * row_bytes,
                               from_rows, to_rows, offset, row_bytes);
               }
             });
    return absl::OkStatus();
  });
}

KernelTable::Result MakeColumnSum(const ColumnSumOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.inputs[0].dtype == DType::kBF16) {
    return MakeColumnSumOf<BFloat16>(node, &HWY_DYNAMIC_DISPATCH(AddRowsBf16));
  }
  return MakeColumnSumOf<float>(node, &HWY_DYNAMIC_DISPATCH(AddRowsF32));
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
