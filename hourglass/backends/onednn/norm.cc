#include "hourglass/backends/onednn/norm.h"

#include <cmath>
#include <optional>

#include "hourglass/backends/onednn/dropout.h"
#include "hourglass/backends/onednn/elementwise.h"
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
//   d_x = rstd (g - mean(g) - xhat mean(g xhat)) (+ d_sum, over which d_x may lie).
template <bool kResidual, typename T>
HWY_INLINE void LayerNormGradRows(const float* x, const float* scale, const float* mean,
                                  const float* rstd, const T* d_y, const float* d_sum, float* d_x,
                                  float* d_scale, float* d_bias, size_t width, int64_t begin,
                                  int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * static_cast<int64_t>(width);
    const T* d_y_row = d_y + row * static_cast<int64_t>(width);
    const float* d_sum_row = kResidual ? d_sum + row * static_cast<int64_t>(width) : nullptr;
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
      auto result = hn::Mul(centred, rstd_v);
      if constexpr (kResidual) result = hn::Add(result, vector.Load(d, d_sum_row + i));
      vector.Store(result, d, d_x_row + i);
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
// Without d_sum if that is null.
template <typename T>
HWY_INLINE void LayerNormGradOf(const float* x, const float* scale, const float* mean,
                                const float* rstd, const T* d_y, const float* d_sum, float* d_x,
                                float* d_scale, float* d_bias, size_t width, int64_t begin,
                                int64_t end) {
  if (d_sum == nullptr) {
    LayerNormGradRows<false>(x, scale, mean, rstd, d_y, d_sum, d_x, d_scale, d_bias, width, begin,
                             end);
  } else {
    LayerNormGradRows<true>(x, scale, mean, rstd, d_y, d_sum, d_x, d_scale, d_bias, width, begin,
                            end);
  }
}
void LayerNormGradF32(const float* x, const float* scale, const float* mean, const float* rstd,
                      const float* d_y, const float* d_sum, float* d_x, float* d_scale,
                      float* d_bias, size_t width, int64_t begin, int64_t end) {
  LayerNormGradOf(x, scale, mean, rstd, d_y, d_sum, d_x, d_scale, d_bias, width, begin, end);
}
void LayerNormGradBf16(const float* x, const float* scale, const float* mean, const float* rstd,
                       const BFloat16* d_y, const float* d_sum, float* d_x, float* d_scale,
                       float* d_bias, size_t width, int64_t begin, int64_t end) {
  LayerNormGradOf(x, scale, mean, rstd, d_y, d_sum, d_x, d_scale, d_bias, width, begin, end);
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

// The rows of x [B, .., d] in their sequences.
struct SequenceRows {
  explicit SequenceRows(const TensorSpec& x)
      : width(x.shape[-1]), rows(x.shape.Rows() / std::max<int64_t>(1, x.shape[0])) {}
  int64_t Sequence(int64_t row) const { return row / rows; }
  int64_t Begin(int64_t row) const { return row % rows * width; }
  int64_t End(int64_t row) const { return Begin(row) + width; }
  int64_t width, rows;  // of one sequence
};

// What is dropped, if anything; drawn from the last input of a node.
struct Dropout {
  double rate = 0.0;
  RandomSite site = 0;
  std::optional<DropoutRun> Start(std::span<const TensorView> in) const {
    if (rate == 0.0) return std::nullopt;
    return DropoutRun(rate, site, in.back());
  }
};

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
KernelTable::Result MakeResidualNormTo(const NodeSpecs& node, Dropout dropout, Run run) {
  const int64_t all_rows = node.inputs[0].shape.Rows();
  const SequenceRows rows(node.inputs[0]);
  return MakeFunctionKernel(SimdName("residual_norm"), 0, [=](const KernelRun& k) {
    const std::optional<DropoutRun> drawn = dropout.Start(k.in);
    const float* x = k.in[0].As<float>();
    const float* branch = k.in[1].As<float>();
    float* sum = k.out[0].As<float>();
    Parallel(k.context, all_rows, kGrain / rows.width + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * rows.width;
        if (drawn) {
          drawn->AddDropped(rows.Sequence(row), rows.Begin(row), rows.End(row), x + at, branch + at,
                            sum + at);
        } else {
          AddFloats(x + at, branch + at, sum + at, rows.width);
        }
        run(sum, k.in[2].As<float>(), k.in[3].As<float>(), k.out[1].As<T>(), k.out[2].As<float>(),
            k.out[3].As<float>(), static_cast<size_t>(rows.width), row, row + 1);
      }
    });
    return absl::OkStatus();
  });
}

// Of both ops: the inputs of layer_norm_grad are the first ones of residual_norm_grad.
template <typename T, typename Run>
KernelTable::Result MakeNormGradFrom(const NodeSpecs& node, Dropout dropout, Run run) {
  const SequenceRows rows(node.inputs[0]);
  const RowBlocks blocks(node.inputs[0].shape.Rows());
  const PartialRows partials(blocks.count, 2 * rows.width);
  return MakeFunctionKernel(SimdName(node.op->Name()), partials.Bytes(), [=](const KernelRun& k) {
    const std::optional<DropoutRun> drawn = dropout.Start(k.in);
    const float* d_sum = k.in.size() > 5 ? k.in[5].As<float>() : nullptr;
    float* d_x = k.out[0].As<float>();
    const auto run_rows = [&](float* d_scale, int64_t begin, int64_t end) {
      run(k.in[0].As<float>(), k.in[1].As<float>(), k.in[2].As<float>(), k.in[3].As<float>(),
          k.in[4].As<T>(), d_sum, d_x, d_scale, d_scale + rows.width,
          static_cast<size_t>(rows.width), begin, end);
    };
    const auto run_block = [&](int64_t block) {
      float* d_scale = partials.Clear(k.workspace, block);
      if (!drawn) return run_rows(d_scale, blocks.Begin(block), blocks.End(block));
      for (int64_t row = blocks.Begin(block); row < blocks.End(block); ++row) {
        const int64_t at = row * rows.width;
        run_rows(d_scale, row, row + 1);
        drawn->Drop(rows.Sequence(row), rows.Begin(row), rows.End(row), d_x + at,
                    k.out[3].As<float>() + at);
      }
    };
    Parallel(k.context, blocks.count, kGrain / (rows.width * blocks.block_rows) + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t block = begin; block < end; ++block) run_block(block);
             });
    partials.Add(k.workspace, 0, rows.width, k.out[1].As<float>());
    partials.Add(k.workspace, rows.width, rows.width, k.out[2].As<float>());
    return absl::OkStatus();
  });
}

KernelTable::Result MakeNormGrad(const NodeSpecs& node, Dropout dropout) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.inputs[4].dtype == DType::kBF16) {
    return MakeNormGradFrom<BFloat16>(node, dropout, &HWY_DYNAMIC_DISPATCH(LayerNormGradBf16));
  }
  return MakeNormGradFrom<float>(node, dropout, &HWY_DYNAMIC_DISPATCH(LayerNormGradF32));
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
  return MakeNormGrad(node, {});
}

KernelTable::Result MakeResidualNorm(const ResidualNormOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  const Dropout dropout{op.rate(), op.site()};
  if (node.outputs[1].dtype == DType::kBF16) {
    return MakeResidualNormTo<BFloat16>(node, dropout, &HWY_DYNAMIC_DISPATCH(LayerNormBf16));
  }
  return MakeResidualNormTo<float>(node, dropout, &HWY_DYNAMIC_DISPATCH(LayerNormF32));
}

KernelTable::Result MakeResidualNormGrad(const ResidualNormGradOp& op, const NodeSpecs& node) {
  return MakeNormGrad(node, {op.rate(), op.site()});
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
