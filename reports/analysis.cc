#include "reports/analysis.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "reports/format.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

using results::RunRecord;
using results::RunStatus;

// More points than this say nothing more on a chart of this width.
constexpr int64_t kWindows = 24;

absl::Status NoSuchExperiment(const std::vector<results::ExperimentRecord>& all,
                              const std::string& wanted) {
  std::string known;
  std::set<std::string> slugs;
  for (const auto& record : all) slugs.insert(record.row.slug);
  for (const std::string& slug : slugs) absl::StrAppend(&known, known.empty() ? "" : ", ", slug);
  return absl::NotFoundError(
      absl::StrCat(wanted.empty() ? "the database holds no experiment"
                                  : absl::StrCat("no experiment '", wanted, "' in the database"),
                   known.empty() ? "; run one first" : absl::StrCat("; it has: ", known)));
}

absl::Status ChooseExperiment(results::ResultsReader& reader, const std::string& wanted,
                              Analysis& analysis) {
  HG_ASSIGN_OR_RETURN(const auto all, reader.Experiments());
  const results::ExperimentRecord* chosen = nullptr;
  for (const auto& record : all) {
    if (record.id == wanted && !wanted.empty()) {
      chosen = &record;
      break;
    }
    const bool matches = wanted.empty() || record.row.slug == wanted;
    if (matches && (chosen == nullptr || record.newest_run > chosen->newest_run)) {
      chosen = &record;
    }
  }
  if (chosen == nullptr) return NoSuchExperiment(all, wanted);
  analysis.experiment = *chosen;
  for (const auto& record : all) {
    if (record.row.slug == chosen->row.slug && record.id != chosen->id) {
      analysis.other_versions.push_back(record.id);
    }
  }
  return absl::OkStatus();
}

// Two runs belong to one group when only the seed tells them apart.
auto GroupKey(const RunRecord& run) {
  return std::make_tuple(run.config_id, run.cell.budget_kind, run.cell.budget, run.cell.backend,
                         run.cell.dataset_train);
}

std::optional<double> FirstOf(const RunRecord& run, std::string_view metric,
                              std::initializer_list<std::string_view> aggregates) {
  for (const std::string_view aggregate : aggregates) {
    if (const auto value = run.Value(metric, aggregate)) return value;
  }
  return std::nullopt;
}

std::optional<double> TotalFlops(const RunRecord& run) {
  const double step = static_cast<double>(run.NeededStepFlops());
  const double budget = static_cast<double>(run.cell.budget);
  switch (run.cell.budget_kind) {
    case results::BudgetKind::kSteps:
      return step * budget;
    case results::BudgetKind::kUnits:
      return step / static_cast<double>(run.UnitsPerStep()) * budget;
    case results::BudgetKind::kFlops:
      return budget;
    case results::BudgetKind::kSeconds:
      return std::nullopt;
  }
  return std::nullopt;
}

void FillReplicas(Group& group) {
  for (const RunRecord* run : group.runs) {
    const int64_t replica = run->cell.replica;
    if (run->status == RunStatus::kOk) {
      // Runs of a replica come in the order they were started, so the first is the earliest.
      group.by_replica.emplace(replica, run);
      group.lost.erase(replica);
    } else if (!group.by_replica.contains(replica)) {
      group.lost[replica] = std::string(results::ToString(run->status));
    }
  }
}

void FillNumbers(Group& group) {
  std::vector<double> bits, speeds;
  for (const auto& [replica, run] : group.by_replica) {
    if (const auto value = FirstOf(*run, results::kValidBitsPerByte, {"final", "last"})) {
      group.bits[replica] = *value;
      bits.push_back(*value);
    }
    if (const auto speed = FirstOf(*run, results::kTrainBytesPerSecond, {"final", "median"})) {
      speeds.push_back(*speed);
    }
    if (const auto peak = run->outcome.peak_bytes_held) {
      group.peak_bytes = std::max(group.peak_bytes.value_or(0), static_cast<double>(*peak));
    }
    if (!group.executed_step_flops && run->outcome.flops_step_executed) {
      group.executed_step_flops = static_cast<double>(*run->outcome.flops_step_executed);
    }
  }
  if (!bits.empty()) group.mean_bits = Mean(bits);
  if (bits.size() > 1) group.sd_bits = ComparePaired(bits).standard_deviation;
  if (!speeds.empty()) group.train_units_per_second = Median(speeds);
  group.total_flops = TotalFlops(group.any());
}

// The label, and what else is needed to tell groups of one label apart.
void NameGroups(std::vector<Group>& groups) {
  std::set<std::pair<results::BudgetKind, int64_t>> budgets;
  std::set<std::string> backends;
  for (const Group& group : groups) {
    budgets.insert({group.any().cell.budget_kind, group.any().cell.budget});
    backends.insert(group.any().cell.backend);
  }
  for (Group& group : groups) {
    const results::Cell& cell = group.any().cell;
    group.name = CleanText(group.any().config.label);
    if (budgets.size() > 1) {
      absl::StrAppend(&group.name, " · ", Grouped(cell.budget), " ",
                      std::string(results::ToString(cell.budget_kind)));
    }
    if (backends.size() > 1) absl::StrAppend(&group.name, " · ", CleanText(cell.backend));
  }
  std::map<std::string, int> seen;
  for (Group& group : groups) {
    const int count = ++seen[group.name];
    if (count > 1) absl::StrAppend(&group.name, " · ", group.any().config_id.substr(0, 6));
  }
}

void MakeGroups(Analysis& analysis) {
  std::map<decltype(GroupKey(analysis.runs[0])), size_t> index;
  for (const RunRecord& run : analysis.runs) {
    const auto [found, is_new] = index.emplace(GroupKey(run), analysis.groups.size());
    if (is_new) analysis.groups.emplace_back();
    analysis.groups[found->second].runs.push_back(&run);
  }
  for (Group& group : analysis.groups) {
    FillReplicas(group);
    FillNumbers(group);
  }
  std::stable_sort(analysis.groups.begin(), analysis.groups.end(),
                   [](const Group& a, const Group& b) {
                     return std::make_tuple(!a.is_vanilla(), a.total_flops.value_or(0)) <
                            std::make_tuple(!b.is_vanilla(), b.total_flops.value_or(0));
                   });
  NameGroups(analysis.groups);
}

bool SameMachine(const Group& a, const Group& b) {
  std::set<std::pair<std::string, int64_t>> classes;
  for (const Group* group : {&a, &b}) {
    for (const auto& [replica, run] : group->by_replica) {
      classes.insert({run->host.perf_class, run->run.threads});
    }
  }
  return classes.size() == 1;
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
  if (result.paired && result.equal_compute && result.lost_candidate + result.lost_reference == 0) {
    result.outcome = Judge(*result.paired);
  }
  result.same_machine = SameMachine(candidate, reference);
  if (result.same_machine && candidate.train_units_per_second && reference.train_units_per_second) {
    result.speed_ratio = *candidate.train_units_per_second / *reference.train_units_per_second;
  }
  return result;
}

void MakeComparisons(Analysis& analysis) {
  for (const Group& candidate : analysis.groups) {
    if (candidate.is_vanilla() || !candidate.total_flops) continue;
    const Group* nearest = nullptr;
    double distance = 0;
    for (const Group& reference : analysis.groups) {
      const bool comparable =
          reference.is_vanilla() && reference.total_flops.value_or(0) > 0 &&
          reference.any().cell.dataset_train == candidate.any().cell.dataset_train &&
          reference.any().cell.backend == candidate.any().cell.backend;
      if (!comparable) continue;
      const double mismatch = std::abs(std::log(*candidate.total_flops / *reference.total_flops));
      if (nearest == nullptr || mismatch < distance) {
        nearest = &reference;
        distance = mismatch;
      }
    }
    if (nearest != nullptr) analysis.comparisons.push_back(Compare(candidate, *nearest));
  }
}

// --- curves ---

using RawCurve = std::vector<results::CurvePoint>;

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
    point.mean = Mean(sum.values);
    point.low = *std::min_element(sum.values.begin(), sum.values.end());
    point.high = *std::max_element(sum.values.begin(), sum.values.end());
    point.n = static_cast<int64_t>(sum.values.size());
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

absl::StatusOr<std::vector<std::vector<RawCurve>>> ReadCurves(results::ResultsReader& reader,
                                                              const Analysis& analysis,
                                                              std::string_view metric) {
  std::vector<std::vector<RawCurve>> groups;
  for (const Group& group : analysis.groups) {
    std::vector<RawCurve>& replicas = groups.emplace_back();
    for (const RunRecord* run : CurveRuns(group)) {
      HG_ASSIGN_OR_RETURN(RawCurve curve, reader.Curve(run->id, metric));
      if (!curve.empty()) replicas.push_back(std::move(curve));
    }
  }
  return groups;
}

bool EveryGroupHas(const std::vector<std::vector<RawCurve>>& groups, size_t points) {
  bool any = false;
  for (const auto& replicas : groups) {
    for (const RawCurve& curve : replicas) {
      any = true;
      if (curve.size() < points) return false;
    }
  }
  return any;
}

// The steep start would press everything of interest into a corner.
void LeaveOutHead(Analysis& analysis) {
  for (Curve& curve : analysis.curves) {
    if (curve.points.size() < 10) return;
  }
  for (Curve& curve : analysis.curves) {
    const double from = static_cast<double>(curve.points.back().step) / 20;
    const auto is_head = [&](const CurvePoint& p) { return static_cast<double>(p.step) < from; };
    if (std::erase_if(curve.points, is_head) > 0) analysis.curve_head_left_out = true;
  }
}

void AddCurves(const std::vector<std::vector<RawCurve>>& raw, int64_t width, Analysis& analysis) {
  for (size_t i = 0; i < raw.size(); ++i) {
    Curve curve = JoinReplicas(analysis.groups[i], raw[i], width);
    if (!curve.points.empty()) analysis.curves.push_back(std::move(curve));
  }
  LeaveOutHead(analysis);
}

// Bits from nats where a run stored only the loss.
void NatsToBits(std::vector<std::vector<RawCurve>>& groups) {
  for (auto& replicas : groups) {
    for (RawCurve& curve : replicas) {
      for (auto& point : curve) point.value /= std::numbers::ln2;
    }
  }
}

absl::Status MakeCurves(results::ResultsReader& reader, Analysis& analysis) {
  HG_ASSIGN_OR_RETURN(const auto valid, ReadCurves(reader, analysis, results::kValidBitsPerByte));
  if (EveryGroupHas(valid, 4)) {
    analysis.curve_metric = results::kValidBitsPerByte;
    AddCurves(valid, 0, analysis);
    return absl::OkStatus();
  }
  HG_ASSIGN_OR_RETURN(auto train, ReadCurves(reader, analysis, results::kTrainLossNats));
  if (!EveryGroupHas(train, 2)) return absl::OkStatus();
  NatsToBits(train);
  int64_t last = 0;
  for (const auto& replicas : train) {
    for (const RawCurve& curve : replicas) last = std::max(last, curve.back().step);
  }
  analysis.curve_metric = results::kTrainBitsPerByte;
  analysis.curve_window = std::max<int64_t>(1, last / kWindows);
  AddCurves(train, analysis.curve_window, analysis);
  return absl::OkStatus();
}

void MarkScope(Analysis& analysis) {
  for (const RunRecord& run : analysis.runs) {
    analysis.dirty |= run.source.dirty;
    analysis.scaled |= run.cell.scope == results::Scope::kScaled;
    analysis.smoke |= run.cell.scope == results::Scope::kSmoke;
    analysis.unit = run.train.unit;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Analysis>> Analyse(results::ResultsReader& reader,
                                                  const std::string& experiment) {
  auto analysis = std::make_unique<Analysis>();
  HG_RETURN_IF_ERROR(ChooseExperiment(reader, experiment, *analysis));
  HG_ASSIGN_OR_RETURN(analysis->runs, reader.Runs(analysis->experiment.id));
  HG_ASSIGN_OR_RETURN(analysis->database_sha256, reader.ContentSha256());
  MarkScope(*analysis);
  MakeGroups(*analysis);
  MakeComparisons(*analysis);
  HG_RETURN_IF_ERROR(MakeCurves(reader, *analysis));
  return analysis;
}

}  // namespace hourglass::reports
