// Groups of runs that differ only in their seed.

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "reports/analysis.h"
#include "reports/format.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

using results::RunRecord;
using results::RunStatus;

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
    group.dirty |= run->source.dirty;
    if (run->status == RunStatus::kOk) {
      // Runs of a replica come in the order they were started, so the first is the earliest.
      group.by_replica.emplace(replica, run);
      group.lost.erase(replica);
    } else if (!group.by_replica.contains(replica)) {
      group.lost[replica] = std::string(results::ToString(run->status));
    }
  }
}

std::vector<double> Values(const std::map<int64_t, double>& by_replica) {
  std::vector<double> values;
  for (const auto& [replica, value] : by_replica) values.push_back(value);
  return values;
}

void FillNumbers(Group& group) {
  std::vector<double> seconds;
  for (const auto& [replica, run] : group.by_replica) {
    if (const auto value = FirstOf(*run, results::kValidBitsPerByte, {"final", "last"})) {
      group.bits[replica] = *value;
    }
    if (const auto speed = FirstOf(*run, results::kTrainBytesPerSecond, {"final", "median"})) {
      group.speeds[replica] = *speed;
    }
    if (const auto wall = FirstOf(*run, results::kTrainWallSeconds, {"final"})) {
      seconds.push_back(*wall);
    }
    if (const auto peak = run->outcome.peak_bytes_held) {
      group.peak_bytes = std::max(group.peak_bytes.value_or(0), static_cast<double>(*peak));
    }
    if (!group.executed_step_flops && run->outcome.flops_step_executed) {
      group.executed_step_flops = static_cast<double>(*run->outcome.flops_step_executed);
    }
  }
  if (!group.bits.empty()) group.quality = MeanOf(Values(group.bits));
  if (!group.speeds.empty()) group.train_units_per_second = Median(Values(group.speeds));
  group.total_flops = TotalFlops(group.any());
  if (!seconds.empty()) {
    group.train_seconds = Median(seconds);
  } else if (group.train_units_per_second && group.budget.kind == results::BudgetKind::kSteps) {
    group.train_seconds = static_cast<double>(group.budget.amount) * group.UnitsPerStep() /
                          *group.train_units_per_second;
  }
}

// Models are told apart by label and family, and by the backend where there are several. Two
// configurations of one label at one budget get the head of their ids.
void NameGroups(Analysis& analysis) {
  std::set<std::string> backends;
  for (const Group& group : analysis.groups) backends.insert(group.any().cell.backend);
  std::set<std::tuple<std::string, std::string, Budget>> seen;
  for (Group& group : analysis.groups) {
    group.name = CleanText(group.any().config.label);
    if (backends.size() > 1) {
      absl::StrAppend(&group.name, " · ", CleanText(group.any().cell.backend));
    }
    if (!seen.insert({group.any().config.family, group.name, group.budget}).second) {
      absl::StrAppend(&group.name, " · ", group.any().config_id.substr(0, 6));
    }
  }
}

void NumberModels(Analysis& analysis) {
  std::map<std::pair<std::string, std::string>, size_t> models;
  for (Group& group : analysis.groups) {
    group.model = models.emplace(std::pair(group.any().config.family, group.name), models.size())
                      .first->second;
  }
  analysis.n_models = models.size();
}

}  // namespace

double Group::ForwardFlopsPerUnit() const {
  return static_cast<double>(any().config.flops_fwd_needed) / UnitsPerStep();
}

double Group::TrainingFlopsPerUnit() const {
  return static_cast<double>(any().NeededStepFlops()) / UnitsPerStep();
}

void MakeGroups(Analysis& analysis) {
  std::map<decltype(GroupKey(analysis.runs[0])), size_t> index;
  for (const RunRecord& run : analysis.runs) {
    const auto [found, is_new] = index.emplace(GroupKey(run), analysis.groups.size());
    if (is_new) analysis.groups.emplace_back();
    analysis.groups[found->second].runs.push_back(&run);
  }
  for (Group& group : analysis.groups) {
    group.budget = {group.any().cell.budget_kind, group.any().cell.budget};
    FillReplicas(group);
    FillNumbers(group);
  }
  std::stable_sort(analysis.groups.begin(), analysis.groups.end(),
                   [](const Group& a, const Group& b) {
                     return std::make_tuple(a.budget, !a.is_vanilla(), a.TrainingFlopsPerUnit()) <
                            std::make_tuple(b.budget, !b.is_vanilla(), b.TrainingFlopsPerUnit());
                   });
  for (const Group& group : analysis.groups) {
    if (analysis.budgets.empty() || analysis.budgets.back() != group.budget) {
      analysis.budgets.push_back(group.budget);
    }
  }
  NameGroups(analysis);
  NumberModels(analysis);
}

}  // namespace hourglass::reports
