#include "hourglass/backends/onednn/elementwise.h"

#include <type_traits>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/elementwise.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

constexpr float kRootTwoOverPi = 0.79788456080286536f;
constexpr float kGeluCubic = 0.044715f;

void AddVectors(const float* a, const float* b, float* out, int64_t count) {
  const FloatTag d;
  ForVectors(static_cast<size_t>(count), [&](size_t i, auto vector) HWY_ATTR {
    vector.Store(hn::Add(vector.Load(d, a + i), vector.Load(d, b + i)), d, out + i);
  });
}

// a / b as a result of type T needs it: to its last bit for f32; for bf16 by an estimate of 1 / b
// where that is good to 14 bits (to 11 before AVX-512: too few where the gradient crosses zero).
template <typename T>
HWY_INLINE FloatVec Quotient(FloatVec a, FloatVec b) {
  if constexpr (HWY_TARGET <= HWY_AVX3 && std::is_same_v<T, BFloat16>) {
    return hn::Mul(a, hn::ApproximateReciprocal(b));
  } else {
    return hn::Div(a, b);
  }
}
// The same of e^x, for bf16 with a relative error of 5e-5: the Taylor series of 2^f to f^4.
template <typename T>
HWY_INLINE FloatVec ExpFor(FloatVec x) {
  if constexpr (!std::is_same_v<T, BFloat16>) return Exp(x);
  const FloatTag d;
  // NaN is the second operand and stays.
  const auto log2 = hn::Max(hn::Set(d, -126.0f), hn::Mul(x, hn::Set(d, 0x1.715476p+0f)));
  const auto power = hn::Round(log2);
  const auto f = hn::Sub(log2, power);
  auto p = hn::MulAdd(f, hn::Set(d, 9.6181291e-3f), hn::Set(d, 5.5504109e-2f));
  p = hn::MulAdd(f, p, hn::Set(d, 2.4022651e-1f));
  p = hn::MulAdd(f, p, hn::Set(d, 6.9314718e-1f));
  p = hn::MulAdd(f, p, hn::Set(d, 1.0f));
  return hn::Mul(p, PowerOfTwo(power));
}

// e^(-2u) for u = sqrt(2 / pi) (x + 0.044715 x^3): 0.5 (1 + tanh u) = 1 / (1 + e^(-2u)). Cut at
// e^80, where the quotient is zero to f32 and its square still finite.
template <typename T>
HWY_INLINE FloatVec GeluExp(FloatVec x, FloatVec x_squared) {
  const FloatTag d;
  const auto cubic = hn::MulAdd(x_squared, hn::Set(d, -2.0f * kRootTwoOverPi * kGeluCubic),
                                hn::Set(d, -2.0f * kRootTwoOverPi));
  return ExpFor<T>(hn::Min(hn::Set(d, 80.0f), hn::Mul(x, cubic)));
}

template <typename T>
HWY_INLINE void GeluVectors(const T* x, T* y, int64_t count) {
  const FloatTag d;
  const auto one = hn::Set(d, 1.0f);
  ForVectors(static_cast<size_t>(count), [&](size_t i, auto vector) HWY_ATTR {
    const auto v = vector.Load(d, x + i);
    const auto e = GeluExp<T>(v, hn::Mul(v, v));
    vector.Store(Quotient<T>(v, hn::Add(one, e)), d, y + i);
  });
}

// With s = 1 / (1 + e): d y / d x = s + x s (1 - s) 2 u',  1 - s = e s.
template <typename T>
HWY_INLINE void GeluGradVectors(const T* x, const T* d_y, T* d_x, int64_t count) {
  const FloatTag d;
  const auto one = hn::Set(d, 1.0f);
  ForVectors(static_cast<size_t>(count), [&](size_t i, auto vector) HWY_ATTR {
    const auto v = vector.Load(d, x + i);
    const auto squared = hn::Mul(v, v);
    const auto e = GeluExp<T>(v, squared);
    const auto s = Quotient<T>(one, hn::Add(one, e));
    const auto slope = hn::MulAdd(squared, hn::Set(d, 6.0f * kRootTwoOverPi * kGeluCubic),
                                  hn::Set(d, 2.0f * kRootTwoOverPi));
    const auto inner = hn::Mul(hn::Mul(v, slope), hn::Mul(e, s));
    const auto derivative = hn::MulAdd(s, inner, s);
    vector.Store(hn::Mul(vector.Load(d, d_y + i), derivative), d, d_x + i);
  });
}

void GeluF32(const float* x, float* y, int64_t count) { GeluVectors(x, y, count); }
void GeluBf16(const BFloat16* x, BFloat16* y, int64_t count) { GeluVectors(x, y, count); }
void GeluGradF32(const float* x, const float* d_y, float* d_x, int64_t count) {
  GeluGradVectors(x, d_y, d_x, count);
}
void GeluGradBf16(const BFloat16* x, const BFloat16* d_y, BFloat16* d_x, int64_t count) {
  GeluGradVectors(x, d_y, d_x, count);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

// Elements below which a second thread costs more than it saves.
constexpr int64_t kAddGrain = 16384;
constexpr int64_t kGeluGrain = 4096;

HWY_EXPORT(AddVectors);
HWY_EXPORT(GeluF32);
HWY_EXPORT(GeluBf16);
HWY_EXPORT(GeluGradF32);
HWY_EXPORT(GeluGradBf16);

template <typename T>
KernelTable::Result MakeUnary(const NodeSpecs& node, const char* name, int64_t grain,
                              void (*run)(const T* x, T* y, int64_t count)) {
  const int64_t elements = node.outputs[0].Elements();
  return MakeFunctionKernel(SimdName(name), 0, [=](const KernelRun& k) {
    const T* x = k.in[0].As<T>();
    T* y = k.out[0].As<T>();
    ParallelElements(k.context, elements, grain,
                     [=](int64_t begin, int64_t end) { run(x + begin, y + begin, end - begin); });
    return absl::OkStatus();
  });
}

template <typename T>
KernelTable::Result MakeBinary(const NodeSpecs& node, const char* name, int64_t grain,
                               void (*run)(const T* a, const T* b, T* out, int64_t count)) {
  const int64_t elements = node.outputs[0].Elements();
  return MakeFunctionKernel(SimdName(name), 0, [=](const KernelRun& k) {
    const T* a = k.in[0].As<T>();
    const T* b = k.in[1].As<T>();
    T* out = k.out[0].As<T>();
    ParallelElements(k.context, elements, grain, [=](int64_t begin, int64_t end) {
      run(a + begin, b + begin, out + begin, end - begin);
    });
    return absl::OkStatus();
  });
}

bool IsBf16(const NodeSpecs& node) { return node.inputs[0].dtype == DType::kBF16; }

}  // namespace

void AddFloats(const float* a, const float* b, float* out, int64_t count) {
  HWY_DYNAMIC_DISPATCH(AddVectors)(a, b, out, count);
}

KernelTable::Result MakeAdd(const AddOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  return MakeBinary(node, "add", kAddGrain, AddFloats);
}

KernelTable::Result MakeGelu(const GeluOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (IsBf16(node)) return MakeUnary(node, "gelu", kGeluGrain, &HWY_DYNAMIC_DISPATCH(GeluBf16));
  return MakeUnary(node, "gelu", kGeluGrain, &HWY_DYNAMIC_DISPATCH(GeluF32));
}

KernelTable::Result MakeGeluGrad(const GeluGradOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (IsBf16(node)) {
    return MakeBinary(node, "gelu_grad", kGeluGrain, &HWY_DYNAMIC_DISPATCH(GeluGradBf16));
  }
  return MakeBinary(node, "gelu_grad", kGeluGrain, &HWY_DYNAMIC_DISPATCH(GeluGradF32));
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
