#include "reports/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace hourglass::reports {
namespace {

// 2^20 sign patterns take milliseconds.
constexpr int64_t kMostFlippedPairs = 20;

double QuantileOfT(double probability, int64_t n) {
  return boost::math::quantile(boost::math::students_t(static_cast<double>(n - 1)), probability);
}

double StandardError(const MeanInterval& mean) {
  return *mean.standard_deviation / std::sqrt(static_cast<double>(mean.n));
}

// Share of the sign patterns whose mean is at least as far from zero as the observed one.
double SignFlipP(std::span<const double> differences) {
  const double observed = std::abs(Mean(differences)) * (1 - 1e-12);
  const uint64_t patterns = uint64_t{1} << differences.size();
  uint64_t as_far = 0;
  for (uint64_t pattern = 0; pattern < patterns; ++pattern) {
    double sum = 0;
    for (size_t i = 0; i < differences.size(); ++i) {
      sum += (pattern >> i & 1) != 0 ? -differences[i] : differences[i];
    }
    if (std::abs(sum) / static_cast<double>(differences.size()) >= observed) ++as_far;
  }
  return static_cast<double>(as_far) / static_cast<double>(patterns);
}

// Probability that Student's t falls below that of mean - bound.
std::optional<double> BelowBound(const PairedDifference& difference, double bound) {
  if (!difference.standard_deviation) return std::nullopt;
  const double distance = difference.mean - bound;
  const double error = StandardError(difference);
  if (error == 0) return distance < 0 ? 0.0 : 1.0;
  return boost::math::cdf(boost::math::students_t(static_cast<double>(difference.n - 1)),
                          distance / error);
}

}  // namespace

double Mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

double Quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double position = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

MeanInterval MeanOf(std::span<const double> values) {
  MeanInterval result;
  result.n = static_cast<int64_t>(values.size());
  result.mean = Mean(values);
  if (result.n < 2) return result;
  double squares = 0;
  for (const double d : values) squares += (d - result.mean) * (d - result.mean);
  result.standard_deviation = std::sqrt(squares / static_cast<double>(result.n - 1));
  result.t_quantile = QuantileOfT(1 - (1 - kConfidence) / 2, result.n);
  const double half_width = *result.t_quantile * StandardError(result);
  result.low = result.mean - half_width;
  result.high = result.mean + half_width;
  return result;
}

PairedDifference ComparePaired(std::span<const double> differences) {
  PairedDifference result{MeanOf(differences), {}, {}, 1, {}};
  result.smallest_sign_flip_p = std::min(1.0, std::ldexp(2.0, -static_cast<int>(result.n)));
  if (result.n <= kMostFlippedPairs) result.sign_flip_p = SignFlipP(differences);
  if (!result.standard_deviation) return result;
  const double half_width = QuantileOfT(kConfidence, result.n) * StandardError(result);
  result.one_sided_low = result.mean - half_width;
  result.one_sided_high = result.mean + half_width;
  return result;
}

std::optional<double> NonInferiorityP(const PairedDifference& difference, double margin) {
  return BelowBound(difference, margin);
}

std::optional<double> EquivalenceP(const PairedDifference& difference, double margin) {
  const std::optional<double> upper = BelowBound(difference, margin);
  if (!upper) return std::nullopt;
  return std::max(*upper, 1 - *BelowBound(difference, -margin));
}

Outcome Judge(const PairedDifference& difference, double margin) {
  if (!difference.low) return Outcome::kNotResolved;
  if (*difference.low > -margin && *difference.high < margin) return Outcome::kSame;
  if (*difference.high < 0 && difference.mean <= -margin) return Outcome::kBetter;
  if (*difference.low > 0 && difference.mean >= margin) return Outcome::kWorse;
  return Outcome::kNotResolved;
}

NonInferiority JudgeNonInferiority(const PairedDifference& difference, double margin) {
  if (!difference.one_sided_low) return NonInferiority::kOpen;
  if (*difference.one_sided_high < margin) return NonInferiority::kShown;
  return *difference.one_sided_low > margin ? NonInferiority::kRefuted : NonInferiority::kOpen;
}

}  // namespace hourglass::reports
