#include "hourglass/train/graphs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/graph/gradient.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/optimizer.h"
#include "hourglass/runtime/memory_plan.h"
#include "hourglass/runtime/program.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/host_values.h"
#include "hourglass/train/price.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::MakeModel;
using testing::Numbers;
using testing::TinyConfig;

constexpr StepShape kShape{2, 12, DType::kF64};

TEST(StateSpecTest, AllArenasHaveTheSameLayout) {
  const auto model = MakeModel(TinyConfig("1@1 1@3 1@1"));
  const ParameterTable parameters = ParametersOf(*model).value();
  const StateSpec spec = MakeStateSpec(parameters, DType::kF32, true);
  ASSERT_EQ(spec.arenas().size(), 4u);
  for (const auto& arena : spec.arenas()) {
    EXPECT_EQ(arena.elements, spec.arenas()[0].elements) << arena.name;
  }
  for (const Parameter& parameter : parameters.parameters()) {
    const StateSpec::Entry* own = spec.Find(parameter.name);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->spec, (TensorSpec{parameter.shape, DType::kF32}));
    for (const std::string& name :
         {GradientName(parameter.name), AdamMName(parameter.name), AdamVName(parameter.name)}) {
      ASSERT_NE(spec.Find(name), nullptr) << name;
      EXPECT_EQ(spec.Find(name)->byte_offset, own->byte_offset) << name;
      EXPECT_EQ(spec.Find(name)->spec, own->spec) << name;
    }
  }
  EXPECT_EQ(MakeStateSpec(parameters, DType::kF32, false).arenas().size(), 1u);
}

TEST(AccumulateGraphTest, EveryParameterIsAccumulatedOnce) {
  const auto model = MakeModel(TinyConfig("1@1 1@3 1@1"));
  const auto step = BuildAccumulateGraph(*model, kShape);
  ASSERT_TRUE(step.ok()) << step.status();
  std::multiset<std::string> accumulated;
  for (const Node& node : step->graph.nodes()) {
    if (node.op->Name() == "accumulate") {
      accumulated.insert(step->graph.info(node.inputs[0]).name);
    }
  }
  std::multiset<std::string> wanted;
  const ParameterTable parameters = ParametersOf(*model).value();
  for (const Parameter& parameter : parameters.parameters()) {
    wanted.insert(GradientName(parameter.name));
  }
  EXPECT_EQ(accumulated, wanted);
}

// The value of a gradient must be read by nothing after the node that adds it, or it was not
// complete.
TEST(AccumulateGraphTest, AGradientIsAddedRightAfterItsLastTerm) {
  const auto model = MakeModel(TinyConfig("2@1 1@3 2@1"));
  const auto step = BuildAccumulateGraph(*model, kShape);
  ASSERT_TRUE(step.ok()) << step.status();
  const auto& nodes = step->graph.nodes();
  int far = 0;
  for (int n = 0; n < static_cast<int>(nodes.size()); ++n) {
    if (nodes[n].op->Name() != "accumulate") continue;
    // Other gradients of the same node may stand between.
    const int made = step->graph.info(nodes[n].inputs[1]).node;
    for (int between = made + 1; between < n; ++between) {
      const std::string& scope = nodes[between].scope;
      if (nodes[between].op->Name() != "accumulate" && scope != nodes[made].scope) ++far;
    }
  }
  EXPECT_EQ(far, 0);
}

// The same pass with all gradients added at its end has to keep them all till then.
TEST(AccumulateGraphTest, GradientsAreNotKeptToTheEnd) {
  ModelConfig config = TinyConfig("6@1");
  config.d_model = 64;
  config.d_ff = 256;
  const auto model = MakeModel(config);
  const StepShape shape{1, 4, DType::kF32};
  const auto step = BuildAccumulateGraph(*model, shape);
  ASSERT_TRUE(step.ok()) << step.status();
  const ParameterTable parameters = ParametersOf(*model).value();
  const StateSpec spec = MakeStateSpec(parameters, shape.dtype, true);
  const auto plan = PlanMemory(step->graph, spec, {});
  ASSERT_TRUE(plan.ok()) << plan.status();

  Graph late = BuildEvaluateGraph(*model, shape).value();
  Value loss;
  for (const auto& [name, value] : late.outputs()) {
    if (name == "loss") loss = value;
  }
  const Value overwrite = late.Input("overwrite", {Shape{1}, DType::kU32});
  const Value seed = late.Input("loss_weight", late.spec(loss));
  std::vector<Value> wrt;
  for (const Parameter& parameter : parameters.parameters()) {
    wrt.push_back(late.State(parameter.name, {parameter.shape, shape.dtype}));
  }
  const auto gradients = AppendGradients(late, loss, seed, wrt).value();
  for (size_t i = 0; i < wrt.size(); ++i) {
    const Value total =
        late.State(GradientName(parameters.parameters()[i].name), late.spec(*gradients[i]));
    late.Add1(std::make_shared<AccumulateOp>(), {total, *gradients[i], overwrite});
  }
  const auto late_plan = PlanMemory(late, spec, {});
  ASSERT_TRUE(late_plan.ok()) << late_plan.status();
  // Nearly all memory of so short a sequence is gradients; six layers, of which one is under way.
  EXPECT_LT(plan->temporary_bytes * 3, late_plan->temporary_bytes);
}

class AccumulateProgramTest : public ::testing::Test {
 protected:
  void Compile(std::shared_ptr<const LanguageModel> model) {
    model_ = std::move(model);
    parameters_ = ParametersOf(*model_).value();
    auto backend = MakeReferenceBackend();
    state_ = State::Create(MakeStateSpec(parameters_, DType::kF64, true), backend).value();
    ASSERT_TRUE(InitialiseParameters(*state_, parameters_, 5).ok());
    auto step = BuildAccumulateGraph(*model_, kShape);
    ASSERT_TRUE(step.ok()) << step.status();
    auto program = Program::Compile(std::move(step->graph), backend, state_);
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
  }

  void Run(uint64_t sequence, uint32_t overwrite, double weight) {
    std::vector<int32_t> tokens(2 * 12);
    ASSERT_TRUE(
        RandomTokens(11).Fill(1, static_cast<int64_t>(sequence), 2, 12, tokens.data()).ok());
    ASSERT_TRUE(program_->SetInput("tokens", tokens.data(), tokens.size() * 4).ok());
    ASSERT_TRUE(program_->SetInput("overwrite", &overwrite, 4).ok());
    ASSERT_TRUE(SetFloatInput(*program_, "loss_weight", std::span(&weight, 1)).ok());
    const auto status = program_->Run();
    ASSERT_TRUE(status.ok()) << status;
  }

  std::shared_ptr<const LanguageModel> model_;
  ParameterTable parameters_;
  std::shared_ptr<State> state_;
  std::unique_ptr<Program> program_;
};

TEST_F(AccumulateProgramTest, TheFirstMicroBatchOverwritesAndLaterOnesAdd) {
  Compile(MakeModel(TinyConfig("1@1 1@3 1@1")));
  const std::vector<double> junk(Numbers(*state_, "gradients").size(), 1e6);
  ASSERT_TRUE(WriteState(*state_, "gradients", junk).ok());
  for (const Parameter& parameter : parameters_.parameters()) {
    const std::string name = GradientName(parameter.name);
    ASSERT_TRUE(
        WriteState(*state_, name, std::vector<double>(Numbers(*state_, name).size(), 1e6)).ok());
  }
  const auto gradients = [&] {
    std::vector<double> all;
    for (const Parameter& parameter : parameters_.parameters()) {
      const auto own = Numbers(*state_, GradientName(parameter.name));
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  };
  Run(0, 1, 0.25);
  const std::vector<double> first = gradients();
  Run(2, 1, 0.5);
  const std::vector<double> second = gradients();
  Run(0, 1, 0.25);
  Run(2, 0, 0.5);
  const std::vector<double> sum = gradients();
  double largest = 0;
  for (size_t i = 0; i < sum.size(); ++i) {
    EXPECT_EQ(sum[i], first[i] + second[i]);  // one addition, so equal bits
    largest = std::max(largest, std::abs(sum[i]));
  }
  EXPECT_GT(largest, 0.01);
  EXPECT_LT(largest, 100);
}

// A model with one parameter that its loss does not depend on.
class WithIdleParameter : public LanguageModel {
 public:
  explicit WithIdleParameter(std::shared_ptr<const LanguageModel> inner)
      : inner_(std::move(inner)) {}
  const ModelConfig& config() const override { return inner_->config(); }
  ModelOutputs Build(const Scope& scope, const ModelInputs& inputs) const override {
    scope.Parameter("idle", Shape{5}, Initializer::kOnes);
    return inner_->Build(scope, inputs);
  }

 private:
  std::shared_ptr<const LanguageModel> inner_;
};

// The norm of all gradients reads the whole arena: nothing of an earlier step may stay in it.
TEST_F(AccumulateProgramTest, AParameterWithoutAGradientGetsZero) {
  Compile(std::make_shared<WithIdleParameter>(MakeModel(TinyConfig("1@1"))));
  ASSERT_TRUE(WriteState(*state_, GradientName("idle"), std::vector<double>(5, 1e6)).ok());
  Run(0, 1, 1.0);
  EXPECT_EQ(Numbers(*state_, GradientName("idle")), std::vector<double>(5, 0.0));
  EXPECT_NE(Numbers(*state_, GradientName("embedding")), std::vector<double>(11 * 16, 0.0));
}

TEST(AccumulateGraphTest, DropoutIsRecordedOnlyForTraining) {
  const auto has_input = [](const Graph& graph, const std::string& name) {
    return std::any_of(graph.values().begin(), graph.values().end(), [&](const ValueInfo& value) {
      return value.kind == ValueKind::kInput && value.name == name;
    });
  };
  const auto with = MakeModel(TinyConfig("1@1 1@3 1@1", 0.1));
  const auto without = MakeModel(TinyConfig("1@1 1@3 1@1"));
  EXPECT_TRUE(has_input(BuildAccumulateGraph(*with, kShape)->graph, "random"));
  EXPECT_FALSE(has_input(BuildAccumulateGraph(*without, kShape)->graph, "random"));
  EXPECT_FALSE(has_input(*BuildEvaluateGraph(*with, kShape), "random"));
}

TEST(AccumulateGraphTest, SenselessShapesAreRefused) {
  const auto model = MakeModel(TinyConfig("1@1"));
  EXPECT_EQ(BuildAccumulateGraph(*model, {0, 4, DType::kF64}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BuildEvaluateGraph(*model, {1, 0, DType::kF64}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BuildEvaluateGraph(*model, {1, int64_t{1} << 60, DType::kF64}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BuildAccumulateGraph(*model, {int64_t{1} << 40, 1 << 20, DType::kF64}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UpdateGraphTest, NeedsATrainingState) {
  const auto model = MakeModel(TinyConfig("1@1"));
  const StateSpec spec = MakeStateSpec(ParametersOf(*model).value(), DType::kF64, false);
  EXPECT_EQ(BuildUpdateGraph(spec, {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(UpdateGraphTest, SenselessSettingsAreRefused) {
  const StateSpec spec;
  for (const AdamSettings& adam :
       {AdamSettings{1.0, 0.98, 1e-9, 0}, AdamSettings{0.9, -0.1, 1e-9, 0},
        AdamSettings{0.9, 0.98, 0.0, 0}, AdamSettings{0.9, 0.98, 1e-9, -1}}) {
    EXPECT_EQ(BuildUpdateGraph(spec, adam).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// Products of vanilla attention-free work double in the backward pass; and a wider batch costs
// more.
TEST(PriceTest, CountsWhatTheGraphDoes) {
  const auto model = MakeModel(TinyConfig("0@1"));
  const auto price = PriceTraining(*model, {2, 12, DType::kF32});
  ASSERT_TRUE(price.ok()) << price.status();
  // One product, the logits: 2 n d V per sequence, twice that backwards (D2).
  EXPECT_EQ(price->forward.needed, 2 * 2 * 12 * 16 * 11);
  EXPECT_EQ(price->backward.needed, 2 * price->forward.needed);
  EXPECT_EQ(price->NeededFlops(), price->DenseFlops());
  // Embedding, norm, output (D4).
  EXPECT_EQ(price->parameters, 11 * 16 + 2 * 16 + 16 * 11 + 11);
  EXPECT_GE(price->state_bytes, 4 * 4 * price->parameters);
  EXPECT_GT(price->planned_bytes, price->state_bytes);
}

}  // namespace
}  // namespace hourglass
