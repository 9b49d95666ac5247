#include "experiments/runner/bench_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"

namespace hourglass {
namespace {

void AddSteadiness(const char* what, const Steadiness& found, std::vector<std::string>& warnings) {
  if (found.spread > kMostSpread) {
    warnings.push_back(absl::StrFormat(
        "%s: 10 %% to 90 %% of the times spread over %.0f %% of their median (limit %.0f %%)", what,
        100 * found.spread, 100 * kMostSpread));
  }
  if (std::fabs(found.drift) > kMostDrift) {
    warnings.push_back(absl::StrFormat(
        "%s: the second half of the times is %+.0f %% off the first (limit %.0f %%)", what,
        100 * found.drift, 100 * kMostDrift));
  }
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(q * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, index)];
}

Steadiness SteadinessOf(const std::vector<double>& seconds) {
  Steadiness found;
  const double median = Quantile(seconds, 0.5);
  found.spread = (Quantile(seconds, 0.9) - Quantile(seconds, 0.1)) / median;
  if (seconds.size() >= 4) {
    const auto middle = seconds.begin() + static_cast<ptrdiff_t>(seconds.size() / 2);
    found.drift = Quantile({middle, seconds.end()}, 0.5) / Quantile({seconds.begin(), middle}, 0.5);
    found.drift -= 1;
  }
  return found;
}

std::vector<std::string> NoiseWarnings(const NoiseFacts& facts) {
  std::vector<std::string> warnings;
  AddSteadiness("training steps", facts.training, warnings);
  AddSteadiness("forward passes", facts.forward, warnings);
  if (facts.load_at_start && *facts.load_at_start > facts.threads) {
    warnings.push_back(
        absl::StrFormat("the load average was %.1f at the start, more than the %d threads used: "
                        "other work was running",
                        *facts.load_at_start, facts.threads));
  }
  if (facts.peak_spread && *facts.peak_spread > kMostPeakSpread) {
    warnings.push_back(absl::StrFormat(
        "the product peak moved by %.0f %% between its measurements (limit %.0f %%)",
        100 * *facts.peak_spread, 100 * kMostPeakSpread));
  }
  return warnings;
}

}  // namespace hourglass
