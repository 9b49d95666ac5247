#include "tests/train/train_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/runfiles.h"
#include "hourglass/model/hourglass_lm.h"
#include "hourglass/train/host_values.h"

namespace hourglass::testing {

ModelConfig TinyConfig(const std::string& hierarchy, double dropout) {
  ModelConfig config;
  config.vocab_size = 11;
  config.d_model = 16;
  config.d_ff = 20;
  config.n_heads = 2;
  config.hierarchy = hierarchy;
  config.dropout = dropout;
  return config;
}

std::shared_ptr<const LanguageModel> MakeModel(const ModelConfig& config) {
  auto model = MakeHourglassLm(config);
  EXPECT_TRUE(model.ok()) << model.status();
  return std::shared_ptr<const LanguageModel>(*std::move(model));
}

TrainSettings TinySettings() {
  TrainSettings settings;
  settings.batch = 4;
  settings.length = 12;
  settings.schedule.rate = 0.01;
  settings.data_seed = 1;
  settings.init_seed = 2;
  settings.dropout_seed = 3;
  settings.dtype = DType::kF64;
  return settings;
}

std::unique_ptr<Trainer> MakeTrainer(const ModelConfig& config, const TrainSettings& settings,
                                     std::shared_ptr<Backend> backend) {
  auto trainer = Trainer::Create(MakeModel(config), std::move(backend),
                                 std::make_shared<RandomTokens>(config.vocab_size), settings);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

std::vector<StepResult> TrainSteps(Trainer& trainer, int steps) {
  std::vector<StepResult> results;
  for (int i = 0; i < steps; ++i) {
    const auto result = trainer.Step();
    EXPECT_TRUE(result.ok()) << result.status();
    results.push_back(result.value_or(StepResult{}));
  }
  return results;
}

std::vector<double> Numbers(const State& state, const std::string& name) {
  const auto values = ReadState(state, name);
  EXPECT_TRUE(values.ok()) << values.status();
  return values.value_or(std::vector<double>{});
}

double RelativeError(const std::vector<double>& got, const std::vector<double>& want) {
  EXPECT_EQ(got.size(), want.size());
  double largest = 0.0, difference = 0.0;
  for (size_t i = 0; i < want.size() && i < got.size(); ++i) {
    largest = std::max(largest, std::abs(want[i]));
    // A NaN compares false: it must not pass as equal.
    if (const double d = std::abs(got[i] - want[i]); !(d <= difference)) difference = d;
  }
  return difference / largest;
}

void PrintTo(const BackendCase& backend, std::ostream* out) { *out << backend.name; }

std::string CaseName(const ::testing::TestParamInfo<BackendCase>& info) { return info.param.name; }

std::vector<BackendCase> OneDnnCases() {
  std::vector<BackendCase> cases = {{"f32", MakeOneDnnBackend, DType::kF32}};
  if (CpuSupportsBf16()) cases.push_back({"bf16", MakeOneDnnBackend, DType::kBF16});
  return cases;
}

std::string TestFolder() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder =
      ::testing::TempDir() + "/" + info->test_suite_name() + "." + info->name();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string FixturePath(const std::string& name) {
  const auto path = FindRunfile("tests/golden/parity/" + name + ".safetensors");
  EXPECT_TRUE(path.ok()) << path.status();
  return path.value_or("");
}

}  // namespace hourglass::testing
