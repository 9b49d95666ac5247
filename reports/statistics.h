// The statistics of a report: paired differences by replica and what they allow to say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hourglass::reports {

// A difference this small, in bits per unit, is treated as none: one step between neighbouring rows
// of the paper's tables.
inline constexpr double kQualityMargin = 0.01;

// Models whose needed training FLOPs differ by at most this fraction count as equal in compute.
inline constexpr double kComputeTolerance = 0.02;

inline constexpr double kConfidence = 0.95;

struct PairedDifference {
  int64_t n = 0;
  double mean = 0;
  std::optional<double> standard_deviation;  // from two pairs on
  std::optional<double> low, high;   // two-sided Student t interval, n - 1 degrees of freedom
  std::optional<double> t_quantile;  // half width = t_quantile * sd / sqrt(n)
  // Smallest two-sided p-value an exact sign-flip test could give with n pairs: 2 / 2^n.
  double smallest_sign_flip_p = 1;
};

// Of `differences`, candidate minus reference; at least one, all finite.
PairedDifference ComparePaired(std::span<const double> differences);

// Lower is better.
enum class Outcome {
  kBetter,       // the interval lies below 0 and the mean reaches the margin
  kWorse,        // the interval lies above 0 and the mean reaches the margin
  kSame,         // the interval lies inside the margin on both sides
  kNotResolved,  // anything else, one pair included
};

Outcome Judge(const PairedDifference& difference, double margin = kQualityMargin);

double Mean(std::span<const double> values);
double Median(std::vector<double> values);

}  // namespace hourglass::reports
