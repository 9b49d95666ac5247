#pragma once
// Gradients of weights in bf16: a^T b, summed in f32 over the positions.

#include <cstddef>
#include <cstdint>

#include "hourglass/tensor/dtype.h"

namespace hourglass::onednn {

// For CPUs that multiply pairs of bf16. A pair are two neighbours along the depth, here two rows,
// so both factors become pairs by interleaving rows: nothing is transposed, where the library
// transposes a, and nothing is packed in memory, where the library packs b. A block of the result
// and what it is made of stay in the second-level cache of the thread that computes it.
class WeightGradient {
 public:
  // dst [m, n] = a^T b of a [k, m] and b [k, n] with `threads` threads.
  WeightGradient(int64_t m, int64_t n, int64_t k, int threads);

  // Extents that the tiles divide, on a CPU with AVX512-BF16 and without AMX, whose products are
  // faster.
  static bool Supports(int64_t n);

  size_t WorkspaceBytes() const;
  // dst does not depend on the number of threads.
  void Run(const BFloat16* a, const BFloat16* b, float* dst, std::byte* workspace) const;

 private:
  struct Scratch;
  Scratch ScratchOf(std::byte* workspace, int64_t part) const;
  size_t PartBytes() const;
  int64_t Blocks() const;
  void RunBlock(int64_t block, const BFloat16* a, const BFloat16* b, float* dst,
                const Scratch& scratch) const;

  int64_t m_, n_, k_;
  int threads_;
  // Of a block of dst; rows of the depth packed at a time.
  int64_t rows_ = 0, columns_ = 0, depth_ = 0;
};

}  // namespace hourglass::onednn
