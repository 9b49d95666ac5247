// Whether the time of a training step follows the law of the paper: in the stack that is shortened
// by k, attention ~ (n / k)^2 and the rest ~ n / k.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/analysis.h"

namespace hourglass::reports {

// An exponent this near to the law's agrees with it: a factor of 16^0.2 = 1.7 over the 16-fold
// range of lengths, about what fixed costs and the edges of tiles make of short sequences.
inline constexpr double kExponentMargin = 0.2;

struct Exponent {
  double value = 0;
  double low = 0, high = 0;  // two-sided interval of kConfidence
};

// time = scale n^a k^b, by least squares on the logarithms.
struct PowerFit {
  int64_t points = 0;
  Exponent n, k;
  double r_squared = 0;  // of the logarithms
};

struct TimedPoint {
  double n = 0, k = 0, time = 0;
};
// Of the points with a time above zero. Empty with fewer than four, or if n and k do not vary
// independently of each other.
std::optional<PowerFit> FitPowers(std::span<const TimedPoint> points);

enum class LawOutcome {
  kHolds,        // the intervals of both exponents lie within the margin around the law's
  kDeparts,      // one of them lies outside of it
  kNotResolved,  // else
};

// One part of a step beside its law, time ~ (n / k)^power.
struct CostLaw {
  std::string part;  // "attention", "rest"
  std::string law;   // "n² / k²"
  double power = 0;
  double CostPoint::*time = nullptr;  // the times it is about
  PowerFit fit;
  double scale = 0;      // of the law: the best for its own exponents
  double r_squared = 0;  // of the law
  double farthest = 1;   // largest factor between a time and the law
  LawOutcome outcome = LawOutcome::kNotResolved;

  double At(double shortened) const;  // ms of the law at a shortened length
};

// Attention, then the rest. Those without a fit are left out.
std::vector<CostLaw> JudgeCosts(const std::vector<CostPoint>& costs);

// The law is about long sequences. With fewer positions left by shortening than these, attention is
// made of a few tiles, whose edges and fixed costs decide.
inline constexpr double kLongSequence = 512;
std::vector<CostPoint> LongOnes(const std::vector<CostPoint>& costs);

// "n^1.98 k^−1.95".
std::string PowersText(const PowerFit& fit);
// "holds", "departs", "not resolved", with its symbol.
std::string LawLabel(LawOutcome outcome);

// "512 to 8,192": the values of a field over the points, lowest to highest.
std::string SpanText(const std::vector<CostPoint>& costs, int64_t CostPoint::*field);

}  // namespace hourglass::reports
