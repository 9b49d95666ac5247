// Curves over the training of each group, joined over its replicas.

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "hourglass/base/status.h"
#include "reports/analysis.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

using results::RunRecord;
using results::RunStatus;
using RawCurve = std::vector<results::CurvePoint>;

// More points than this say nothing more on a chart of this width.
constexpr int64_t kWindows = 24;
// Fewer evaluations than this are no curve.
constexpr size_t kLeastEvaluations = 4;

struct WindowSum {
  std::vector<double> values, flops, seconds;
};

// Mean over each window of `width` steps; the window's last step carries FLOPs and time. A window
// with a value that is no number is left out, and so is an incomplete one.
std::map<int64_t, results::CurvePoint> Windows(const RawCurve& curve, int64_t width) {
  std::map<int64_t, results::CurvePoint> windows;
  std::map<int64_t, int64_t> counts;
  for (const results::CurvePoint& point : curve) {
    if (point.step < 1) continue;
    const int64_t window = (point.step + width - 1) / width;
    results::CurvePoint& sum = windows[window];
    sum.value += point.value;
    sum.step = point.step;
    sum.flops = point.flops;
    sum.wall_ns = point.wall_ns;
    ++counts[window];
  }
  for (auto window = windows.begin(); window != windows.end();) {
    window->second.value /= static_cast<double>(counts[window->first]);
    const bool complete = window->second.step == window->first * width;
    window =
        std::isfinite(window->second.value) && complete ? std::next(window) : windows.erase(window);
  }
  return windows;
}

// Joins the replicas of a group point by point; `width` 0 takes single evaluations.
Curve JoinReplicas(const Group& group, const std::vector<RawCurve>& replicas, int64_t width) {
  std::map<int64_t, WindowSum> joined;
  for (const RawCurve& raw : replicas) {
    std::map<int64_t, results::CurvePoint> points;
    if (width > 0) {
      points = Windows(raw, width);
    } else {
      for (const auto& point : raw) {
        if (std::isfinite(point.value)) points[point.step] = point;
      }
    }
    for (const auto& [key, point] : points) {
      WindowSum& sum = joined[point.step];
      sum.values.push_back(point.value);
      if (point.flops) sum.flops.push_back(static_cast<double>(*point.flops));
      if (point.wall_ns) sum.seconds.push_back(static_cast<double>(*point.wall_ns) * 1e-9);
    }
  }
  Curve curve;
  curve.group = &group;
  const double step_flops = static_cast<double>(group.any().NeededStepFlops());
  for (const auto& [step, sum] : joined) {
    CurvePoint point;
    point.step = step;
    point.flops = sum.flops.empty() ? step_flops * static_cast<double>(step) : Mean(sum.flops);
    point.seconds = sum.seconds.empty() ? std::nan("") : Mean(sum.seconds);
    point.value = MeanOf(sum.values);
    curve.points.push_back(point);
  }
  return curve;
}

// The runs whose curves are drawn: the finished ones, and those that diverged, as far as they went.
std::vector<const RunRecord*> CurveRuns(const Group& group) {
  std::vector<const RunRecord*> runs;
  for (const auto& [replica, run] : group.by_replica) runs.push_back(run);
  for (const RunRecord* run : group.runs) {
    if (run->status == RunStatus::kDiverged && group.lost.contains(run->cell.replica)) {
      runs.push_back(run);
    }
  }
  return runs;
}

struct RawGroup {
  const Group* group = nullptr;
  std::vector<RawCurve> replicas;
};

absl::StatusOr<std::vector<RawGroup>> ReadCurves(results::ResultsReader& reader,
                                                 const Analysis& analysis, const Budget& budget,
                                                 std::string_view metric) {
  std::vector<RawGroup> groups;
  for (const Group& group : analysis.groups) {
    if (group.budget != budget) continue;
    RawGroup& raw = groups.emplace_back();
    raw.group = &group;
    for (const RunRecord* run : CurveRuns(group)) {
      HG_ASSIGN_OR_RETURN(RawCurve curve, reader.WholeCurve(run->id, metric));
      if (!curve.empty()) raw.replicas.push_back(std::move(curve));
    }
  }
  return groups;
}

bool EveryGroupHas(const std::vector<RawGroup>& groups, size_t points) {
  bool any = false;
  for (const RawGroup& raw : groups) {
    for (const RawCurve& curve : raw.replicas) {
      any = true;
      if (curve.size() < points) return false;
    }
  }
  return any;
}

// The steep start would press everything of interest into a corner.
void LeaveOutHead(CurveSet& set) {
  for (Curve& curve : set.curves) {
    if (curve.points.size() < 10) return;
  }
  for (Curve& curve : set.curves) {
    const double from = static_cast<double>(curve.points.back().step) / 20;
    const auto is_head = [&](const CurvePoint& p) { return static_cast<double>(p.step) < from; };
    if (std::erase_if(curve.points, is_head) > 0) set.head_left_out = true;
  }
}

CurveSet MakeSet(const Budget& budget, const std::vector<RawGroup>& raw, int64_t width,
                 std::string_view metric) {
  CurveSet set;
  set.budget = budget;
  set.metric = metric;
  set.window = width;
  for (const RawGroup& group : raw) {
    Curve curve = JoinReplicas(*group.group, group.replicas, width);
    if (!curve.points.empty()) set.curves.push_back(std::move(curve));
  }
  LeaveOutHead(set);
  return set;
}

// Bits from nats where a run stored only the loss.
void NatsToBits(std::vector<RawGroup>& groups) {
  for (RawGroup& raw : groups) {
    for (RawCurve& curve : raw.replicas) {
      for (auto& point : curve) point.value /= std::numbers::ln2;
    }
  }
}

int64_t LastStep(const std::vector<RawGroup>& groups) {
  int64_t last = 0;
  for (const RawGroup& raw : groups) {
    for (const RawCurve& curve : raw.replicas) last = std::max(last, curve.back().step);
  }
  return last;
}

}  // namespace

absl::Status MakeCurves(results::ResultsReader& reader, Analysis& analysis) {
  for (const Budget& budget : analysis.budgets) {
    HG_ASSIGN_OR_RETURN(const auto valid,
                        ReadCurves(reader, analysis, budget, results::kValidBitsPerByte));
    if (EveryGroupHas(valid, kLeastEvaluations)) {
      analysis.curves.push_back(MakeSet(budget, valid, 0, results::kValidBitsPerByte));
      continue;
    }
    HG_ASSIGN_OR_RETURN(auto train, ReadCurves(reader, analysis, budget, results::kTrainLossNats));
    if (!EveryGroupHas(train, 2)) continue;
    NatsToBits(train);
    const int64_t width = std::max<int64_t>(1, LastStep(train) / kWindows);
    CurveSet set = MakeSet(budget, train, width, results::kTrainBitsPerByte);
    if (!set.curves.empty()) analysis.curves.push_back(std::move(set));
  }
  return absl::OkStatus();
}

}  // namespace hourglass::reports
