#include "hourglass/backends/onednn/kernel_util.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/kernel_util.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

const char* NameOfTarget() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {

HWY_EXPORT(NameOfTarget);

std::string SimdTarget() { return HWY_DYNAMIC_DISPATCH(NameOfTarget)(); }

std::string SimdName(std::string_view kernel) {
  return absl::StrCat(std::string(kernel), ":", SimdTarget());
}

namespace {

absl::Status ExpectTypes(const NodeSpecs& node, bool bf16, const char* types) {
  for (const std::vector<TensorSpec>* specs : {&node.inputs, &node.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (!IsFloating(spec.dtype) || spec.dtype == DType::kF32) continue;
      if (bf16 && spec.dtype == DType::kBF16) continue;
      return absl::UnimplementedError(absl::StrCat("backend 'onednn' computes ",
                                                   std::string(node.op->Name()), " in ", types,
                                                   " only: ", node.ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExpectF32(const NodeSpecs& node) { return ExpectTypes(node, false, "f32"); }
absl::Status ExpectF32OrBf16(const NodeSpecs& node) {
  return ExpectTypes(node, true, "f32 and bf16");
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
