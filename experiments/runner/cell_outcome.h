#pragma once
// What is said of a run when it ends: cost, speed, divergence.

#include <cstdint>
#include <string_view>
#include <vector>

#include "experiments/runner/resume.h"
#include "hourglass/train/trainer.h"
#include "results_db/rows.h"

namespace hourglass {

results::Summary FinalValue(std::string_view metric, double value);

// Speeds over a whole run of `steps` steps of so many predicted bytes.
std::vector<results::Summary> SpeedSummaries(const RunProgress& progress, int64_t steps,
                                             int64_t bytes_per_step);

// Fills in what `steps` steps executed: kernels and FLOPs.
void DescribeWork(Trainer& trainer, int64_t steps, results::Outcome& outcome);

// Makes it the outcome of a run whose loss left the numbers, or all hope, at a step.
void EndAsDiverged(int64_t step, const StepResult& result, results::Outcome& outcome);

}  // namespace hourglass
