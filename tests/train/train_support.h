#pragma once
// Small models, and what the tests of training do with them again and again.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "hourglass/model/language_model.h"
#include "hourglass/runtime/state.h"
#include "hourglass/train/trainer.h"

namespace hourglass::testing {

// Vocabulary 11, d 16, f 20, 2 heads, average/repeat.
ModelConfig TinyConfig(const std::string& hierarchy, double dropout = 0.0);
std::shared_ptr<const LanguageModel> MakeModel(const ModelConfig& config);

// Batch 4 of length 12 in f64, constant rate.
TrainSettings TinySettings();

std::unique_ptr<Trainer> MakeTrainer(const ModelConfig& config, const TrainSettings& settings,
                                     std::shared_ptr<Backend> backend);

// Steps that must succeed.
std::vector<StepResult> TrainSteps(Trainer& trainer, int steps);

// All numbers of an arena ("gradients") or tensor.
std::vector<double> Numbers(const State& state, const std::string& name);

// Largest absolute difference over the largest absolute value of `want`.
double RelativeError(const std::vector<double>& got, const std::vector<double>& want);

// A parameter of tests that run on several backends.
struct BackendCase {
  const char* name;
  std::shared_ptr<Backend> (*make)();
  DType dtype;
};
void PrintTo(const BackendCase& backend, std::ostream* out);
std::string CaseName(const ::testing::TestParamInfo<BackendCase>& info);
// f32, and bf16 where this CPU multiplies it.
std::vector<BackendCase> OneDnnCases();

// An empty folder of the running test.
std::string TestFolder();

// Path of tests/golden/parity/NAME.safetensors.
std::string FixturePath(const std::string& name);

}  // namespace hourglass::testing
