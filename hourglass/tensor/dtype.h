#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hourglass {

// kF64 runs on the reference backend only.
enum class DType : uint8_t { kF32, kBF16, kF64, kI32, kU32 };

constexpr size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 8;
    case DType::kBF16:
      return 2;
    default:
      return 4;
  }
}

constexpr bool IsFloating(DType dtype) { return dtype != DType::kI32 && dtype != DType::kU32; }

// What sums over numbers of `dtype` are kept in: f32 for bf16, otherwise the type itself. In a bf16
// model parameters, gradients, moments, the residual stream, statistics and the loss have this
// type.
constexpr DType WideType(DType dtype) { return dtype == DType::kBF16 ? DType::kF32 : dtype; }

constexpr std::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kBF16:
      return "bf16";
    case DType::kF64:
      return "f64";
    case DType::kI32:
      return "i32";
    case DType::kU32:
      return "u32";
  }
  return "?";
}

// The upper half of an f32, rounded to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) {
    const uint32_t u = __builtin_bit_cast(uint32_t, value);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (u >> 16) | 0x40 : (u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const {
    return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
  }
};

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kF64;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::kBF16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kI32;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::kU32;
};

}  // namespace hourglass
