#include "experiments/runner/sweep_plan.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

absl::Status KeepCell(const specs::Experiment& spec, const std::string& label, SweepPlan& sweep) {
  std::erase_if(sweep.cells, [&](const CellPlan& cell) { return cell.cell.label() != label; });
  if (!sweep.cells.empty()) return absl::OkStatus();
  return UsageError(absl::StrCat(spec.name(), " has no cell \"", label, "\"; `hourglass list ",
                                 spec.name(), "` prints them"));
}

absl::Status KeepBudget(const specs::Experiment& spec, int64_t steps, SweepPlan& sweep) {
  std::erase_if(sweep.cells, [&](const CellPlan& cell) { return cell.steps != steps; });
  if (!sweep.cells.empty()) return absl::OkStatus();
  return UsageError(absl::StrCat(spec.name(), " has no budget of ", steps,
                                 " steps; there are: ", absl::StrJoin(BudgetsOf(spec), ", ")));
}

// The budgets that run, as "500 and 2000".
std::string BudgetNames(const SweepPlan& sweep) {
  std::vector<int64_t> budgets;
  for (const CellPlan& cell : sweep.cells) {
    if (budgets.empty() || budgets.back() != cell.steps) budgets.push_back(cell.steps);
  }
  return absl::StrJoin(budgets, " and ");
}

// Each model once.
std::vector<CellPlan> Models(const SweepPlan& sweep) {
  std::vector<CellPlan> models = sweep.cells;
  const int64_t steps = models.front().steps;
  std::erase_if(models, [&](const CellPlan& cell) { return cell.steps != steps; });
  return models;
}

}  // namespace

double WorkOf(const CellPlan& cell) {
  return static_cast<double>(cell.training.needed) * static_cast<double>(cell.steps);
}

double SweepPlan::Work() const {
  double work = 0;
  for (const CellPlan& cell : cells) work += WorkOf(cell);
  return work * static_cast<double>(replicas.size());
}

absl::StatusOr<SweepPlan> PlanSweep(const specs::Experiment& spec, const Selection& selection) {
  SweepPlan sweep;
  HG_ASSIGN_OR_RETURN(sweep.cells, PlanExperiment(spec));
  HG_RETURN_IF_ERROR(CheckMatch(spec, sweep.cells));
  if (!selection.cell.empty()) HG_RETURN_IF_ERROR(KeepCell(spec, selection.cell, sweep));
  if (selection.budget) HG_RETURN_IF_ERROR(KeepBudget(spec, *selection.budget, sweep));
  for (int64_t replica = 0; replica < spec.replicas(); ++replica) {
    if (replica == selection.replica.value_or(replica)) sweep.replicas.push_back(replica);
  }
  if (!sweep.replicas.empty()) return sweep;
  return UsageError(absl::StrCat(spec.name(), " has no replica ", *selection.replica,
                                 "; there are: 0 to ", spec.replicas() - 1));
}

void Announce(const specs::Experiment& spec, const SweepPlan& sweep, const Environment& environment,
              Progress& progress) {
  const std::vector<CellPlan> models = Models(sweep);
  progress.Line(absl::StrFormat("%s: %d models x %d seeds, %s steps of %d x %s bytes", spec.name(),
                                models.size(), sweep.replicas.size(), BudgetNames(sweep),
                                spec.training().batch(), LengthNames(models)));
  const int width = LabelWidth(models);
  for (const CellPlan& cell : models) {
    std::string line = absl::StrFormat("  %-*s %9d parameters, %.4f needed training MFLOP/byte",
                                       width, cell.cell.label(), cell.parameters,
                                       1e-6 * cell.PerByte(cell.training.needed));
    if (cell.mismatch) absl::StrAppendFormat(&line, ", mismatch %+.2f %%", 100 * *cell.mismatch);
    if (!cell.recomputed.empty()) {
      absl::StrAppend(&line, ", recomputed: ", absl::StrJoin(cell.recomputed, ", "));
    }
    progress.Line(line);
  }
  if (environment.source.dirty) {
    progress.Line(
        "warning: dirty work tree, the program was built from files that are not in a commit");
  }
  for (const std::string& warning : environment.warnings) progress.Line("warning: " + warning);
}

}  // namespace hourglass
