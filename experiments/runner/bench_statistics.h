#pragma once
// Order statistics of repeated timings, and when they are too unsteady to be quoted.

#include <optional>
#include <string>
#include <vector>

namespace hourglass {

// The q-quantile of at least one value, by the rule of the PyTorch peer: the element of index q n
// of the sorted values.
double Quantile(std::vector<double> values, double q);

struct Steadiness {
  double spread = 0;  // from the 10 % to the 90 % quantile, over the median
  double drift = 0;   // median of the second half over that of the first, minus 1
};
// Of at least one timing, in the order taken. No drift is seen in fewer than four.
Steadiness SteadinessOf(const std::vector<double>& seconds);

// What an idle machine keeps to. Beyond, a measurement is not to be quoted.
inline constexpr double kMostSpread = 0.10;
inline constexpr double kMostDrift = 0.05;
inline constexpr double kMostPeakSpread = 0.10;

struct NoiseFacts {
  Steadiness training, forward;
  std::optional<double> load_at_start;  // average over a minute
  int threads = 1;
  std::optional<double> peak_spread;  // of the product peak between its rounds
};
// One sentence for each limit that is broken; a load average above the threads counts as one.
std::vector<std::string> NoiseWarnings(const NoiseFacts& facts);

}  // namespace hourglass
