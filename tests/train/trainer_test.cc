#include "hourglass/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/data/byte_corpus.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/host_values.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::BackendCase;
using testing::MakeModel;
using testing::MakeTrainer;
using testing::Numbers;
using testing::RelativeError;
using testing::TestFolder;
using testing::TinyConfig;
using testing::TinySettings;
using testing::TrainSteps;

std::vector<double> GradientsAfterOneStep(const ModelConfig& config, TrainSettings settings,
                                          int64_t micro_batches, double* loss = nullptr) {
  settings.micro_batches = micro_batches;
  const auto trainer = MakeTrainer(config, settings, MakeReferenceBackend());
  const auto steps = TrainSteps(*trainer, 1);
  if (loss != nullptr) *loss = steps[0].loss;
  return Numbers(*trainer->state(), "gradients");
}

TEST(TrainerTest, MicroBatchesAddUpToTheBatch) {
  TrainSettings settings = TinySettings();
  settings.batch = 8;
  const ModelConfig config = TinyConfig("1@1 1@3 1@1");
  double whole_loss = 0;
  const std::vector<double> whole = GradientsAfterOneStep(config, settings, 1, &whole_loss);
  EXPECT_NEAR(whole_loss, std::log(11), 1.0);
  for (const int64_t parts : {2, 4, 8}) {
    double loss = 0;
    const std::vector<double> split = GradientsAfterOneStep(config, settings, parts, &loss);
    EXPECT_LT(RelativeError(split, whole), 1e-12) << parts;
    EXPECT_NEAR(loss, whole_loss, 1e-12);
    EXPECT_NE(split, whole) << "not even rounding differs: was it split at all?";
  }
}

// Masks are drawn by the index of the sequence in the run, not by its place in the micro-batch.
TEST(TrainerTest, MicroBatchesDrawTheMasksOfTheBatch) {
  TrainSettings settings = TinySettings();
  settings.batch = 8;
  const ModelConfig config = TinyConfig("1@1 1@3 1@1", 0.3);
  const std::vector<double> whole = GradientsAfterOneStep(config, settings, 1);
  EXPECT_LT(RelativeError(GradientsAfterOneStep(config, settings, 2), whole), 1e-12);
  EXPECT_LT(RelativeError(GradientsAfterOneStep(config, settings, 8), whole), 1e-12);
  settings.dropout_seed ^= uint64_t{1} << 40;
  EXPECT_GT(RelativeError(GradientsAfterOneStep(config, settings, 1), whole), 1e-3);
}

// A token that does not count shifts the weights of the micro-batches.
TEST(TrainerTest, MaskedMicroBatchesAreWeightedByWhatCounts) {
  ModelConfig config = TinyConfig("1@1 1@3 1@1");
  config.mask_id = 3;
  double whole_loss = 0, split_loss = 0;
  const std::vector<double> whole = GradientsAfterOneStep(config, TinySettings(), 1, &whole_loss);
  const std::vector<double> split = GradientsAfterOneStep(config, TinySettings(), 4, &split_loss);
  EXPECT_LT(RelativeError(split, whole), 1e-12);
  EXPECT_NEAR(split_loss, whole_loss, 1e-12);
}

TEST(TrainerTest, DropoutChangesTheLossFromStepToStep) {
  TrainSettings settings = TinySettings();
  settings.schedule.rate = 1e-300;  // nothing is learned, so only the masks differ
  std::vector<int32_t> tokens(4 * 12);
  ASSERT_TRUE(RandomTokens(11).Fill(9, 0, 4, 12, tokens.data()).ok());
  const auto losses = [&](double rate) {
    const auto trainer =
        MakeTrainer(TinyConfig("1@1 1@3 1@1", rate), settings, MakeReferenceBackend());
    std::vector<double> result;
    for (int i = 0; i < 3; ++i) result.push_back(trainer->StepOn(tokens.data())->loss);
    return result;
  };
  const std::vector<double> without = losses(0.0), with = losses(0.2);
  EXPECT_EQ(without[0], without[1]);
  EXPECT_NE(with[0], without[0]);
  EXPECT_NE(with[0], with[1]);
  EXPECT_NE(with[1], with[2]);
}

struct RunBits {
  std::vector<double> losses, norms, parameters, m, v;
  friend bool operator==(const RunBits&, const RunBits&) = default;
};

RunBits BitsOf(const Trainer& trainer, const std::vector<StepResult>& steps) {
  RunBits bits;
  for (const StepResult& step : steps) {
    bits.losses.push_back(step.loss);
    bits.norms.push_back(step.gradient_norm);
  }
  bits.parameters = Numbers(*trainer.state(), "parameters");
  bits.m = Numbers(*trainer.state(), "adam_m");
  bits.v = Numbers(*trainer.state(), "adam_v");
  return bits;
}

class TrainerOnBackendTest : public ::testing::TestWithParam<BackendCase> {
 protected:
  bool OnOneDnn() const { return GetParam().make == MakeOneDnnBackend; }
  TrainSettings Settings() const {
    TrainSettings settings = TinySettings();
    settings.dtype = GetParam().dtype;
    settings.micro_batches = 2;
    return settings;
  }
};

INSTANTIATE_TEST_SUITE_P(Reference, TrainerOnBackendTest,
                         ::testing::Values(BackendCase{"f64", MakeReferenceBackend, DType::kF64},
                                           BackendCase{"f32", MakeReferenceBackend, DType::kF32},
                                           BackendCase{"bf16", MakeReferenceBackend, DType::kBF16}),
                         testing::CaseName);
INSTANTIATE_TEST_SUITE_P(OneDnn, TrainerOnBackendTest, ::testing::ValuesIn(testing::OneDnnCases()),
                         testing::CaseName);

TEST(TrainerTest, OneDnnTrainsInBf16WhereTheCpuMultipliesIt) {
  TrainSettings settings = TinySettings();
  settings.dtype = DType::kBF16;
  const auto trainer = Trainer::Create(MakeModel(TinyConfig("1@1")), MakeOneDnnBackend(),
                                       std::make_shared<RandomTokens>(11), settings);
  EXPECT_EQ(trainer.status().code(),
            CpuSupportsBf16() ? absl::StatusCode::kOk : absl::StatusCode::kUnimplemented);
}

TEST_P(TrainerOnBackendTest, TwoRunsHaveEqualBits) {
  std::vector<RunBits> runs;
  for (int run = 0; run < 2; ++run) {
    const auto trainer = MakeTrainer(TinyConfig("1@1 2@3 1@1", 0.2), Settings(), GetParam().make());
    runs.push_back(BitsOf(*trainer, TrainSteps(*trainer, 4)));
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST_P(TrainerOnBackendTest, ARestoredRunGoesOnWithEqualBits) {
  const std::string path = TestFolder() + "/checkpoint.safetensors";
  const ModelConfig config = TinyConfig("1@1 1@3 1@1", 0.2);
  const auto whole = MakeTrainer(config, Settings(), GetParam().make());
  const std::vector<StepResult> whole_steps = TrainSteps(*whole, 6);
  {
    const auto first = MakeTrainer(config, Settings(), GetParam().make());
    TrainSteps(*first, 3);
    const auto saved = first->Save(path, {{"note", "half way"}});
    ASSERT_TRUE(saved.ok()) << saved;
  }
  const auto second = MakeTrainer(config, Settings(), GetParam().make());
  TrainSteps(*second, 1);  // must leave no trace
  const auto restored = second->Restore(path);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(second->step(), 3);
  const std::vector<StepResult> steps = TrainSteps(*second, 3);
  EXPECT_EQ(BitsOf(*second, steps), BitsOf(*whole, {whole_steps.begin() + 3, whole_steps.end()}));
  EXPECT_EQ(steps.back().step, 6);
  EXPECT_EQ(ReadCheckpointInfo(path)->metadata.at("note"), "half way");
}

TEST_P(TrainerOnBackendTest, ANotFiniteLossChangesNothing) {
  const auto trainer = MakeTrainer(TinyConfig("1@1 1@3 1@1"), Settings(), GetParam().make());
  TrainSteps(*trainer, 2);
  auto embedding = Numbers(*trainer->state(), "embedding");
  for (double& number : embedding) number = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(WriteState(*trainer->state(), "embedding", embedding).ok());
  const std::vector<double> output = Numbers(*trainer->state(), "output.weight");
  const std::vector<double> m = Numbers(*trainer->state(), "adam_m");
  const auto result = trainer->Step();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->diverged);
  EXPECT_FALSE(std::isfinite(result->loss));
  EXPECT_EQ(result->step, 3);
  EXPECT_EQ(trainer->step(), 2);
  EXPECT_EQ(Numbers(*trainer->state(), "output.weight"), output);
  EXPECT_EQ(Numbers(*trainer->state(), "adam_m"), m);
}

// The loss is finite, but the squares of its gradient are not: the update itself must hold back.
TEST_P(TrainerOnBackendTest, ANotFiniteGradientChangesNothing) {
  const auto trainer = MakeTrainer(TinyConfig("1@1"), Settings(), GetParam().make());
  const double huge = GetParam().dtype == DType::kF64 ? 1e200 : 1e25;
  auto weight = Numbers(*trainer->state(), "output.weight");
  for (double& number : weight) number *= huge;
  ASSERT_TRUE(WriteState(*trainer->state(), "output.weight", weight).ok());
  const std::vector<double> parameters = Numbers(*trainer->state(), "parameters");
  const auto result = trainer->Step();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(std::isfinite(result->loss)) << result->loss;
  EXPECT_FALSE(std::isfinite(result->gradient_norm));
  EXPECT_TRUE(result->diverged);
  EXPECT_EQ(trainer->step(), 0);
  EXPECT_EQ(Numbers(*trainer->state(), "parameters"), parameters);
}

TEST_P(TrainerOnBackendTest, CostsAreThoseOfThePlan) {
  const auto trainer = MakeTrainer(TinyConfig("1@1 1@3 1@1"), Settings(), GetParam().make());
  const auto price = PriceTraining(trainer->model(), {2, 12, GetParam().dtype});
  ASSERT_TRUE(price.ok()) << price.status();
  const StepCost cost = trainer->CostPerStep();
  EXPECT_EQ(cost.needed_flops, 2 * price->NeededFlops());
  EXPECT_EQ(cost.dense_flops, 2 * price->DenseFlops());
  EXPECT_EQ(cost.dense_trax_flops, 2 * price->DenseTraxFlops());
  EXPECT_LT(cost.needed_flops, cost.dense_flops);
  EXPECT_GE(cost.executed_flops, cost.needed_flops);
  EXPECT_GE(cost.executed_forward_flops, 2 * price->forward.needed);
  EXPECT_LT(cost.executed_forward_flops, cost.executed_flops / 2);
  if (!OnOneDnn()) {  // the reference skips nothing
    EXPECT_EQ(cost.executed_flops, cost.dense_flops + cost.recompute_flops);
    EXPECT_EQ(cost.executed_forward_flops, 2 * price->forward.dense);
  }
  EXPECT_GE(trainer->PlannedBytes(), price->planned_bytes);
}

// Adam written out for the first step: both corrections cancel the (1 - beta) factors (C1).
TEST(TrainerTest, TheFirstStepIsAdamWithClipping) {
  TrainSettings settings = TinySettings();
  settings.adam.clip_norm = 0.01;
  settings.adam.epsilon = 1e-3;
  settings.schedule.warmup = 4;
  const auto trainer = MakeTrainer(TinyConfig("1@1"), settings, MakeReferenceBackend());
  const std::vector<double> before = Numbers(*trainer->state(), "parameters");
  const StepResult step = TrainSteps(*trainer, 1)[0];
  EXPECT_DOUBLE_EQ(step.rate, 0.01 / 4);
  EXPECT_NEAR(step.bits_per_byte, step.loss / std::numbers::ln2, 1e-15);
  const std::vector<double> gradients = Numbers(*trainer->state(), "gradients");
  double squares = 0;
  for (const double g : gradients) squares += g * g;
  EXPECT_NEAR(step.gradient_norm, std::sqrt(squares), 1e-12);
  ASSERT_GT(step.gradient_norm, settings.adam.clip_norm);
  const std::vector<double> after = Numbers(*trainer->state(), "parameters");
  for (size_t i = 0; i < after.size(); ++i) {
    const double g = gradients[i] * 0.01 / std::sqrt(squares);
    ASSERT_NEAR(after[i], before[i] - step.rate * g / (std::abs(g) + 1e-3), 1e-12) << i;
  }
}

// Two factors share every parameter with average and repeat; each step must be what it would be on
// a State of its own.
TEST(TrainerTest, ProgramsOfTwoFactorsAlternateOnOneState) {
  const auto backend = MakeReferenceBackend();
  std::vector<std::shared_ptr<const LanguageModel>> models = {MakeModel(TinyConfig("1@1 2@1 1@1")),
                                                              MakeModel(TinyConfig("1@1 2@2 1@1")),
                                                              MakeModel(TinyConfig("1@1 2@3 1@1"))};
  const ParameterTable parameters = ParametersOf(*models[0]).value();
  const StateSpec spec = MakeStateSpec(parameters, DType::kF64, true);
  const auto shared = State::Create(spec, backend).value();
  ASSERT_TRUE(InitialiseParameters(*shared, parameters, 1).ok());

  // One step of a model on a State, with a length of its own for each factor.
  struct Programs {
    std::unique_ptr<Program> accumulate, update;
    int64_t length;
  };
  const auto compile = [&](size_t which, const std::shared_ptr<State>& state) {
    const int64_t length = 10 + static_cast<int64_t>(which);
    auto step = BuildAccumulateGraph(*models[which], {2, length, DType::kF64}).value();
    return Programs{Program::Compile(std::move(step.graph), backend, state).value(),
                    Program::Compile(BuildUpdateGraph(spec, {}).value(), backend, state).value(),
                    length};
  };
  const auto run = [&](Programs& programs, int64_t number) {
    std::vector<int32_t> tokens(static_cast<size_t>(2 * programs.length));
    ASSERT_TRUE(RandomTokens(11).Fill(4, number, 2, programs.length, tokens.data()).ok());
    const uint32_t overwrite = 1;
    const double weight = 1.0,
                 scalars[3] = {0.01, 1 - std::pow(0.9, number), 1 - std::pow(0.98, number)};
    Program& accumulate = *programs.accumulate;
    ASSERT_TRUE(accumulate.SetInput("tokens", tokens.data(), tokens.size() * 4).ok());
    ASSERT_TRUE(accumulate.SetInput("overwrite", &overwrite, 4).ok());
    ASSERT_TRUE(SetFloatInput(accumulate, "loss_weight", std::span(&weight, 1)).ok());
    ASSERT_TRUE(accumulate.Run().ok());
    ASSERT_TRUE(SetFloatInput(*programs.update, "scalars", scalars).ok());
    ASSERT_TRUE(programs.update->Run().ok());
  };

  std::vector<Programs> alternating;
  for (size_t which = 0; which < models.size(); ++which) {
    alternating.push_back(compile(which, shared));
  }
  std::vector<double> want[3] = {Numbers(*shared, "parameters"), Numbers(*shared, "adam_m"),
                                 Numbers(*shared, "adam_v")};
  const char* const arenas[3] = {"parameters", "adam_m", "adam_v"};
  const size_t order[] = {0, 1, 2, 1, 0, 2, 2};
  for (int64_t number = 1; number <= 7; ++number) {
    const size_t which = order[number - 1];
    const auto own = State::Create(spec, backend).value();
    for (int a = 0; a < 3; ++a) ASSERT_TRUE(WriteState(*own, arenas[a], want[a]).ok());
    Programs alone = compile(which, own);
    run(alone, number);
    run(alternating[which], number);
    for (int a = 0; a < 3; ++a) {
      want[a] = Numbers(*own, arenas[a]);
      ASSERT_EQ(Numbers(*shared, arenas[a]), want[a]) << "step " << number << " " << arenas[a];
    }
  }
}

TEST(TrainerTest, SenselessSettingsAreRefused) {
  const auto code = [](auto change) {
    TrainSettings settings = TinySettings();
    change(settings);
    return Trainer::Create(MakeModel(TinyConfig("1@1")), MakeReferenceBackend(),
                           std::make_shared<RandomTokens>(11), settings)
        .status()
        .code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](TrainSettings&) {}), absl::StatusCode::kOk);
  EXPECT_EQ(code([](TrainSettings& s) { s.batch = 0; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.length = 0; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.micro_batches = 3; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.micro_batches = 0; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.schedule.rate = -1; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.adam.beta1 = 1; }), kInvalid);
  EXPECT_EQ(code([](TrainSettings& s) { s.dtype = DType::kI32; }), kInvalid);
}

TEST(TrainerTest, DataBeyondTheVocabularyIsRefused) {
  const auto trainer = Trainer::Create(MakeModel(TinyConfig("1@1")), MakeReferenceBackend(),
                                       std::make_shared<RandomTokens>(12), TinySettings());
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TrainerTest, DataShorterThanASequenceIsRefusedBeforeTheFirstStep) {
  ModelConfig config = TinyConfig("1@1");
  config.vocab_size = 256;
  const auto corpus = ByteCorpus::FromBytes("short", std::string(11, 'x')).value();
  const auto trainer =
      Trainer::Create(MakeModel(config), MakeReferenceBackend(),
                      std::make_shared<ByteWindows>(corpus, ByteRange{0, 11}), TinySettings());
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kDataLoss) << trainer.status();
}

TEST(TrainerTest, ABackendWithoutTheDTypeSaysSoBeforeTheFirstStep) {
  const auto trainer = Trainer::Create(MakeModel(TinyConfig("1@1")), MakeOneDnnBackend(),
                                       std::make_shared<RandomTokens>(11), TinySettings());
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kUnimplemented) << trainer.status();
}

TEST(TrainerTest, ACheckpointOfOtherSettingsIsRefused) {
  const std::string path = TestFolder() + "/checkpoint";
  const auto saved = MakeTrainer(TinyConfig("1@1", 0.1), TinySettings(), MakeReferenceBackend());
  ASSERT_TRUE(saved->Save(path).ok());
  const auto message = [&](const ModelConfig& config, const TrainSettings& settings) {
    const auto trainer = MakeTrainer(config, settings, MakeReferenceBackend());
    const absl::Status status = trainer->Restore(path);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  };
  TrainSettings other = TinySettings();
  other.data_seed = 99;
  EXPECT_NE(message(TinyConfig("1@1", 0.1), other).find("train.data_seed = 1, not 99"),
            std::string::npos);
  EXPECT_NE(message(TinyConfig("1@1", 0.2), TinySettings()).find("dropout"), std::string::npos);
  EXPECT_NE(message(TinyConfig("2@1", 0.1), TinySettings()).find("hierarchy"), std::string::npos);
}

}  // namespace
}  // namespace hourglass
