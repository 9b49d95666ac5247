// The statistics of a report: means over seeds, paired differences by replica and what they allow
// to say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hourglass::reports {

// A difference this small, in bits per unit, is treated as none: one step between neighbouring rows
// of the paper's tables.
inline constexpr double kQualityMargin = 0.01;

// Two speeds this near are treated as one, on a machine that others may use as well.
inline constexpr double kSpeedMargin = 0.05;

// Models whose needed training FLOPs differ by at most this fraction count as equal in compute.
inline constexpr double kComputeTolerance = 0.02;

inline constexpr double kConfidence = 0.95;

// A mean with its two-sided Student t interval of kConfidence, n - 1 degrees of freedom.
struct MeanInterval {
  int64_t n = 0;
  double mean = 0;
  std::optional<double> standard_deviation;  // from two values on
  std::optional<double> low, high;
  std::optional<double> t_quantile;  // half width = t_quantile * sd / sqrt(n)
};

// Of `values`; at least one, all finite.
MeanInterval MeanOf(std::span<const double> values);

// The mean of differences, candidate minus reference.
struct PairedDifference : MeanInterval {
  // One-sided bounds of kConfidence each: together the interval of the two one-sided tests.
  std::optional<double> one_sided_low, one_sided_high;
  // Smallest two-sided p-value an exact sign-flip test could give with n pairs: 2 / 2^n.
  double smallest_sign_flip_p = 1;
  // The p-value it gives, two-sided; empty with more pairs than can be enumerated.
  std::optional<double> sign_flip_p;
};

// Of `differences`, candidate minus reference; at least one, all finite.
PairedDifference ComparePaired(std::span<const double> differences);

// p-value against "the mean difference is at least `margin`"; from two pairs on.
std::optional<double> NonInferiorityP(const PairedDifference& difference, double margin);
// p-value of the two one-sided tests against "the mean difference is outside ±margin".
std::optional<double> EquivalenceP(const PairedDifference& difference, double margin);

// Lower is better.
enum class Outcome {
  kBetter,       // the interval lies below 0 and the mean reaches the margin
  kWorse,        // the interval lies above 0 and the mean reaches the margin
  kSame,         // the interval lies inside the margin on both sides
  kNotResolved,  // anything else, one pair included
};

Outcome Judge(const PairedDifference& difference, double margin = kQualityMargin);

// One-sided, at kConfidence: is the candidate at most `margin` worse?
enum class NonInferiority { kShown, kRefuted, kOpen };
NonInferiority JudgeNonInferiority(const PairedDifference& difference, double margin);

double Mean(std::span<const double> values);
double Median(std::vector<double> values);
// By linear interpolation between order statistics; `fraction` in [0, 1].
double Quantile(std::vector<double> values, double fraction);

}  // namespace hourglass::reports
