// Training with bf16 products: what stays f32, agreement of the backends node by node, loss curves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/runtime/compare_programs.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/host_values.h"
#include "hourglass/train/safetensors.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::MakeModel;
using testing::MakeTrainer;
using testing::TestFolder;
using testing::TinyConfig;
using testing::TinySettings;
using testing::TrainSteps;

ModelConfig Resampled(const char* shortening, const char* upsampling, double dropout,
                      const char* query = "linear") {
  ModelConfig config = TinyConfig("1@1 1@3 1@1", dropout);
  config.shortening = shortening;
  config.upsampling = upsampling;
  if (config.shortening == "attention") config.shortening_query = query;
  if (config.upsampling == "attention") config.upsampling_query = query;
  return config;
}

ModelConfig WithAttention(const char* kind, double dropout) {
  ModelConfig config = TinyConfig("2@1", dropout);
  config.vanilla_attention = config.middle_attention = kind;
  return config;
}

struct NamedModel {
  const char* name;
  ModelConfig config;
};
void PrintTo(const NamedModel& model, std::ostream* out) { *out << model.name; }

std::vector<NamedModel> Models() {
  ModelConfig no_query = Resampled("attention", "attention", 0.1);
  no_query.shortening_query = "average";
  no_query.upsampling_query = "none";
  return {
      {"relative", WithAttention("relative", 0.1)},
      {"softmax", WithAttention("softmax", 0.0)},
      {"softmax_rotary", WithAttention("softmax_rotary", 0.1)},
      {"average_repeat", Resampled("average", "repeat", 0.1)},
      {"linear_linear", Resampled("linear", "linear", 0.1)},
      {"attention_attention", Resampled("attention", "attention", 0.1)},
      {"attention_attention_no_query", no_query},
  };
}

TrainSettings Settings(DType dtype) {
  TrainSettings settings = TinySettings();
  settings.dtype = dtype;
  return settings;
}

RecordedStep Record(const ModelConfig& config, DType dtype) {
  auto step = BuildAccumulateGraph(*MakeModel(config), {2, 12, dtype});
  EXPECT_TRUE(step.ok()) << step.status();
  return *std::move(step);
}

class Bf16ModelTest : public ::testing::TestWithParam<NamedModel> {};
INSTANTIATE_TEST_SUITE_P(All, Bf16ModelTest, ::testing::ValuesIn(Models()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Bf16ModelTest, ProductsAreBf16AndSumsAreF32) {
  const RecordedStep step = Record(GetParam().config, DType::kBF16);
  const Graph& graph = step.graph;
  int weight_casts = 0;
  for (const Node& node : graph.nodes()) {
    const std::string_view op = node.op->Name();
    const DType first = graph.spec(node.inputs.empty() ? node.outputs[0] : node.inputs[0]).dtype;
    const DType out = graph.spec(node.outputs[0]).dtype;
    if (op == "matmul" || op == "attention" || op == "attention_grad" || op == "gelu") {
      EXPECT_EQ(first, DType::kBF16) << op << " in " << node.scope;
    } else if (op == "cast") {
      weight_casts += graph.info(node.inputs[0]).kind == ValueKind::kState ? 1 : 0;
    } else if (op != "dropout" && op != "gelu_grad" && op != "rotary" && op != "column_sum" &&
               op != "shift_rows" && op != "reshape") {
      EXPECT_EQ(first == DType::kI32 ? out : first, DType::kF32) << op << " in " << node.scope;
    }
    if (op == "accumulate" || op == "column_sum" || op == "add") {
      EXPECT_EQ(out, DType::kF32) << op << " in " << node.scope;
    }
  }
  // Every weight of a product is cast once.
  std::set<std::string> weights;
  const ParameterTable parameters = ParametersOf(*MakeModel(GetParam().config)).value();
  for (const Parameter& parameter : parameters.parameters()) {
    if (parameter.name.ends_with("weight")) weights.insert(parameter.name);
  }
  EXPECT_EQ(weight_casts, static_cast<int>(weights.size()));
}

TEST_P(Bf16ModelTest, F32GraphsHaveNoCast) {
  const RecordedStep step = Record(GetParam().config, DType::kF32);
  for (const Node& node : step.graph.nodes()) EXPECT_NE(node.op->Name(), "cast") << node.scope;
}

// Parameters that leave no mean or sum at zero, where rounding would be all there is.
void Perturb(State& state) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0.0, 0.2);
  std::vector<double> parameters = testing::Numbers(state, "parameters");
  for (double& number : parameters) number += normal(random);
  ASSERT_TRUE(WriteState(state, "parameters", parameters).ok());
}

// Each node on the same inputs. Results are rounded to bf16 once, from f32 sums in another order:
// they differ by one step of bf16, at most 2^-7 of the largest element. Attention rounds its
// queries, its probabilities and the gradients of its scores on the way: three steps.
TEST_P(Bf16ModelTest, OneDnnAgreesWithTheReferenceNodeByNode) {
  const auto model = MakeModel(GetParam().config);
  const ParameterTable parameters = ParametersOf(*model).value();
  ProgramOptions options;
  options.memory.keep_all = true;
  const auto compile = [&](const std::shared_ptr<Backend>& backend) {
    const auto state =
        State::Create(MakeStateSpec(parameters, DType::kBF16, true), backend).value();
    EXPECT_TRUE(InitialiseParameters(*state, parameters, 5).ok());
    Perturb(*state);
    return Program::Compile(Record(GetParam().config, DType::kBF16).graph, backend, state, options);
  };
  const auto reference = compile(MakeReferenceBackend()), onednn = compile(MakeOneDnnBackend());
  ASSERT_TRUE(reference.ok()) << reference.status();
  if (!CpuSupportsBf16()) {
    EXPECT_EQ(onednn.status().code(), absl::StatusCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(onednn.ok()) << onednn.status();
  const auto &want = *reference, &got = *onednn;
  std::vector<int32_t> tokens(24);
  ASSERT_TRUE(RandomTokens(11).Fill(4, 0, 2, 12, tokens.data()).ok());
  const uint32_t overwrite = 1, random[] = {1, 2, 3, 4};
  const double weight = 1.0;
  ASSERT_TRUE(want->SetInput("tokens", tokens.data(), tokens.size() * 4).ok());
  ASSERT_TRUE(want->SetInput("overwrite", &overwrite, 4).ok());
  ASSERT_TRUE(SetFloatInput(*want, "loss_weight", std::span(&weight, 1)).ok());
  if (want->HasInput("random")) {
    ASSERT_TRUE(want->SetInput("random", random, sizeof(random)).ok());
  }
  const auto difference = ComparePrograms(*want, *got, 3 * 0x1p-7);
  ASSERT_TRUE(difference.ok()) << difference.status();
  EXPECT_EQ(difference->node, -1) << difference->description;
  EXPECT_GT(difference->worst, 0.0);
}

// A number rounded to bf16 is wrong by 2^-9 of itself. About ten roundings follow one another in
// these models, and the loss starts at ln 11.
const double kLossBound = 10 * 0x1p-9 * std::log(11);

TEST_P(Bf16ModelTest, LossStaysNearThatOfF32) {
  constexpr int kSteps = 15;
  const auto losses = [&](std::shared_ptr<Backend> backend, DType dtype) {
    TrainSettings settings = Settings(dtype);
    settings.schedule.rate = 0.003;
    const auto trainer = MakeTrainer(GetParam().config, settings, std::move(backend));
    std::vector<int32_t> tokens(4 * 12);  // one batch, to be learned by heart
    EXPECT_TRUE(RandomTokens(11).Fill(9, 0, 4, 12, tokens.data()).ok());
    std::vector<double> result;
    for (int i = 0; i < kSteps; ++i) result.push_back(trainer->StepOn(tokens.data())->loss);
    return result;
  };
  std::vector<std::shared_ptr<Backend>> backends = {MakeReferenceBackend()};
  if (CpuSupportsBf16()) backends.push_back(MakeOneDnnBackend());
  for (const auto& backend : backends) {
    const std::vector<double> f32 = losses(backend, DType::kF32);
    const std::vector<double> bf16 = losses(backend, DType::kBF16);
    EXPECT_LT(f32.back(), f32.front() - 0.2) << "nothing was learned";
    EXPECT_NE(f32[1], bf16[1]);
    for (int i = 0; i < kSteps; ++i) {
      const size_t step = static_cast<size_t>(i);
      EXPECT_NEAR(bf16[step], f32[step], kLossBound) << backend->Name() << " step " << i;
    }
  }
}

TEST(Bf16CheckpointTest, HoldsF32AndCanBeReadInF32) {
  const std::string path = TestFolder() + "/c.safetensors";
  const auto trainer =
      MakeTrainer(TinyConfig("1@1"), Settings(DType::kBF16), MakeReferenceBackend());
  TrainSteps(*trainer, 2);
  ASSERT_TRUE(trainer->Save(path, {}).ok());
  const auto file = Safetensors::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Find("output.weight")->dtype, FileDType::kF32);
  EXPECT_EQ(file->Find("adam_v.output.weight")->dtype, FileDType::kF32);
  const auto other = State::Create(MakeStateSpec(trainer->parameters(), DType::kF32, false),
                                   MakeReferenceBackend());
  ASSERT_TRUE(LoadCheckpoint(path, **other, trainer->parameters(), trainer->model().config(),
                             /*optimizer=*/false)
                  .ok());
  EXPECT_EQ(testing::Numbers(**other, "parameters"),
            testing::Numbers(*trainer->state(), "parameters"));
  const auto f32 = MakeTrainer(TinyConfig("1@1"), Settings(DType::kF32), MakeReferenceBackend());
  EXPECT_EQ(f32->Restore(path).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace hourglass
