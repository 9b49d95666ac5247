#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "hourglass/base/check.h"
#include "hourglass/tensor/dtype.h"
#include "hourglass/tensor/shape.h"

namespace hourglass {

struct TensorSpec {
  Shape shape;
  DType dtype = DType::kF32;

  int64_t Elements() const { return shape.Elements(); }
  int64_t Bytes() const { return Elements() * static_cast<int64_t>(SizeOf(dtype)); }
  std::string ToString() const;  // "f32[4, 1026, 512]"
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

// Where a tensor lies: dense, row-major, in the memory of one device. Never owns, never crosses
// devices.
struct TensorView {
  TensorSpec spec;
  void* data = nullptr;

  template <typename T>
  T* As() const {
    HG_CHECK(spec.dtype == DTypeOf<T>::value);
    return static_cast<T*>(data);
  }
  template <typename T>
  std::span<T> Span() const {
    return {As<T>(), static_cast<size_t>(spec.Elements())};
  }
};

}  // namespace hourglass
