// Every model against the vanilla model nearest in compute, within one budget.

#include <cmath>
#include <set>

#include "reports/analysis.h"

namespace hourglass::reports {
namespace {

bool SameMachine(const Group& a, const Group& b) {
  std::set<std::pair<std::string, int64_t>> classes;
  for (const Group* group : {&a, &b}) {
    for (const auto& [replica, run] : group->by_replica) {
      classes.insert({run->host.perf_class, run->run.threads});
    }
  }
  return classes.size() == 1;
}

std::vector<double> Logs(const std::map<int64_t, double>& ratios) {
  std::vector<double> logs;
  for (const auto& [replica, ratio] : ratios) logs.push_back(std::log(ratio));
  return logs;
}

void CompareSpeeds(Comparison& result) {
  result.same_machine = SameMachine(*result.candidate, *result.reference);
  if (!result.same_machine) return;
  for (const auto& [replica, speed] : result.candidate->speeds) {
    const auto other = result.reference->speeds.find(replica);
    if (other != result.reference->speeds.end() && speed > 0 && other->second > 0) {
      result.speed_ratios[replica] = speed / other->second;
    }
  }
  if (!result.speed_ratios.empty()) result.log_speed = ComparePaired(Logs(result.speed_ratios));
}

// May the two be compared at all? Budgets, data and backends must agree.
bool Comparable(const Group& candidate, const Group& reference) {
  return reference.is_vanilla() && reference.total_flops.value_or(0) > 0 &&
         reference.budget == candidate.budget &&
         reference.any().cell.dataset_train == candidate.any().cell.dataset_train &&
         reference.any().cell.backend == candidate.any().cell.backend;
}

double Distance(const Group& a, const Group& b) {
  return std::log(*a.total_flops / *b.total_flops);
}

// The vanilla models nearest in compute on the side of `sign`: +1 those that cost more.
const Group* NearestOnSide(const Analysis& analysis, const Group& candidate, int sign) {
  const Group* nearest = nullptr;
  for (const Group& reference : analysis.groups) {
    if (!Comparable(candidate, reference)) continue;
    const double distance = sign * Distance(reference, candidate);
    if (distance < 0 || reference.bits.empty()) continue;
    if (nearest == nullptr || distance < sign * Distance(*nearest, candidate)) nearest = &reference;
  }
  return nearest;
}

std::optional<Interpolated> Interpolate(const Analysis& analysis, const Group& candidate) {
  Interpolated result;
  result.below = NearestOnSide(analysis, candidate, -1);
  result.above = NearestOnSide(analysis, candidate, +1);
  if (result.below == nullptr || result.above == nullptr || result.below == result.above) {
    return std::nullopt;
  }
  const double share = Distance(candidate, *result.below) / Distance(*result.above, *result.below);
  std::vector<double> differences;
  for (const auto& [replica, bits] : candidate.bits) {
    const auto low = result.below->bits.find(replica), high = result.above->bits.find(replica);
    if (low == result.below->bits.end() || high == result.above->bits.end()) continue;
    differences.push_back(bits - (low->second + share * (high->second - low->second)));
  }
  if (differences.empty()) return std::nullopt;
  result.paired = ComparePaired(differences);
  const bool complete =
      candidate.lost.empty() && result.below->lost.empty() && result.above->lost.empty();
  if (complete) result.outcome = Judge(result.paired);
  return result;
}

}  // namespace

const PairedDifference* Comparison::AtEqualCompute() const {
  if (equal_compute) return paired ? &*paired : nullptr;
  return interpolated ? &interpolated->paired : nullptr;
}

Outcome Comparison::OutcomeAtEqualCompute() const {
  if (equal_compute) return outcome;
  return interpolated ? interpolated->outcome : Outcome::kNotResolved;
}

Comparison Compare(const Group& candidate, const Group& reference) {
  Comparison result;
  result.candidate = &candidate;
  result.reference = &reference;
  result.compute_mismatch = *candidate.total_flops / *reference.total_flops - 1;
  // The slack is for a mismatch that is 2 % exactly and does not look so in binary.
  result.equal_compute = std::abs(result.compute_mismatch) <= kComputeTolerance + 1e-12;
  std::vector<double> differences;
  for (const auto& [replica, bits] : candidate.bits) {
    const auto other = reference.bits.find(replica);
    if (other == reference.bits.end()) continue;
    result.differences[replica] = bits - other->second;
    differences.push_back(bits - other->second);
  }
  result.lost_candidate = static_cast<int64_t>(candidate.lost.size());
  result.lost_reference = static_cast<int64_t>(reference.lost.size());
  if (!differences.empty()) result.paired = ComparePaired(differences);
  if (result.paired && result.lost_candidate + result.lost_reference == 0) {
    result.outcome = Judge(*result.paired);
  }
  CompareSpeeds(result);
  return result;
}

void MakeComparisons(Analysis& analysis) {
  for (const Group& candidate : analysis.groups) {
    if (candidate.is_vanilla() || !candidate.total_flops) continue;
    const Group* nearest = nullptr;
    for (const Group& reference : analysis.groups) {
      if (!Comparable(candidate, reference)) continue;
      if (nearest == nullptr ||
          std::abs(Distance(reference, candidate)) < std::abs(Distance(*nearest, candidate))) {
        nearest = &reference;
      }
    }
    if (nearest == nullptr) continue;
    Comparison comparison = Compare(candidate, *nearest);
    comparison.interpolated = Interpolate(analysis, candidate);
    analysis.comparisons.push_back(std::move(comparison));
  }
}

}  // namespace hourglass::reports
