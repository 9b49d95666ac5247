#include "reports/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace hourglass::reports {

double Mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

PairedDifference ComparePaired(std::span<const double> differences) {
  PairedDifference result;
  result.n = static_cast<int64_t>(differences.size());
  result.mean = Mean(differences);
  result.smallest_sign_flip_p = std::min(1.0, std::ldexp(2.0, -static_cast<int>(result.n)));
  if (result.n < 2) return result;
  const double n = static_cast<double>(result.n);
  double squares = 0;
  for (const double d : differences) squares += (d - result.mean) * (d - result.mean);
  result.standard_deviation = std::sqrt(squares / (n - 1));
  result.t_quantile =
      boost::math::quantile(boost::math::students_t(n - 1), 1 - (1 - kConfidence) / 2);
  const double half_width = *result.t_quantile * *result.standard_deviation / std::sqrt(n);
  result.low = result.mean - half_width;
  result.high = result.mean + half_width;
  return result;
}

Outcome Judge(const PairedDifference& difference, double margin) {
  if (!difference.low) return Outcome::kNotResolved;
  if (*difference.low > -margin && *difference.high < margin) return Outcome::kSame;
  if (*difference.high < 0 && difference.mean <= -margin) return Outcome::kBetter;
  if (*difference.low > 0 && difference.mean >= margin) return Outcome::kWorse;
  return Outcome::kNotResolved;
}

}  // namespace hourglass::reports
