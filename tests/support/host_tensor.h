#pragma once
// A tensor of any dtype as doubles on the host: what tests make and look at.

#include <cstddef>
#include <vector>

#include "hourglass/tensor/tensor.h"

namespace hourglass::testing {

struct HostTensor {
  TensorSpec spec;
  std::vector<double> values;  // row-major; each is representable in spec.dtype
};

// Nearest number of the dtype.
double RoundTo(DType dtype, double value);

// Distance from 1 to the next number of the dtype; floating types only.
double EpsilonOf(DType dtype);

// The bytes of the tensor in its dtype, and back.
std::vector<std::byte> ToBytes(const HostTensor& tensor);
HostTensor FromBytes(const TensorSpec& spec, const std::byte* bytes);

// Floating tensors in another dtype, rounded; others as they are.
std::vector<HostTensor> WithFloatingType(std::vector<HostTensor> tensors, DType dtype);

std::vector<TensorSpec> SpecsOf(const std::vector<HostTensor>& tensors);

double LargestAbsolute(const std::vector<double>& values);
double RootMeanSquare(const std::vector<double>& values);

}  // namespace hourglass::testing
