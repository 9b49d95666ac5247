#include "hourglass/backends/reference/kernel.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hourglass::reference {

ReferenceKernel::ReferenceKernel(const NodeSpecs& node, Body body) : body_(std::move(body)) {
  const Cost cost = node.op->Count(node.inputs, node.outputs);
  executed_ = cost.dense + cost.recompute;
}

absl::Status ReferenceKernel::Run(const RunContext&, Views in, Views out, std::span<std::byte>) {
  work_ = Work();
  return body_(in, out, work_);
}

absl::Status Unsupported(const NodeSpecs& node) {
  return absl::UnimplementedError(
      absl::StrCat("backend 'reference' does not do these dtypes: ", node.ToString()));
}

absl::StatusOr<DType> ComputationType(const NodeSpecs& node) {
  std::optional<DType> common;
  for (const auto* specs : {&node.inputs, &node.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (!IsFloating(spec.dtype)) continue;
      if (common && *common != WideType(spec.dtype)) return Unsupported(node);
      common = WideType(spec.dtype);
    }
  }
  if (!common) return Unsupported(node);
  return *common;
}

bool HasBf16(const NodeSpecs& node) {
  for (const auto* specs : {&node.inputs, &node.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.dtype == DType::kBF16) return true;
    }
  }
  return false;
}

ReferenceKernel::Body OnWidenedCopies(ReferenceKernel::Body body) {
  return [body = std::move(body)](Views in, Views out, Work& work) -> absl::Status {
    std::vector<std::vector<float>> copies;
    const auto widened = [&copies](Views views) {
      std::vector<TensorView> result(views.begin(), views.end());
      for (TensorView& view : result) {
        if (view.spec.dtype != DType::kBF16) continue;
        copies.emplace_back();
        for (const BFloat16 x : view.Span<BFloat16>()) copies.back().push_back(float(x));
        view = {{view.spec.shape, DType::kF32}, copies.back().data()};
      }
      return result;
    };
    const std::vector<TensorView> wide_in = widened(in), wide_out = widened(out);
    if (absl::Status status = body(wide_in, wide_out, work); !status.ok()) return status;
    for (size_t i = 0; i < out.size(); ++i) {
      if (out[i].spec.dtype != DType::kBF16) continue;
      const std::span<const float> from = wide_out[i].Span<float>();
      std::transform(from.begin(), from.end(), out[i].Span<BFloat16>().begin(),
                     [](float x) { return BFloat16(x); });
    }
    return absl::OkStatus();
  };
}

}  // namespace hourglass::reference
