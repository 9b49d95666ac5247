#include "hourglass/backends/reference/kernel.h"

#include <optional>

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

absl::StatusOr<DType> CommonFloatingType(const NodeSpecs& node) {
  std::optional<DType> common;
  for (const auto* specs : {&node.inputs, &node.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (!IsFloating(spec.dtype)) continue;
      if (common && *common != spec.dtype) return Unsupported(node);
      common = spec.dtype;
    }
  }
  if (common == DType::kF32 || common == DType::kF64) return *common;
  return Unsupported(node);
}

}  // namespace hourglass::reference
