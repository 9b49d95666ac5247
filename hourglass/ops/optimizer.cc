#include "hourglass/ops/optimizer.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/infer.h"

namespace hourglass {

absl::StatusOr<std::vector<TensorSpec>> AccumulateOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 3));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "total", in[0]));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "value", in[1], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "value", in[1], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "overwrite", in[2], Shape{1}));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "overwrite", in[2], DType::kU32));
  return std::vector<TensorSpec>{in[0]};
}

absl::StatusOr<std::vector<TensorSpec>> SumSquaresOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 1));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "x", in[0]));
  return std::vector<TensorSpec>{{Shape{1}, in[0].dtype}};
}

Cost SumSquaresOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 2 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::string AdamOp::Attributes() const {
  return absl::StrCat("beta1=", beta1_, " beta2=", beta2_, " epsilon=", epsilon_,
                      " max_norm=", max_norm_);
}

absl::StatusOr<std::vector<TensorSpec>> AdamOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, 6));
  HG_RETURN_IF_ERROR(ExpectFloating(Name(), "parameter", in[0]));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "gradient", in[1], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "m", in[2], in[0].shape));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "v", in[3], in[0].shape));
  constexpr const char* kInputs[] = {"parameter", "gradient", "m", "v", "scalars", "sum_squares"};
  for (size_t i = 1; i < in.size(); ++i) {
    HG_RETURN_IF_ERROR(ExpectDType(Name(), kInputs[i], in[i], in[0].dtype));
  }
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "scalars", in[4], Shape{kAdamScalars}));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "sum_squares", in[5], Shape{1}));
  return std::vector<TensorSpec>{in[0], in[2], in[3]};
}

Cost AdamOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  Cost cost;
  cost.elementwise = 14 * in[0].Elements();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

}  // namespace hourglass
