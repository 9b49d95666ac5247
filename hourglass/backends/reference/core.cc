#include <cmath>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

// The neighbour of x with an odd last bit, unless x is an f32: rounding it again to fewer bits then
// gives what rounding x once would.
float RoundToOdd(double x) {
  const float nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) == x || !std::isfinite(nearest)) return nearest;
  if (__builtin_bit_cast(uint32_t, nearest) & 1) return nearest;
  return std::nextafter(nearest, x > nearest ? INFINITY : -INFINITY);
}

double ToDouble(double x) { return x; }
double ToDouble(float x) { return x; }
double ToDouble(BFloat16 x) { return static_cast<float>(x); }

void FromDouble(double x, double& out) { out = x; }
void FromDouble(double x, float& out) { out = static_cast<float>(x); }
void FromDouble(double x, BFloat16& out) { out = BFloat16(RoundToOdd(x)); }

template <typename From, typename To>
absl::Status RunCast(Views in, Views out, Work&) {
  const std::span<const From> src = in[0].Span<From>();
  const std::span<To> dst = out[0].Span<To>();
  for (size_t i = 0; i < src.size(); ++i) FromDouble(ToDouble(src[i]), dst[i]);
  return absl::OkStatus();
}

template <typename From>
KernelTable::Result MakeCastFrom(const NodeSpecs& node) {
  switch (node.outputs[0].dtype) {
    case DType::kF32:
      return std::make_unique<ReferenceKernel>(node, RunCast<From, float>);
    case DType::kF64:
      return std::make_unique<ReferenceKernel>(node, RunCast<From, double>);
    case DType::kBF16:
      return std::make_unique<ReferenceKernel>(node, RunCast<From, BFloat16>);
    default:
      return Unsupported(node);
  }
}

}  // namespace

KernelTable::Result MakeAdd(const AddOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(node, []<typename T>(Views in, Views out, Work&) {
    const std::span<const T> a = in[0].Span<T>(), b = in[1].Span<T>();
    const std::span<T> sum = out[0].Span<T>();
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = a[i] + b[i];
  });
}

KernelTable::Result MakeCast(const CastOp&, const NodeSpecs& node) {
  switch (node.inputs[0].dtype) {
    case DType::kF32:
      return MakeCastFrom<float>(node);
    case DType::kF64:
      return MakeCastFrom<double>(node);
    case DType::kBF16:
      return MakeCastFrom<BFloat16>(node);
    default:
      return Unsupported(node);
  }
}

KernelTable::Result MakeFill(const FillOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [value = op.value()]<typename T>(Views, Views out, Work&) {
    for (T& x : out[0].Span<T>()) x = static_cast<T>(value);
  });
}

}  // namespace hourglass::reference
