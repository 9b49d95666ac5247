#include "reports/costs.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <tuple>

#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "reports/format.h"
#include "reports/statistics.h"

namespace hourglass::reports {
namespace {

constexpr char kStepBench[] = "train_step";

// Times of one bench in ms.
using Samples = std::map<std::string, std::vector<double>>;

// The largest factor of "0@1 4@3 0@1"; 0 if the configuration names no hierarchy.
int64_t FactorOf(const results::Config& config) {
  const auto json = nlohmann::json::parse(config.canonical_json, nullptr, false);
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return 0;
  const auto hierarchy = json["model"].value("hierarchy", nlohmann::json());
  if (!hierarchy.is_string()) return 0;
  const std::string text = hierarchy.get<std::string>();
  int64_t factor = 0;
  for (size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
    factor = std::max<int64_t>(factor, std::strtoll(text.c_str() + at + 1, nullptr, 10));
  }
  return factor;
}

absl::Status AddSamples(results::ResultsReader& reader, const std::string& run, Samples& samples) {
  HG_ASSIGN_OR_RETURN(const auto timings, reader.Timings(run));
  for (const results::Timing& timing : timings) {
    if (timing.iters <= 0) continue;
    samples[timing.bench].push_back(static_cast<double>(timing.ns) * 1e-6 /
                                    static_cast<double>(timing.iters));
  }
  return absl::OkStatus();
}

bool HasParts(const Samples& samples) {
  return samples.contains(kStepBench) && samples.contains("train_step/attention") &&
         samples.contains("train_step/rest");
}

double MedianOf(const Samples& samples, const std::string& bench) {
  const auto found = samples.find(bench);
  return found == samples.end() ? 0 : Median(found->second);
}

CostPoint PointOf(const Group& group, const Samples& samples) {
  CostPoint point;
  point.group = &group;
  point.n = group.any().config.sequence_length;
  point.k = FactorOf(group.any().config);
  const std::vector<double>& steps = samples.at(kStepBench);
  point.steps = static_cast<int64_t>(steps.size());
  point.step = Median(steps);
  point.step_low = Quantile(steps, 0.1);
  point.step_high = Quantile(steps, 0.9);
  point.attention = MedianOf(samples, "train_step/attention");
  point.rest = MedianOf(samples, "train_step/rest");
  point.outside = MedianOf(samples, "train_step/outside");
  point.parameters = MedianOf(samples, "train_step/parameters");
  return point;
}

// Sums of squares and products of the logarithms around their means.
struct Moments {
  int64_t points = 0;
  double nn = 0, kk = 0, nk = 0, nt = 0, kt = 0, tt = 0;
};

Moments MomentsOf(const std::vector<TimedPoint>& logs) {
  Moments sums;
  sums.points = static_cast<int64_t>(logs.size());
  TimedPoint mean;
  for (const TimedPoint& p : logs) {
    mean.n += p.n / static_cast<double>(sums.points);
    mean.k += p.k / static_cast<double>(sums.points);
    mean.time += p.time / static_cast<double>(sums.points);
  }
  for (const TimedPoint& p : logs) {
    const double n = p.n - mean.n, k = p.k - mean.k, t = p.time - mean.time;
    sums.nn += n * n;
    sums.kk += k * k;
    sums.nk += n * k;
    sums.nt += n * t;
    sums.kt += k * t;
    sums.tt += t * t;
  }
  return sums;
}

std::vector<TimedPoint> Logarithms(std::span<const TimedPoint> points) {
  std::vector<TimedPoint> logs;
  for (const TimedPoint& p : points) {
    if (p.n > 0 && p.k > 0 && p.time > 0) {
      logs.push_back({std::log(p.n), std::log(p.k), std::log(p.time)});
    }
  }
  return logs;
}

bool Within(const Exponent& exponent, double wanted) {
  return exponent.low >= wanted - kExponentMargin && exponent.high <= wanted + kExponentMargin;
}

bool Outside(const Exponent& exponent, double wanted) {
  return exponent.high < wanted - kExponentMargin || exponent.low > wanted + kExponentMargin;
}

LawOutcome Judge(const PowerFit& fit, double power) {
  if (Within(fit.n, power) && Within(fit.k, -power)) return LawOutcome::kHolds;
  if (Outside(fit.n, power) || Outside(fit.k, -power)) return LawOutcome::kDeparts;
  return LawOutcome::kNotResolved;
}

// Scale, R² and farthest point of the law with its own exponents.
void HoldAgainst(std::span<const TimedPoint> points, CostLaw& law) {
  const std::vector<TimedPoint> logs = Logarithms(points);
  std::vector<double> over, times;  // the law, on logarithms
  for (const TimedPoint& p : logs) {
    over.push_back(p.time - law.power * (p.n - p.k));
    times.push_back(p.time);
  }
  const double scale = Mean(over), mean = Mean(times);
  double left = 0, all = 0, farthest = 0;
  for (size_t i = 0; i < over.size(); ++i) {
    left += (over[i] - scale) * (over[i] - scale);
    all += (times[i] - mean) * (times[i] - mean);
    farthest = std::max(farthest, std::fabs(over[i] - scale));
  }
  law.scale = std::exp(scale);
  law.r_squared = all > 0 ? 1 - left / all : 0;
  law.farthest = std::exp(farthest);
}

}  // namespace

absl::Status MakeCosts(results::ResultsReader& reader, Analysis& analysis) {
  std::vector<CostPoint> costs;
  for (const Group& group : analysis.groups) {
    if (group.by_replica.empty()) continue;
    Samples all;
    for (const auto& [replica, run] : group.by_replica) {
      Samples samples;
      HG_RETURN_IF_ERROR(AddSamples(reader, run->id, samples));
      if (!HasParts(samples)) return absl::OkStatus();
      for (auto& [bench, times] : samples) {
        all[bench].insert(all[bench].end(), times.begin(), times.end());
      }
    }
    costs.push_back(PointOf(group, all));
    if (costs.back().k < 1) return absl::OkStatus();
  }
  std::sort(costs.begin(), costs.end(), [](const CostPoint& a, const CostPoint& b) {
    return std::tuple(a.k, a.n, a.group->name) < std::tuple(b.k, b.n, b.group->name);
  });
  analysis.costs = std::move(costs);
  return absl::OkStatus();
}

std::optional<PowerFit> FitPowers(std::span<const TimedPoint> points) {
  const std::vector<TimedPoint> logs = Logarithms(points);
  const Moments sums = MomentsOf(logs);
  const double determinant = sums.nn * sums.kk - sums.nk * sums.nk;
  if (sums.points < 4 || !(determinant > 1e-9 * sums.nn * sums.kk)) return std::nullopt;
  PowerFit fit;
  fit.points = sums.points;
  fit.n.value = (sums.nt * sums.kk - sums.kt * sums.nk) / determinant;
  fit.k.value = (sums.kt * sums.nn - sums.nt * sums.nk) / determinant;
  const double left = std::max(0.0, sums.tt - fit.n.value * sums.nt - fit.k.value * sums.kt);
  fit.r_squared = sums.tt > 0 ? 1 - left / sums.tt : 0;
  const auto freedom = static_cast<double>(sums.points - 3);
  const double t =
      boost::math::quantile(boost::math::students_t(freedom), 1 - (1 - kConfidence) / 2);
  const double error_n = t * std::sqrt(left / freedom * sums.kk / determinant);
  const double error_k = t * std::sqrt(left / freedom * sums.nn / determinant);
  fit.n.low = fit.n.value - error_n;
  fit.n.high = fit.n.value + error_n;
  fit.k.low = fit.k.value - error_k;
  fit.k.high = fit.k.value + error_k;
  return fit;
}

double CostLaw::At(double shortened) const { return scale * std::pow(shortened, power); }

std::vector<CostLaw> JudgeCosts(const std::vector<CostPoint>& costs) {
  CostLaw attention, rest;
  attention.part = "attention";
  attention.law = "n² / k²";
  attention.power = 2;
  attention.time = &CostPoint::attention;
  rest.part = "rest";
  rest.law = "n / k";
  rest.power = 1;
  rest.time = &CostPoint::rest;
  std::vector<CostLaw> laws;
  for (CostLaw& law : std::array{attention, rest}) {
    std::vector<TimedPoint> points;
    for (const CostPoint& cost : costs) {
      points.push_back({static_cast<double>(cost.n), static_cast<double>(cost.k), cost.*law.time});
    }
    const std::optional<PowerFit> fit = FitPowers(points);
    if (!fit) continue;
    law.fit = *fit;
    law.outcome = Judge(*fit, law.power);
    HoldAgainst(points, law);
    laws.push_back(std::move(law));
  }
  return laws;
}

std::vector<CostPoint> LongOnes(const std::vector<CostPoint>& costs) {
  std::vector<CostPoint> found;
  for (const CostPoint& cost : costs) {
    if (cost.Shortened() >= kLongSequence) found.push_back(cost);
  }
  return found;
}

std::string PowersText(const PowerFit& fit) {
  return "n^" + Fixed(fit.n.value, 2) + " k^" + Fixed(fit.k.value, 2);
}

std::string LawLabel(LawOutcome outcome) {
  switch (outcome) {
    case LawOutcome::kHolds:
      return "＝ holds";
    case LawOutcome::kDeparts:
      return "◆ departs";
    case LawOutcome::kNotResolved:
      break;
  }
  return "◇ not resolved";
}

std::string SpanText(const std::vector<CostPoint>& costs, int64_t CostPoint::*field) {
  int64_t low = costs.front().*field, high = low;
  for (const CostPoint& cost : costs) {
    low = std::min(low, cost.*field);
    high = std::max(high, cost.*field);
  }
  return low == high ? Grouped(low) : Grouped(low) + " to " + Grouped(high);
}

}  // namespace hourglass::reports
