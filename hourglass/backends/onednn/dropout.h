#pragma once

#include "hourglass/base/counter_rng.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// Dropout at one site in one run of a kernel, in the thread that calls; for kernels of other
// families too.
class DropoutRun {
 public:
  // `random` is the u32[4] of ops/dropout.h.
  DropoutRun(double rate, RandomSite site, const TensorView& random);
  // Of elements [begin, end) of sequence `b` of the micro-batch, to which all pointers point;
  // results may lie over what they are made of.
  void Drop(int64_t b, int64_t begin, int64_t end, const float* x, float* y) const;
  void Drop(int64_t b, int64_t begin, int64_t end, const BFloat16* x, BFloat16* y) const;
  void AddDropped(int64_t b, int64_t begin, int64_t end, const float* x, const float* branch,
                  float* sum) const;

 private:
  CounterRng OfSequence(int64_t b) const;

  CounterRng first_;  // that of sequence 0
  uint32_t threshold_;
  float scale_;
};

KernelTable::Result MakeDropout(const DropoutOp& op, const NodeSpecs& node);
KernelTable::Result MakeResidual(const ResidualOp& op, const NodeSpecs& node);

}  // namespace hourglass::onednn
