#include "experiments/runner/planner.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "baselines/catalog.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/memory_size.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"
#include "hourglass/train/config_json.h"
#include "hourglass/train/price.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

// Length of a cosine, by the rule of spec.proto.
int64_t CycleOf(const specs::Training& training, int64_t steps) {
  if (training.cycle_steps() > 0) return training.cycle_steps();
  return std::max<int64_t>(1, steps - training.warmup_steps());
}

FlopNames Forward(const TrainingPrice& price, const TrainingPrice& trax, int64_t micro_batches) {
  return {price.forward.needed * micro_batches, price.forward.dense * micro_batches,
          trax.forward.dense_trax};
}

FlopNames Training(const TrainingPrice& price, const TrainingPrice& trax, int64_t micro_batches) {
  return {price.NeededFlops() * micro_batches, price.DenseFlops() * micro_batches,
          trax.DenseTraxFlops()};
}

absl::StatusOr<RecomputeSettings> RecomputeOf(const specs::Training& training) {
  RecomputeSettings settings;
  settings.what = training.recompute();
  if (training.has_memory_limit()) {
    HG_ASSIGN_OR_RETURN(settings.memory_limit, ParseMemorySize(training.memory_limit()));
  }
  return settings;
}

absl::StatusOr<CellPlan> PlanCell(const specs::Experiment& spec, const specs::Cell& cell) {
  const specs::Training& training = spec.training();
  CellPlan plan;
  plan.cell = cell;
  plan.config = ModelOf(spec, cell);
  HG_ASSIGN_OR_RETURN(plan.model, MakeModel(cell.family(), plan.config));
  plan.batch = training.batch();
  plan.length = LengthOf(spec, cell);
  const int64_t micro = training.micro_batches();
  HG_ASSIGN_OR_RETURN(const DType dtype, ParseDType(training.dtype()));
  const StepShape shape{training.batch() / micro, plan.length, dtype};
  HG_ASSIGN_OR_RETURN(const RecomputeSettings recompute, RecomputeOf(training));
  std::shared_ptr<Backend> backend;
  if (recompute.memory_limit > 0) {
    HG_ASSIGN_OR_RETURN(backend, MakeBackend(spec.backend()));
  }
  HG_ASSIGN_OR_RETURN(const TrainingPrice price,
                      PriceTraining(*plan.model, shape, recompute, backend.get()));
  // The paper's batch: the position maps are shared by it, so their share depends on it.
  TrainingPrice trax = price;
  if (shape.batch != CellPlan::kTraxBatch) {
    const StepShape trax_shape{CellPlan::kTraxBatch, plan.length, dtype};
    HG_ASSIGN_OR_RETURN(trax, PriceTraining(*plan.model, trax_shape));
  }
  plan.parameters = price.parameters;
  plan.forward = Forward(price, trax, micro);
  plan.training = Training(price, trax, micro);
  plan.elementwise = (price.forward.elementwise + price.backward.elementwise) * micro;
  plan.recompute = (price.forward.recompute + price.backward.recompute) * micro;
  plan.update = price.update.needed + price.update.elementwise;
  plan.state_bytes = price.state_bytes;
  plan.planned_bytes = price.planned_bytes;
  plan.recomputed = price.recomputed;
  return plan;
}

// Sets how far every plan is from the one of that label.
void AddMismatch(const std::string& label, std::vector<CellPlan>& plans) {
  for (const CellPlan& reference : plans) {
    if (reference.cell.label() != label) continue;
    const auto wanted = static_cast<double>(reference.training.needed);
    for (CellPlan& plan : plans) {
      plan.mismatch = static_cast<double>(plan.training.needed) / wanted - 1.0;
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<CellPlan>> PlanExperiment(const specs::Experiment& spec) {
  const std::vector<int64_t> budgets = BudgetsOf(spec);
  std::vector<CellPlan> plans;
  for (const specs::Cell& cell : spec.cells()) {
    absl::StatusOr<CellPlan> plan = PlanCell(spec, cell);
    if (!plan.ok()) {
      return absl::Status(plan.status().code(),
                          absl::StrCat("cell \"", cell.label(), "\": ", plan.status().message()));
    }
    plan->steps = budgets.front();
    plans.push_back(*std::move(plan));
  }
  if (spec.has_match()) AddMismatch(spec.match().reference(), plans);
  // A step costs the same whatever the budget.
  const size_t cells = plans.size();
  for (size_t budget = 1; budget < budgets.size(); ++budget) {
    for (size_t cell = 0; cell < cells; ++cell) {
      plans.push_back(plans[cell]);
      plans.back().steps = budgets[budget];
    }
  }
  return plans;
}

int LabelWidth(const std::vector<CellPlan>& plans) {
  size_t width = 0;
  for (const CellPlan& plan : plans) width = std::max(width, plan.cell.label().size());
  return static_cast<int>(width);
}

std::string LengthNames(const std::vector<CellPlan>& plans) {
  int64_t least = plans.front().length, most = least;
  for (const CellPlan& plan : plans) {
    least = std::min(least, plan.length);
    most = std::max(most, plan.length);
  }
  return least == most ? absl::StrCat(least) : absl::StrCat(least, " to ", most);
}

absl::Status CheckMatch(const specs::Experiment& spec, const std::vector<CellPlan>& plans) {
  if (!spec.has_match()) return absl::OkStatus();
  std::vector<std::string> far;
  for (const CellPlan& plan : plans) {
    if (plan.steps != plans.front().steps) break;  // the same again at another budget
    if (plan.mismatch && std::fabs(*plan.mismatch) > spec.match().tolerance()) {
      far.push_back(absl::StrFormat("\"%s\" %+.2f %%", plan.cell.label(), 100 * *plan.mismatch));
    }
  }
  if (far.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: needed training FLOPs per byte differ from \"%s\" by more than %g %%: %s. Change the "
      "cells, or allow it with --set match.tolerance=...",
      spec.name(), spec.match().reference(), 100 * spec.match().tolerance(),
      absl::StrJoin(far, ", ")));
}

absl::StatusOr<TrainSettings> TrainSettingsOf(const specs::Experiment& spec, int64_t steps,
                                              int64_t length) {
  const specs::Training& training = spec.training();
  TrainSettings settings;
  settings.batch = training.batch();
  settings.micro_batches = training.micro_batches();
  settings.length = length;
  HG_ASSIGN_OR_RETURN(settings.schedule.kind, ParseScheduleKind(training.schedule()));
  settings.schedule.rate = training.peak_rate();
  if (settings.schedule.kind == ScheduleKind::kWarmupRsqrt) {
    // The schedule wants its constant; the rate is highest at the end of the warm-up.
    settings.schedule.rate *=
        std::sqrt(static_cast<double>(std::max<int64_t>(1, training.warmup_steps())));
  }
  settings.schedule.warmup = training.warmup_steps();
  settings.schedule.cycle = CycleOf(training, steps);
  settings.adam.clip_norm = training.clip_norm();
  HG_ASSIGN_OR_RETURN(settings.dtype, ParseDType(training.dtype()));
  HG_ASSIGN_OR_RETURN(settings.recompute, RecomputeOf(training));
  HG_RETURN_IF_ERROR(settings.Validate());
  return settings;
}

std::string CanonicalJson(const specs::Experiment& spec, const CellPlan& plan) {
  const specs::Training& training = spec.training();
  const specs::Evaluation& evaluation = spec.evaluation();
  nlohmann::json json;
  json["family"] = plan.cell.family();
  json["model"] = nlohmann::json::parse(ModelConfigToJson(plan.config));
  json["model"]["dropout"] = plan.config.dropout;
  json["data"] = {{"corpus", spec.data().corpus()}, {"window_stride", spec.data().window_stride()}};
  json["training"] = {{"batch", training.batch()},
                      {"clip_norm", training.clip_norm()},
                      {"cycle_steps", CycleOf(training, plan.steps)},
                      {"dtype", training.dtype()},
                      {"length", plan.length},
                      {"micro_batches", training.micro_batches()},
                      {"peak_rate", training.peak_rate()},
                      {"schedule", training.schedule()},
                      {"steps", plan.steps},
                      {"warmup_steps", training.warmup_steps()}};
  json["evaluation"] = {{"batch", evaluation.batch()},
                        {"length", evaluation.length()},
                        {"max_windows", evaluation.max_windows()}};
  if (spec.has_test()) {
    json["test"] = {{"batch", spec.test().batch()},
                    {"length", spec.test().length()},
                    {"max_windows", spec.test().max_windows()},
                    {"step", spec.test().step()}};
  }
  return json.dump();
}

results::Config ConfigRow(const specs::Experiment& spec, const CellPlan& plan) {
  results::Config row;
  row.label = plan.cell.label();
  row.family = plan.cell.family();
  row.canonical_json = CanonicalJson(spec, plan);
  row.n_params = plan.parameters;
  row.sequence_length = row.units_per_sequence = plan.length;
  row.batch = plan.batch;
  row.flops_fwd_needed = plan.forward.needed;
  row.flops_bwd_needed = plan.training.needed - plan.forward.needed;
  row.flops_fwd_dense = plan.forward.dense;
  row.flops_bwd_dense = plan.training.dense - plan.forward.dense;
  row.flops_fwd_dense_trax = plan.forward.dense_trax;
  row.flops_elementwise = plan.elementwise;
  row.flops_optimizer = plan.update;
  row.flops_recompute = plan.recompute;
  return row;
}

}  // namespace hourglass
