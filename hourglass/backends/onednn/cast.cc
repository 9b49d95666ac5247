#include "hourglass/backends/onednn/cast.h"

#include <algorithm>
#include <cstring>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/cast.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

template <typename From, typename To>
HWY_INLINE void Convert(const From* from, To* to, int64_t count) {
  const FloatTag d;
  ForVectors(static_cast<size_t>(count), [&](size_t i, auto vector) HWY_ATTR {
    vector.Store(vector.Load(d, from + i), d, to + i);
  });
}

void Narrow(const float* from, BFloat16* to, int64_t count) { Convert(from, to, count); }
void Widen(const BFloat16* from, float* to, int64_t count) { Convert(from, to, count); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(Narrow);
HWY_EXPORT(Widen);

constexpr int64_t kGrain = 16384;

template <typename From, typename To>
KernelTable::Result MakeConversion(const NodeSpecs& node, const char* name,
                                   void (*convert)(const From* from, To* to, int64_t count)) {
  const int64_t elements = node.outputs[0].Elements();
  return MakeFunctionKernel(SimdName(name), 0, [=](const KernelRun& k) {
    const From* from = k.in[0].As<From>();
    To* to = k.out[0].As<To>();
    ParallelElements(k.context, elements, kGrain, [=](int64_t begin, int64_t end) {
      convert(from + begin, to + begin, end - begin);
    });
    return absl::OkStatus();
  });
}

template <typename T>
KernelTable::Result MakeFillOf(const NodeSpecs& node, T value) {
  const int64_t elements = node.outputs[0].Elements();
  return MakeFunctionKernel("fill:memset", 0, [=](const KernelRun& k) {
    T* out = k.out[0].As<T>();
    ParallelElements(k.context, elements, kGrain,
                     [=](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakeCast(const CastOp& op, const NodeSpecs& node) {
  const DType from = node.inputs[0].dtype;
  if (from == DType::kF32 && op.to() == DType::kBF16) {
    return MakeConversion<float, BFloat16>(node, "cast_f32_bf16", &HWY_DYNAMIC_DISPATCH(Narrow));
  }
  if (from == DType::kBF16 && op.to() == DType::kF32) {
    return MakeConversion<BFloat16, float>(node, "cast_bf16_f32", &HWY_DYNAMIC_DISPATCH(Widen));
  }
  if (from == op.to() && from != DType::kF64) {
    const size_t bytes = static_cast<size_t>(node.outputs[0].Bytes());
    return MakeFunctionKernel("cast:memcpy", 0, [=](const KernelRun& k) {
      std::memcpy(k.out[0].data, k.in[0].data, bytes);
      return absl::OkStatus();
    });
  }
  return absl::UnimplementedError(
      absl::StrCat("backend 'onednn' casts between f32 and bf16 only: ", node.ToString()));
}

KernelTable::Result MakeFill(const FillOp& op, const NodeSpecs& node) {
  switch (node.outputs[0].dtype) {
    case DType::kF32:
      return MakeFillOf(node, static_cast<float>(op.value()));
    case DType::kBF16:
      return MakeFillOf(node, BFloat16(static_cast<float>(op.value())));
    case DType::kI32:
      return MakeFillOf(node, static_cast<int32_t>(op.value()));
    case DType::kU32:
      return MakeFillOf(node, static_cast<uint32_t>(op.value()));
    case DType::kF64:
      break;
  }
  return ExpectF32(node);
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
