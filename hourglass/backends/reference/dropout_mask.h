#pragma once

#include <cstdint>

#include "hourglass/base/counter_rng.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass::reference {

// Which elements of one sequence a dropout site keeps, and what it multiplies them with.
class DropoutMask {
 public:
  // `random` is the u32[4] of ops/dropout.h, `row` the sequence inside the micro-batch.
  DropoutMask(const TensorView& random, RandomSite site, double rate, int64_t row)
      : threshold_(DropoutThreshold(rate)), keep_(1.0 - rate) {
    const uint32_t* words = random.As<uint32_t>();
    rng_.seed = words[0] | static_cast<uint64_t>(words[1]) << 32;
    rng_.site = site;
    rng_.step = words[2];
    rng_.sequence = words[3] + static_cast<uint32_t>(row);
  }
  // `element` is the row-major index in the tensor of the sequence.
  bool Keeps(int64_t element) const {
    return rng_.Draw(static_cast<uint64_t>(element)) >= threshold_;
  }
  // x, which is that element, after dropout.
  template <typename T>
  T Apply(int64_t element, T x) const {
    return Keeps(element) ? x / static_cast<T>(keep_) : 0;
  }

 private:
  uint32_t threshold_;
  double keep_;
  CounterRng rng_;
};

}  // namespace hourglass::reference
