#pragma once
// Gradients of weights in bf16: a^T b, summed in f32 over the positions.

#include <cstddef>
#include <cstdint>

#include "hourglass/backends/onednn/matmul_primitive.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass::onednn {

// For CPUs that multiply pairs of bf16. A pair is two neighbours along the depth, here two rows, so
// both factors become pairs by interleaving rows, block by block and within the cache of the thread
// that computes the block; the library would transpose a, and pack all of b in memory before.
class WeightGradient {
 public:
  // a transposed, b plain, a result in f32 whose columns the tiles divide, enough blocks for all
  // threads, and a CPU with AVX512-BF16 and without AMX (whose products should be faster: not
  // measured).
  static bool Supports(const MatmulProblem& problem);

  // Of a problem that is supported.
  explicit WeightGradient(const MatmulProblem& problem);

  size_t WorkspaceBytes() const;
  // dst [m, n] = a^T b of a [k, m] and b [k, n]; the bits do not depend on the number of threads.
  // `workspace` is 64-byte aligned.
  void Run(const BFloat16* a, const BFloat16* b, float* dst, std::byte* workspace) const;

 private:
  struct Scratch;
  Scratch ScratchOf(std::byte* workspace, int64_t slot) const;
  size_t SlotBytes() const;
  int64_t LeftNumbers() const;
  void RunBlock(int64_t block, const BFloat16* a, const BFloat16* b, float* dst,
                const Scratch& scratch) const;

  int64_t m_, n_, k_;
  int threads_;
  int64_t rows_ = 0, columns_ = 0;  // of a block of dst
  int64_t depth_ = 0;               // rows of a and b that are packed at a time, even
};

}  // namespace hourglass::onednn
