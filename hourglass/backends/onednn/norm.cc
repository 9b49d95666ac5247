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
template <typename T>
HWY_INLINE void LayerNormRows(const float* x, const float* scale, const float* bias, T* y,
                              float* mean, float* rstd, size_t width, int64_t begin, int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    T* y_row = y + row * static_cast<int64_t>(width);
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
template <typename T>
HWY_INLINE void LayerNormGradRows(const float* x, const float* scale, const float* mean,
                                  const float* rstd, const T* d_y, float* d_x, float* d_scale,
                                  float* d_bias, size_t width, int64_t begin, int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    const T* d_y_row = d_y + row * static_cast<int64_t>(width);
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

void LayerNormF32(const float* x, const float* scale, const float* bias, float* y, float* mean,
                  float* rstd, size_t width, int64_t begin, int64_t end) {
  LayerNormRows(x, scale, bias, y, mean, rstd, width, begin, end);
}
void LayerNormBf16(const float* x, const float* scale, const float* bias, BFloat16* y, float* mean,
                   float* rstd, size_t width, int64_t begin, int64_t end) {
  LayerNormRows(x, scale, bias, y, mean, rstd, width, begin, end);
}
void LayerNormGradF32(const float* x, const float* scale, const float* mean, const float* rstd,
                      const float* d_y, float* d_x, float* d_scale, float* d_bias, size_t width,
                      int64_t begin, int64_t end) {
  LayerNormGradRows(x, scale, mean, rstd, d_y, d_x, d_scale, d_bias, width, begin, end);
}
void LayerNormGradBf16(const float* x, const float* scale, const float* mean, const float* rstd,
                       const BFloat16* d_y, float* d_x, float* d_scale, float* d_bias, size_t width,
                       int64_t begin, int64_t end) {
  LayerNormGradRows(x, scale, mean, rstd, d_y, d_x, d_scale, d_bias, width, begin, end);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(LayerNormF32);
HWY_EXPORT(LayerNormBf16);
HWY_EXPORT(LayerNormGradF32);
HWY_EXPORT(LayerNormGradBf16);

// Elements below which a second thread costs more than it saves.
constexpr int64_t kGrain = 8192;

// T is the type of y, or of its gradient; all else is f32.
template <typename T, typename Run>
KernelTable::Result MakeLayerNormTo(const NodeSpecs& node, Run run) {
  const int64_t rows = node.inputs[0].shape.Rows();
  const int64_t width = node.inputs[0].shape[-1];
  return MakeFunctionKernel(SimdName("layer_norm"), 0, [=](const KernelRun& k) {
    Parallel(k.context, rows, kGrain / width + 1, [&](int64_t begin, int64_t end) {
      run(k.in[0].As<float>(), k.in[1].As<float>(), k.in[2].As<float>(), k.out[0].As<T>(),
          k.out[1].As<float>(), k.out[2].As<float>(), static_cast<size_t>(width), begin, end);
    });
    return absl::OkStatus();
  });
}

template <typename T, typename Run>
KernelTable::Result MakeLayerNormGradFrom(const NodeSpecs& node, Run run) {
  const int64_t width = node.inputs[0].shape[-1];
  const RowBlocks blocks(node.inputs[0].shape.Rows());
  const PartialRows partials(blocks.count, 2 * width);
  return MakeFunctionKernel(SimdName("layer_norm_grad"), partials.Bytes(), [=](const KernelRun& k) {
    Parallel(k.context, blocks.count, kGrain / (width * blocks.block_rows) + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t block = begin; block < end; ++block) {
                 float* d_scale = partials.Clear(k.workspace, block);
                 run(k.in[0].As<float>(), k.in[1].As<float>(), k.in[2].As<float>(),
                     k.in[3].As<float>(), k.in[4].As<T>(), k.out[0].As<float>(), d_scale,
                     d_scale + width, static_cast<size_t>(width), blocks.Begin(block),
                     blocks.End(block));
               }
             });
    partials.Add(k.workspace, 0, width, k.out[1].As<float>());
    partials.Add(k.workspace, width, width, k.out[2].As<float>());
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakeLayerNorm(const LayerNormOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.outputs[0].dtype == DType::kBF16) {
    return MakeLayerNormTo<BFloat16>(node, &HWY_DYNAMIC_DISPATCH(LayerNormBf16));
  }
  return MakeLayerNormTo<float>(node, &HWY_DYNAMIC_DISPATCH(LayerNormF32));
}

KernelTable::Result MakeLayerNormGrad(const LayerNormGradOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.inputs[4].dtype == DType::kBF16) {
    return MakeLayerNormGradFrom<BFloat16>(node, &HWY_DYNAMIC_DISPATCH(LayerNormGradBf16));
  }
  return MakeLayerNormGradFrom<float>(node, &HWY_DYNAMIC_DISPATCH(LayerNormGradF32));
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
