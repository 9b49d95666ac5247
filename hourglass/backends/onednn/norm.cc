#include "hourglass/backends/onednn/norm.h"

#include <cmath>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/backends/onednn/row_sum.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/norm.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

float MeanOfRow(const float* x, size_t width) {
  const FloatTag d;
  const float sum = FoldSum(width, [&](FloatVec so_far, size_t i, auto vector)
                                       HWY_ATTR { return hn::Add(so_far, vector.Load(d, x + i)); });
  return sum / static_cast<float>(width);
}

// From the differences, so that a large mean costs no digits.
float VarianceOfRow(const float* x, size_t width, float mean) {
  const FloatTag d;
  const auto mean_v = hn::Set(d, mean);
  const float sum = FoldSum(width, [&](FloatVec so_far, size_t i, auto vector) HWY_ATTR {
    const auto difference = vector.Keep(d, hn::Sub(vector.Load(d, x + i), mean_v));
    return hn::MulAdd(difference, difference, so_far);
  });
  return sum / static_cast<float>(width);
}

// y = (x - mean) rstd scale + bias for rows [begin, end).
void LayerNormRows(const float* x, const float* scale, const float* bias, float* y, float* mean,
                   float* rstd, size_t width, int64_t begin, int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    float* y_row = y + row * static_cast<int64_t>(width);
    mean[row] = MeanOfRow(x_row, width);
    rstd[row] = 1.0f / std::sqrt(VarianceOfRow(x_row, width, mean[row]) +
                                 static_cast<float>(kLayerNormEpsilon));
    const auto mean_v = hn::Set(d, mean[row]);
    const auto rstd_v = hn::Set(d, rstd[row]);
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      const auto normal = hn::Mul(hn::Sub(vector.Load(d, x_row + i), mean_v), rstd_v);
      const auto scaled = hn::MulAdd(normal, vector.Load(d, scale + i), vector.Load(d, bias + i));
      vector.Store(scaled, d, y_row + i);
    });
  }
}

// Row by row: adds d_y xhat to d_scale and d_y to d_bias, both [width]; with g = d_y scale
//   d_x = rstd (g - mean(g) - xhat mean(g xhat)).
void LayerNormGradRows(const float* x, const float* scale, const float* mean, const float* rstd,
                       const float* d_y, float* d_x, float* d_scale, float* d_bias, size_t width,
                       int64_t begin, int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    const float* d_y_row = d_y + row * static_cast<int64_t>(width);
    float* d_x_row = d_x + row * static_cast<int64_t>(width);
    const auto mean_v = hn::Set(d, mean[row]);
    const auto rstd_v = hn::Set(d, rstd[row]);
    auto sum_g = hn::Zero(d);
    auto sum_g_normal = hn::Zero(d);
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      const auto normal = hn::Mul(hn::Sub(vector.Load(d, x_row + i), mean_v), rstd_v);
      const auto grad = vector.Load(d, d_y_row + i);
      const auto g = hn::Mul(grad, vector.Load(d, scale + i));
      sum_g = hn::Add(sum_g, g);
      sum_g_normal = hn::MulAdd(g, normal, sum_g_normal);
      vector.Store(hn::MulAdd(grad, normal, vector.Load(d, d_scale + i)), d, d_scale + i);
      vector.Store(hn::Add(grad, vector.Load(d, d_bias + i)), d, d_bias + i);
    });
    const auto mean_g = hn::Set(d, Sum(sum_g) / static_cast<float>(width));
    const auto mean_g_normal = hn::Set(d, Sum(sum_g_normal) / static_cast<float>(width));
    ForVectors(width, [&](size_t i, auto vector) HWY_ATTR {
      const auto normal = hn::Mul(hn::Sub(vector.Load(d, x_row + i), mean_v), rstd_v);
      const auto g = hn::Mul(vector.Load(d, d_y_row + i), vector.Load(d, scale + i));
      const auto centred = hn::NegMulAdd(normal, mean_g_normal, hn::Sub(g, mean_g));
      vector.Store(hn::Mul(centred, rstd_v), d, d_x_row + i);
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

HWY_EXPORT(LayerNormRows);
HWY_EXPORT(LayerNormGradRows);

// Elements below which a second thread costs more than it saves.
constexpr int64_t kGrain = 8192;

}  // namespace

KernelTable::Result MakeLayerNorm(const LayerNormOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t rows = node.inputs[0].shape.Rows();
  const int64_t width = node.inputs[0].shape[-1];
  const auto run = &HWY_DYNAMIC_DISPATCH(LayerNormRows);
  return MakeFunctionKernel(SimdName("layer_norm"), 0, [=](const KernelRun& k) {
    Parallel(k.context, rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
      run(k.in[0].As<float>(), k.in[1].As<float>(), k.in[2].As<float>(), k.out[0].As<float>(),
          k.out[1].As<float>(), k.out[2].As<float>(), static_cast<size_t>(width), begin, end);
    });
    return absl::OkStatus();
  });
}

KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t width = node.inputs[0].shape[-1];
  const RowBlocks blocks(node.inputs[0].shape.Rows());
  const PartialRows partials(blocks.count, 2 * width);
  const auto run = &HWY_DYNAMIC_DISPATCH(LayerNormGradRows);
  return MakeFunctionKernel(SimdName("layer_norm_grad"), partials.Bytes(), [=](const KernelRun& k) {
    Parallel(k.context, blocks.count, kGrain / (width * blocks.block_rows) + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t block = begin; block < end; ++block) {
                 float* d_scale = partials.Clear(k.workspace, block);
                 run(k.in[0].As<float>(), k.in[1].As<float>(), k.in[2].As<float>(),
                     k.in[3].As<float>(), k.in[4].As<float>(), k.out[0].As<float>(), d_scale,
                     d_scale + width, static_cast<size_t>(width), blocks.Begin(block),
                     blocks.End(block));
               }
             });
    partials.Add(k.workspace, 0, width, k.out[1].As<float>());
    partials.Add(k.workspace, width, width, k.out[2].As<float>());
    return absl::OkStatus();
  });
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
