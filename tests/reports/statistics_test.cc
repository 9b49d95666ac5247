#include "reports/statistics.h"

#include "gtest/gtest.h"

namespace hourglass::reports {
namespace {

// Quantiles are from printed tables of Student's t; the arithmetic beside each case is by hand.

TEST(ComparePaired, ThreeDifferences) {
  // mean 0.02, sd 0.01, t(0.975, 2) = 4.30265, half width 4.30265 * 0.01 / sqrt(3) = 0.0248414.
  const double d[] = {0.01, 0.02, 0.03};
  const PairedDifference result = ComparePaired(d);
  EXPECT_EQ(result.n, 3);
  EXPECT_NEAR(result.mean, 0.02, 1e-15);
  EXPECT_NEAR(*result.standard_deviation, 0.01, 1e-15);
  EXPECT_NEAR(*result.t_quantile, 4.30265, 5e-6);
  EXPECT_NEAR(*result.low, -0.0048414, 5e-8);
  EXPECT_NEAR(*result.high, 0.0448414, 5e-8);
  EXPECT_EQ(result.smallest_sign_flip_p, 0.25);
  EXPECT_EQ(*result.sign_flip_p, 0.25);
}

TEST(ComparePaired, FiveDifferences) {
  // mean -0.05, deviations -0.02 -0.01 0 0.01 0.02, sd = sqrt(0.001 / 4) = 0.0158114,
  // t(0.975, 4) = 2.776445, half width 2.776445 * 0.0158114 / sqrt(5) = 0.0196324.
  const double d[] = {-0.07, -0.06, -0.05, -0.04, -0.03};
  const PairedDifference result = ComparePaired(d);
  EXPECT_NEAR(*result.t_quantile, 2.776445, 5e-7);
  EXPECT_NEAR(*result.low, -0.0696324, 5e-8);
  EXPECT_NEAR(*result.high, -0.0303676, 5e-8);
  EXPECT_EQ(result.smallest_sign_flip_p, 0.0625);
}

TEST(ComparePaired, TwoDifferencesHaveOneDegreeOfFreedom) {
  // sd = 0.0141421, t(0.975, 1) = 12.7062, half width 12.7062 * 0.0141421 / sqrt(2) = 0.127062.
  const double d[] = {0.0, 0.02};
  const PairedDifference result = ComparePaired(d);
  EXPECT_NEAR(*result.low, 0.01 - 0.127062, 5e-7);
  EXPECT_EQ(result.smallest_sign_flip_p, 0.5);
}

TEST(ComparePaired, OneDifferenceHasNoInterval) {
  const double d[] = {0.5};
  const PairedDifference result = ComparePaired(d);
  EXPECT_EQ(result.mean, 0.5);
  EXPECT_FALSE(result.low.has_value());
  EXPECT_FALSE(result.standard_deviation.has_value());
  EXPECT_EQ(result.smallest_sign_flip_p, 1.0);
  EXPECT_EQ(Judge(result), Outcome::kNotResolved);
}

PairedDifference WithInterval(double mean, double low, double high) {
  PairedDifference result;
  result.n = 3;
  result.mean = mean;
  result.low = low;
  result.high = high;
  return result;
}

TEST(Judge, NeedsIntervalAndSize) {
  EXPECT_EQ(Judge(WithInterval(-0.05, -0.07, -0.03)), Outcome::kBetter);
  EXPECT_EQ(Judge(WithInterval(0.05, 0.03, 0.07)), Outcome::kWorse);
  EXPECT_EQ(Judge(WithInterval(0.05, -0.01, 0.11)), Outcome::kNotResolved);
  EXPECT_EQ(Judge(WithInterval(-0.05, -0.11, 0.01)), Outcome::kNotResolved);
  // Surely above zero, and surely too small to matter.
  EXPECT_EQ(Judge(WithInterval(0.005, 0.002, 0.008)), Outcome::kSame);
  EXPECT_EQ(Judge(WithInterval(0.0, -0.009, 0.009)), Outcome::kSame);
  // Surely above zero, but perhaps larger than the margin.
  EXPECT_EQ(Judge(WithInterval(0.008, 0.001, 0.015)), Outcome::kNotResolved);
  EXPECT_EQ(Judge(WithInterval(0.0, -0.009, 0.011)), Outcome::kNotResolved);
}

// Numbers of SciPy 1.17: stats.ttest_1samp(d, ±0.01, alternative=...).pvalue, its
// confidence_interval(0.90), and stats.permutation_test((d,), mean, permutation_type='samples',
// n_resamples=inf).pvalue.
TEST(ComparePaired, AgreesWithSciPyWhereNothingIsDecided) {
  const double d[] = {0.012, -0.003, 0.021, 0.007, 0.010};
  const PairedDifference result = ComparePaired(d);
  EXPECT_NEAR(*result.low, -0.0013746104420522941, 1e-12);
  EXPECT_NEAR(*result.high, 0.0201746104420523, 1e-12);
  EXPECT_NEAR(*result.one_sided_low, 0.0011268961659609712, 1e-12);
  EXPECT_NEAR(*result.one_sided_high, 0.017673103834039028, 1e-12);
  EXPECT_NEAR(*NonInferiorityP(result, 0.01), 0.442308031193971, 1e-9);
  EXPECT_NEAR(*EquivalenceP(result, 0.01), 0.442308031193971, 1e-9);
  EXPECT_NEAR(*result.sign_flip_p, 0.125, 1e-15);
  EXPECT_EQ(JudgeNonInferiority(result, 0.01), NonInferiority::kOpen);
}

TEST(ComparePaired, AgreesWithSciPyWhereEquivalenceIsShown) {
  const double d[] = {0.004, 0.001, -0.002, 0.003};
  const PairedDifference result = ComparePaired(d);
  EXPECT_NEAR(*result.one_sided_low, -0.0016132071965191978, 1e-12);
  EXPECT_NEAR(*result.one_sided_high, 0.004613207196519196, 1e-12);
  EXPECT_NEAR(*NonInferiorityP(result, 0.01), 0.003820419471073747, 1e-9);
  EXPECT_NEAR(*EquivalenceP(result, 0.01), 0.003820419471073747, 1e-9);
  EXPECT_NEAR(*result.sign_flip_p, 0.375, 1e-15);
  EXPECT_EQ(JudgeNonInferiority(result, 0.01), NonInferiority::kShown);
}

TEST(ComparePaired, AgreesWithSciPyWhereNonInferiorityIsRefuted) {
  const double d[] = {0.038, 0.040, 0.042};
  const PairedDifference result = ComparePaired(d);
  EXPECT_NEAR(*result.low, 0.035031724576499335, 1e-12);
  EXPECT_NEAR(*NonInferiorityP(result, 0.01), 0.9992609012958825, 1e-9);
  EXPECT_NEAR(*EquivalenceP(result, 0.01), 0.9992609012958825, 1e-9);
  EXPECT_EQ(JudgeNonInferiority(result, 0.01), NonInferiority::kRefuted);
}

TEST(ComparePaired, WithoutScatterTheTestsAreCertain) {
  const double d[] = {0.005, 0.005};
  const PairedDifference result = ComparePaired(d);
  EXPECT_EQ(*EquivalenceP(result, 0.01), 0.0);
  EXPECT_EQ(*NonInferiorityP(result, 0.001), 1.0);
}

// numpy.quantile of the same values.
TEST(Quantile, InterpolatesLinearly) {
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.1), 1.3);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.9), 3.7);
  EXPECT_EQ(Quantile({7}, 0.9), 7);
}

TEST(Median, OddAndEven) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 2, 3}), 2.5);
}

}  // namespace
}  // namespace hourglass::reports
