#pragma once
// The best that this machine does, measured in the same run as what is held against it: products by
// oneDNN, memory by loops over arrays that no cache holds. Both with ThreadCount() threads and with
// memory of the backend, so that pages are of the same kind as the engine's.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass {

// [m, k] times [k, n].
struct ProductSize {
  int64_t m = 0, n = 0, k = 0;
  int64_t Flops() const { return 2 * m * n * k; }
};

// The products that are tried, each with plain and with packed weights: cubes of 512, 1024 and
// 2048, and the forms of a model of d_model 512 and d_ff 2048 with 4096 rows (4096 x 512 x 512,
// 4096 x 2048 x 512, 4096 x 512 x 2048).
std::span<const ProductSize> RooflineProducts();

struct RooflineOptions {
  DType dtype = DType::kF32;           // of the products: f32 or bf16
  double seconds = 0.03;               // each entry is repeated for at least so long
  std::function<int64_t()> now_nanos;  // empty: the monotonic clock
};

struct Rate {
  std::string what;       // "2048x2048x2048 packed brg:avx512_core", "triad"
  double per_second = 0;  // FLOP/s or bytes/s
};

// Everything measured once.
struct RooflineRound {
  std::vector<Rate> products;
  // "copy" (a = b, 2 arrays) and "triad" (a = b + 3 c, 3 arrays). Bytes are those read and written
  // by the program: as in Cost::bytes, what the hardware fetches before a write does not count.
  std::vector<Rate> memory;
};

// Unimplemented if oneDNN has no product of that dtype here.
absl::StatusOr<RooflineRound> MeasureRoofline(Backend& backend, const RooflineOptions& options);

// Bytes of each array of the memory part: 64 MiB or, where it is larger, the last cache (at most
// 512 MiB).
int64_t RooflineArrayBytes();

// What several rounds say together.
struct Peak {
  Rate best;                   // over all rounds
  std::vector<double> rounds;  // the best of each
  double spread = 0;           // 1 - slowest of `rounds` / fastest
};
// At least one round, each with at least one rate.
Peak PeakOf(std::span<const std::vector<Rate>> rounds);

// Runs `run` once untimed, then again and again until `seconds` have passed; `work` per second.
absl::StatusOr<double> RateOf(double work, double seconds, const std::function<absl::Status()>& run,
                              const std::function<int64_t()>& now_nanos);

}  // namespace hourglass
