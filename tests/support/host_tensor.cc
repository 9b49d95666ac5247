#include "tests/support/host_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hourglass/base/check.h"

namespace hourglass::testing {
namespace {

template <typename T>
double Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (std::is_same_v<T, BFloat16>) {
    return static_cast<float>(value);
  } else {
    return static_cast<double>(value);
  }
}

template <typename T>
void Store(double value, std::byte* to) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    const BFloat16 rounded(static_cast<float>(value));
    std::memcpy(to, &rounded, sizeof(T));
  } else {
    const T rounded = static_cast<T>(value);
    std::memcpy(to, &rounded, sizeof(T));
  }
}

// Calls f with a value of the C++ type of the dtype.
template <typename F>
void Dispatch(DType dtype, F f) {
  switch (dtype) {
    case DType::kF32:
      return f(float());
    case DType::kBF16:
      return f(BFloat16());
    case DType::kF64:
      return f(double());
    case DType::kI32:
      return f(int32_t());
    case DType::kU32:
      return f(uint32_t());
  }
}

}  // namespace

double RoundTo(DType dtype, double value) {
  double rounded = 0;
  Dispatch(dtype, [&]<typename T>(T) {
    std::byte bytes[sizeof(T)];
    Store<T>(value, bytes);
    rounded = Load<T>(bytes);
  });
  return rounded;
}

double EpsilonOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 0x1p-52;
    case DType::kF32:
      return 0x1p-23;
    default:
      HG_CHECK(dtype == DType::kBF16);
      return 0x1p-7;
  }
}

std::vector<std::byte> ToBytes(const HostTensor& tensor) {
  HG_CHECK(tensor.spec.Elements() == static_cast<int64_t>(tensor.values.size()));
  std::vector<std::byte> bytes(static_cast<size_t>(tensor.spec.Bytes()));
  Dispatch(tensor.spec.dtype, [&]<typename T>(T) {
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      Store<T>(tensor.values[i], bytes.data() + i * sizeof(T));
    }
  });
  return bytes;
}

HostTensor FromBytes(const TensorSpec& spec, const std::byte* bytes) {
  HostTensor tensor{spec, std::vector<double>(static_cast<size_t>(spec.Elements()))};
  Dispatch(spec.dtype, [&]<typename T>(T) {
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      tensor.values[i] = Load<T>(bytes + i * sizeof(T));
    }
  });
  return tensor;
}

std::vector<HostTensor> WithFloatingType(std::vector<HostTensor> tensors, DType dtype) {
  for (HostTensor& tensor : tensors) {
    if (!IsFloating(tensor.spec.dtype)) continue;
    tensor.spec.dtype = dtype;
    for (double& value : tensor.values) value = RoundTo(dtype, value);
  }
  return tensors;
}

std::vector<TensorSpec> SpecsOf(const std::vector<HostTensor>& tensors) {
  std::vector<TensorSpec> specs;
  for (const HostTensor& tensor : tensors) specs.push_back(tensor.spec);
  return specs;
}

double LargestAbsolute(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

double RootMeanSquare(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace hourglass::testing
