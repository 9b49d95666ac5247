#include "hourglass/backends/onednn/pooling.h"

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/pooling.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// y row = scale (sum of its k rows of x), for rows [begin, end) of y.
void PoolRows(const float* x, float* y, float scale, int64_t k, size_t width, int64_t begin,
              int64_t end) {
  const FloatTag d;
  const auto scale_v = hn::Set(d, scale);
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * k * static_cast<int64_t>(width);
    float* y_row = y + row * static_cast<int64_t>(width);
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      auto sum = vector.Load(d, x_row + i);
      for (int64_t j = 1; j < k; ++j) {
        sum = hn::Add(sum, vector.Load(d, x_row + j * static_cast<int64_t>(width) + i));
      }
      vector.Store(hn::Mul(sum, scale_v), d, y_row + i);
    });
  }
}

// Each of the k rows of y = scale (row of x), for rows [begin, end) of x.
void RepeatRows(const float* x, float* y, float scale, int64_t k, size_t width, int64_t begin,
                int64_t end) {
  const FloatTag d;
  const auto scale_v = hn::Set(d, scale);
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    float* y_row = y + row * k * static_cast<int64_t>(width);
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      const auto scaled = hn::Mul(vector.Load(d, x_row + i), scale_v);
      for (int64_t j = 0; j < k; ++j) {
        vector.Store(scaled, d, y_row + j * static_cast<int64_t>(width) + i);
      }
    });
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(PoolRows);
HWY_EXPORT(RepeatRows);

constexpr int64_t kGrain = 16384;

using RowFunction = void (*)(const float* x, float* y, float scale, int64_t k, size_t width,
                             int64_t begin, int64_t end);

KernelTable::Result MakeResampling(const NodeSpecs& node, const char* name, RowFunction run,
                                   int64_t k, double scale, int64_t coarse_rows) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t width = node.inputs[0].shape[2];
  const int64_t grain = kGrain / (width * k) + 1;
  return MakeFunctionKernel(SimdName(name), 0, [=](const KernelRun& r) {
    const float* x = r.in[0].As<float>();
    float* y = r.out[0].As<float>();
    Parallel(r.context, coarse_rows, grain, [=](int64_t begin, int64_t end) {
      run(x, y, static_cast<float>(scale), k, static_cast<size_t>(width), begin, end);
    });
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakePool(const PoolOp& op, const NodeSpecs& node) {
  return MakeResampling(node, "pool", &HWY_DYNAMIC_DISPATCH(PoolRows), op.k(), op.scale(),
                        node.outputs[0].shape.Rows());
}

KernelTable::Result MakeRepeat(const RepeatOp& op, const NodeSpecs& node) {
  return MakeResampling(node, "repeat", &HWY_DYNAMIC_DISPATCH(RepeatRows), op.k(), op.scale(),
                        node.inputs[0].shape.Rows());
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
