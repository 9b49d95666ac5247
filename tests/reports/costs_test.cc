// The law of cost against numbers whose fit is known.
#include "reports/costs.h"

#include <cmath>

#include "gtest/gtest.h"

namespace hourglass::reports {
namespace {

// time(n, k) over all combinations.
template <typename Time>
std::vector<TimedPoint> Grid(const Time& time) {
  std::vector<TimedPoint> points;
  for (const double n : {512.0, 1024.0, 2048.0, 4096.0}) {
    for (const double k : {1.0, 2.0, 4.0}) points.push_back({n, k, time(n, k)});
  }
  return points;
}

std::vector<CostPoint> Costs(double attention_power, double rest_power, double wobble = 0) {
  std::vector<CostPoint> costs;
  for (const int64_t k : {1, 2, 4}) {
    for (const int64_t n : {512, 1024, 2048, 4096}) {
      CostPoint cost;
      cost.n = n;
      cost.k = k;
      const double sign = (costs.size() % 3 == 0 ? -1 : 1) * wobble;
      cost.attention = 1e-5 * std::pow(cost.Shortened(), attention_power) * std::exp(sign);
      cost.rest = 2e-3 * std::pow(cost.Shortened(), rest_power) * std::exp(-sign);
      costs.push_back(cost);
    }
  }
  return costs;
}

TEST(FitPowers, FindsThePowersThatMadeTheTimes) {
  const auto fit = FitPowers(
      Grid([](double n, double k) { return 3e-6 * std::pow(n, 1.75) / std::pow(k, 1.5); }));
  ASSERT_TRUE(fit.has_value());
  EXPECT_EQ(fit->points, 12);
  EXPECT_NEAR(fit->n.value, 1.75, 1e-9);
  EXPECT_NEAR(fit->k.value, -1.5, 1e-9);
  EXPECT_NEAR(fit->n.high - fit->n.low, 0, 1e-6) << "no scatter, no doubt";
  EXPECT_NEAR(fit->r_squared, 1, 1e-12);
}

// Worked out by hand: over the four corners of n = 1, e and k = 1, e the logarithms are 0, 1, 1
// and 4. Means 1/2, 1/2 and 3/2; slopes 2 and 2; residuals 1/2, -1/2, -1/2, 1/2, their squares sum
// to 1; those of the times around their mean to 9. One degree of freedom: t = 12.706; the error of
// a slope is sqrt(1 / 1) = 1.
TEST(FitPowers, IntervalsAreThoseOfStudentsT) {
  const double e = std::exp(1.0);
  const TimedPoint points[] = {{1, 1, 1}, {e, 1, e}, {1, e, e}, {e, e, std::exp(4.0)}};
  const auto fit = FitPowers(points);
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->n.value, 2, 1e-12);
  EXPECT_NEAR(fit->k.value, 2, 1e-12);
  EXPECT_NEAR(fit->n.high, 2 + 12.7062, 1e-3);
  EXPECT_NEAR(fit->k.low, 2 - 12.7062, 1e-3);
  EXPECT_NEAR(fit->r_squared, 1 - 1.0 / 9, 1e-12);
}

TEST(FitPowers, NeedsFourPointsThatVaryBoth) {
  EXPECT_FALSE(FitPowers(std::vector<TimedPoint>{{1, 1, 1}, {2, 1, 2}, {1, 2, 3}}).has_value());
  // k goes with n: nobody can tell which of them it was.
  EXPECT_FALSE(
      FitPowers(std::vector<TimedPoint>{{1, 1, 1}, {2, 2, 2}, {4, 4, 3}, {8, 8, 5}}).has_value());
  EXPECT_FALSE(
      FitPowers(std::vector<TimedPoint>{{1, 1, 0}, {2, 1, 2}, {1, 2, 3}, {2, 2, 4}}).has_value())
      << "a time of zero has no logarithm";
}

TEST(JudgeCosts, TheLawHoldsWhereTimesFollowIt) {
  const auto laws = JudgeCosts(Costs(2, 1, 0.02));
  ASSERT_EQ(laws.size(), 2u);
  EXPECT_EQ(laws[0].part, "attention");
  EXPECT_EQ(laws[0].outcome, LawOutcome::kHolds);
  EXPECT_EQ(laws[1].part, "rest");
  EXPECT_EQ(laws[1].outcome, LawOutcome::kHolds);
  EXPECT_NEAR(laws[0].At(1000), 10, 0.5);
  EXPECT_NEAR(laws[1].At(1000), 2, 0.1);
  EXPECT_GT(laws[0].r_squared, 0.99);
  EXPECT_LT(laws[0].farthest, 1.04);
}

TEST(JudgeCosts, TheLawDepartsWhereTheyDoNot) {
  const auto laws = JudgeCosts(Costs(1.5, 1, 0.02));
  EXPECT_EQ(laws[0].outcome, LawOutcome::kDeparts);
  EXPECT_EQ(laws[1].outcome, LawOutcome::kHolds);
  EXPECT_LT(laws[0].r_squared, laws[0].fit.r_squared) << "its own exponents fit better";
}

TEST(JudgeCosts, WideScatterDecidesNothing) {
  const auto laws = JudgeCosts(Costs(2, 1, 1.0));
  EXPECT_EQ(laws[0].outcome, LawOutcome::kNotResolved);
}

TEST(JudgeCosts, APartThatTakesNoTimeHasNoLaw) {
  std::vector<CostPoint> costs = Costs(2, 1);
  for (CostPoint& cost : costs) cost.attention = 0;
  const auto laws = JudgeCosts(costs);
  ASSERT_EQ(laws.size(), 1u);
  EXPECT_EQ(laws[0].part, "rest");
}

TEST(LongOnes, LeavesOutWhereFewPositionsAreLeft) {
  const auto longer = LongOnes(Costs(2, 1));
  ASSERT_EQ(longer.size(), 9u);
  for (const CostPoint& cost : longer) EXPECT_GE(cost.n, 512 * cost.k);
}

TEST(SpanText, OfAField) {
  EXPECT_EQ(SpanText(Costs(2, 1), &CostPoint::n), "512 to 4,096");
  EXPECT_EQ(SpanText({Costs(2, 1)[0]}, &CostPoint::k), "1");
}

}  // namespace
}  // namespace hourglass::reports
