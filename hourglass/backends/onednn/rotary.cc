#include "hourglass/backends/onednn/rotary.h"

#include <hwy/cache_control.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "hourglass/backends/onednn/rotary.cc"
#include <hwy/foreach_target.h>
#include "hourglass/backends/onednn/simd_inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace hourglass::onednn {
namespace HWY_NAMESPACE {
namespace {

// What follows queries and keys of a row interrupts the machine's own fetching ahead.
constexpr size_t kRowsAhead = 2;

// Turns the pairs (x[a], x[half + a]) of `heads` heads that follow one another. y may be x.
template <typename T>
HWY_INLINE void RotateHeads(const T* x, T* y, const float* cosine, const float* sine, size_t half,
                            int64_t heads) {
  const FloatTag d;
  const size_t ahead = kRowsAhead * 3 * half * static_cast<size_t>(heads);
  for (int64_t h = 0; h < heads; ++h, x += 2 * half, y += 2 * half) {
    for (size_t a = 0; a < 2 * half; a += 64 / sizeof(T)) hwy::Prefetch(x + ahead + a);
    ForVectors(half, [&](size_t a, auto vector) HWY_ATTR {
      const auto first = vector.Load(d, x + a);
      const auto second = vector.Load(d, x + half + a);
      const auto c = vector.Load(d, cosine + a);
      const auto s = vector.Load(d, sine + a);
      vector.Store(hn::NegMulAdd(second, s, hn::Mul(first, c)), d, y + a);
      vector.Store(hn::MulAdd(first, s, hn::Mul(second, c)), d, y + half + a);
    });
  }
}

void RotateF32(const float* x, float* y, const float* cosine, const float* sine, size_t half,
               int64_t heads) {
  RotateHeads(x, y, cosine, sine, half, heads);
}
void RotateBf16(const BFloat16* x, BFloat16* y, const float* cosine, const float* sine, size_t half,
                int64_t heads) {
  RotateHeads(x, y, cosine, sine, half, heads);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace hourglass::onednn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hourglass::onednn {
namespace {

HWY_EXPORT(RotateF32);
HWY_EXPORT(RotateBf16);

constexpr int64_t kGrain = 8192;

// [rows, half] each.
struct RotaryTable {
  std::vector<float> cosine, sine;
};

// The layers of a model turn by the same angles: one table for all kernels that live at a time.
std::shared_ptr<const RotaryTable> TableOf(const RotaryOp& op, int64_t rows, int64_t half) {
  static std::mutex* const mutex = new std::mutex;
  static auto* const tables = new std::map<std::string, std::weak_ptr<const RotaryTable>>;
  const std::string key = absl::StrCat(op.Attributes(), " rows=", rows, " half=", half);
  const std::lock_guard<std::mutex> lock(*mutex);
  if (auto known = (*tables)[key].lock()) return known;
  auto table = std::make_shared<RotaryTable>();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t a = 0; a < half; ++a) {
      const double angle = op.Angle(i, a, 2 * half);
      table->cosine.push_back(static_cast<float>(std::cos(angle)));
      table->sine.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  (*tables)[key] = table;
  return table;
}

template <typename T>
using Run = void (*)(const T* x, T* y, const float* cosine, const float* sine, size_t half,
                     int64_t heads);

template <typename T>
KernelTable::Result MakeRotaryOf(const RotaryOp& op, const NodeSpecs& node, Run<T> run) {
  const Shape& shape = node.inputs[0].shape;
  const int64_t length = shape[1];
  const int64_t width = shape[2] / 3;
  const int64_t rows = shape[0] * length;
  const int64_t heads = op.heads();
  const int64_t half = width / heads / 2;
  const std::shared_ptr<const RotaryTable> table = TableOf(op, length, half);
  return MakeFunctionKernel(SimdName("rotary"), 0, [=](const KernelRun& k) {
    const T* x = k.in[0].As<T>();
    T* y = k.out[0].As<T>();
    Parallel(k.context, rows, kGrain / (3 * width) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* from = x + row * 3 * width;
        T* to = y + row * 3 * width;
        const int64_t angles = row % length * half;
        run(from, to, table->cosine.data() + angles, table->sine.data() + angles,
            static_cast<size_t>(half), 2 * heads);
        if (from != to) {
          std::memcpy(to + 2 * width, from + 2 * width, static_cast<size_t>(width) * sizeof(T));
        }
      }
    });
    return absl::OkStatus();
  });
}

}  // namespace

KernelTable::Result MakeRotary(const RotaryOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  if (node.inputs[0].dtype == DType::kBF16) {
    return MakeRotaryOf<BFloat16>(op, node, &HWY_DYNAMIC_DISPATCH(RotateBf16));
  }
  return MakeRotaryOf<float>(op, node, &HWY_DYNAMIC_DISPATCH(RotateF32));
}

}  // namespace hourglass::onednn
#endif  // HWY_ONCE
