#include "experiments/runner/cell_outcome.h"

#include <cmath>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/runner/exit_codes.h"
#include "nlohmann/json.hpp"
#include "results_db/metrics.h"

namespace hourglass {
namespace {

// As people read it: the sign of a NaN means nothing.
std::string Number(double value) {
  return std::isnan(value) ? "NaN" : absl::StrFormat("%g", value);
}

}  // namespace

results::Summary FinalValue(std::string_view metric, double value) {
  results::Summary summary;
  summary.metric = metric;
  summary.value = value;
  return summary;
}

std::vector<results::Summary> SpeedSummaries(const RunProgress& progress, int64_t steps,
                                             int64_t bytes_per_step) {
  const auto bytes = static_cast<double>(steps * bytes_per_step);
  const auto eval_bytes = static_cast<double>(progress.eval_bytes);
  return {FinalValue(results::kTrainBytesPerSecond, bytes / progress.train_seconds),
          FinalValue(results::kStepsPerSecond, static_cast<double>(steps) / progress.train_seconds),
          FinalValue(results::kTrainWallSeconds, progress.train_seconds),
          FinalValue(results::kForwardBytesPerSecond, eval_bytes / progress.eval_seconds),
          FinalValue(results::kEvalWallSeconds, progress.eval_seconds)};
}

void DescribeWork(Trainer& trainer, int64_t steps, results::Outcome& outcome) {
  std::map<std::string, int64_t> kernels;
  const int64_t micro_steps = steps * trainer.settings().micro_batches;
  for (const auto& [name, count] : trainer.accumulate_program().Implementations()) {
    kernels[name] += count * micro_steps;
  }
  for (const auto& [name, count] : trainer.update_program().Implementations()) {
    kernels[name] += count * steps;
  }
  outcome.primitives_json = nlohmann::json(kernels).dump();
  outcome.flops_step_executed = trainer.CostPerStep().executed_flops;
  outcome.flops_executed = *outcome.flops_step_executed * steps;
}

void EndAsDiverged(int64_t step, const StepResult& result, results::Outcome& outcome) {
  outcome.status = results::RunStatus::kDiverged;
  outcome.exit_code = kExitDiverged;
  outcome.error = absl::StrCat("diverged at step ", step, ": loss ", Number(result.loss),
                               " nats/byte, gradient norm ", Number(result.gradient_norm));
}

}  // namespace hourglass
