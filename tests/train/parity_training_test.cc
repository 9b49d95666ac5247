// Trajectory and sampling fixtures: definition and limits of parity/README section 9.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/config_json.h"
#include "hourglass/train/safetensors.h"
#include "hourglass/train/sampler.h"
#include "hourglass/train/trainer.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::FixturePath;
using testing::MakeModel;
using testing::MakeTrainer;
using testing::RelativeError;

class TrajectoryTest : public ::testing::Test {
 protected:
  void Run(std::shared_ptr<Backend> backend, DType dtype, int64_t micro_batches) {
    file_ = Safetensors::Open(FixturePath("training_trajectory")).value();
    const ModelConfig config = ModelConfigFromJson(file_.Metadata("config").value()).value();
    const Shape shape = file_.Find("batches")->shape;  // [S, B, n]
    TrainSettings settings;
    settings.batch = shape[1];
    settings.micro_batches = micro_batches;
    settings.length = shape[2];
    // The metadata `schedule` and `adam` of that file.
    settings.schedule = {ScheduleKind::kWarmupCosine, 0.01, 5, 20};
    settings.adam = {0.9, 0.98, 1e-9, 0.0};
    settings.dtype = dtype;
    trainer_ = MakeTrainer(config, settings, std::move(backend));
    ASSERT_TRUE(LoadParameters(*trainer_->state(), trainer_->parameters(), file_).ok());
    const std::vector<int32_t> batches = file_.ReadInts("batches").value();
    for (int64_t s = 0; s < shape[0]; ++s) {
      const auto step = trainer_->StepOn(batches.data() + s * shape[1] * shape[2]);
      ASSERT_TRUE(step.ok()) << step.status();
      losses_.push_back(step->loss);
      rates_.push_back(step->rate);
    }
  }

  double WorstLoss() const {
    const auto want = file_.ReadDoubles("losses").value();
    double worst = 0;
    for (size_t s = 0; s < want.size(); ++s) {
      worst = std::max(worst, std::abs(losses_[s] - want[s]) / std::abs(want[s]));
    }
    return worst;
  }

  Safetensors file_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<double> losses_, rates_;
};

TEST_F(TrajectoryTest, ReferenceF64) {
  Run(MakeReferenceBackend(), DType::kF64, 1);
  EXPECT_LT(WorstLoss(), 1e-9);
  EXPECT_LT(RelativeError(rates_, file_.ReadDoubles("rates").value()), 1e-12);
  for (const Parameter& parameter : trainer_->parameters().parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      const auto want = file_.ReadDoubles("final." + part.name).value();
      const auto got = ReadTensor(*trainer_->state(), trainer_->parameters(), part.name).value();
      double worst = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        worst = std::max(worst, std::abs(got[i] - want[i]));
      }
      EXPECT_LT(worst, 1e-7) << part.name;
    }
  }
}

TEST_F(TrajectoryTest, ReferenceF64InMicroBatches) {
  Run(MakeReferenceBackend(), DType::kF64,
      Safetensors::Open(FixturePath("training_trajectory"))->Find("batches")->shape[1]);
  EXPECT_LT(WorstLoss(), 1e-9);
}

TEST_F(TrajectoryTest, OneDnnF32) {
  Run(MakeOneDnnBackend(), DType::kF32, 1);
  EXPECT_LT(WorstLoss(), 1e-5);
}

class SamplingTest : public ::testing::Test {
 protected:
  // Length of the program is 16 at first, then that of the sample: both are crossed.
  void Compare(const std::shared_ptr<Backend>& backend, DType dtype, double limit) {
    const Safetensors file = Safetensors::Open(FixturePath("greedy_sampling")).value();
    const auto model = MakeModel(ModelConfigFromJson(file.Metadata("config").value()).value());
    const ParameterTable parameters = ParametersOf(*model).value();
    const auto state = State::Create(MakeStateSpec(parameters, dtype, false), backend).value();
    ASSERT_TRUE(LoadParameters(*state, parameters, file).ok());
    const Shape shape = file.Find("sampled")->shape;
    Sampler sampler(model, backend, state, dtype);
    const auto result = sampler.Greedy(file.ReadInts("prompt").value(), shape[0], shape[1]);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->tokens, file.ReadInts("sampled").value());
    EXPECT_LT(RelativeError(result->step_logits, file.ReadDoubles("step_logits").value()), limit);
  }
};

TEST_F(SamplingTest, ReferenceF64) { Compare(MakeReferenceBackend(), DType::kF64, 1e-10); }

TEST_F(SamplingTest, OneDnnF32) { Compare(MakeOneDnnBackend(), DType::kF32, 1e-5); }

TEST_F(SamplingTest, SenselessRequestsAreRefused) {
  const auto model = MakeModel(testing::TinyConfig("1@1"));
  const auto backend = MakeReferenceBackend();
  const ParameterTable parameters = ParametersOf(*model).value();
  const auto state = State::Create(MakeStateSpec(parameters, DType::kF64, false), backend).value();
  Sampler sampler(model, backend, state, DType::kF64);
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(sampler.Greedy({1, 2, 3}, 2, 8).status().code(), kInvalid);
  EXPECT_EQ(sampler.Greedy({1, 2, 3}, 1, 2).status().code(), kInvalid);
  EXPECT_EQ(sampler.Greedy({1, 11}, 1, 4).status().code(), kInvalid);
  EXPECT_EQ(sampler.Greedy({}, 0, 4).status().code(), kInvalid);
  EXPECT_EQ(sampler.Greedy({}, 2, 20)->tokens.size(), 40u);
  EXPECT_EQ(sampler.Greedy({1, 2}, 1, 2)->tokens, (std::vector<int32_t>{1, 2}));
}

}  // namespace
}  // namespace hourglass
