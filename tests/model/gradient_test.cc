// Gradients of whole models against f64 central differences along random directions, with dropout
// at every site (the fixtures have none).

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "baselines/catalog.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/base/counter_rng.h"
#include "hourglass/nn/attention.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/recompute.h"
#include "tests/model/forward_model.h"

namespace hourglass {
namespace {

constexpr double kStep = 1e-4;
constexpr double kLimit = 1e-6;  // design: relative error of f64 central differences

double Noise(const std::string& name, size_t element) {
  const CounterRng rng{11, MakeRandomSite(name), 0, 0};
  const auto draws = rng.Quad(static_cast<uint32_t>(element));
  return 2.0 * UniformFromDraws(draws[0], draws[1]) - 1.0;
}

// A model in training mode on the reference backend, with noise on all parameters.
class TrainingModel {
 public:
  TrainingModel(const ModelConfig& config, int64_t batch, int64_t length,
                const std::string& recompute = "") {
    auto model = MakeModel(config).value();
    parameters_ = ParametersOf(*model).value();
    const auto backend = MakeReferenceBackend();
    const StateSpec spec = MakeStateSpec(parameters_, DType::kF64, true);
    state_ = State::Create(spec, backend).value();
    for (const Parameter& parameter : parameters_.parameters()) {
      std::vector<double> values = InitialValues(parameter, 3);
      for (size_t i = 0; i < values.size(); ++i) values[i] += 0.3 * Noise(parameter.name, i);
      values_[parameter.name] = values;
    }
    auto step = BuildAccumulateGraph(*model, {batch, length, DType::kF64}).value();
    EXPECT_TRUE(ApplyRecompute({recompute, 0}, spec, Graph(), nullptr, step).ok());
    program_ = Program::Compile(std::move(step.graph), backend, state_).value();
    std::vector<int32_t> tokens(static_cast<size_t>(batch * length));
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int32_t>((5 * i + i / 3) % static_cast<size_t>(config.vocab_size));
    }
    const uint32_t random[4] = {17, 0, 4, 2}, overwrite = 1;
    const double weight = 1.0;
    EXPECT_TRUE(program_->SetInput("tokens", tokens.data(), tokens.size() * 4).ok());
    EXPECT_TRUE(program_->SetInput("overwrite", &overwrite, sizeof(overwrite)).ok());
    EXPECT_TRUE(program_->SetInput("loss_weight", &weight, sizeof(weight)).ok());
    if (config.dropout > 0) {
      EXPECT_TRUE(program_->SetInput("random", random, sizeof(random)).ok());
    }
  }

  // (L(step) - L(-step)) / (2 step), extrapolated to a step of zero: a slope that is small by
  // cancellation has large higher terms.
  double DifferenceQuotient() {
    const auto quotient = [&](double step) { return (Loss(step) - Loss(-step)) / (2 * step); };
    return (4 * quotient(kStep / 2) - quotient(kStep)) / 3;
  }

  // Loss at parameters + shift * direction.
  double Loss(double shift) {
    for (const auto& [name, values] : values_) {
      std::vector<double> moved = values;
      for (size_t i = 0; i < moved.size(); ++i) moved[i] += shift * Noise("direction " + name, i);
      EXPECT_TRUE(state_->Upload(name, moved.data(), moved.size() * sizeof(double)).ok());
    }
    EXPECT_TRUE(program_->Run().ok());
    return program_->GetScalar("loss").value();
  }

  // Gradient of the last run, along the direction.
  double Slope() {
    double slope = 0.0;
    for (const auto& [name, values] : values_) {
      std::vector<double> gradient(values.size());
      EXPECT_TRUE(
          state_->Download(GradientName(name), gradient.data(), gradient.size() * sizeof(double))
              .ok());
      for (size_t i = 0; i < gradient.size(); ++i) {
        slope += gradient[i] * Noise("direction " + name, i);
      }
    }
    return slope;
  }

 private:
  ParameterTable parameters_;
  std::shared_ptr<State> state_;
  std::unique_ptr<Program> program_;
  std::map<std::string, std::vector<double>> values_;
};

TEST(ModelGradient, EqualsCentralDifferences) {
  const std::array<std::string, 5> resamplings[] = {
      // hierarchy, shortening, S, upsampling, U
      {"2@1", "average", "average", "repeat", "none"},
      {"1@1 1@2 1@1", "average", "average", "repeat", "none"},
      {"1@1 1@3 0@1", "linear", "average", "linear", "none"},
      {"0@1 1@2 1@1", "attention", "average", "attention", "none"},
      {"1@1 1@2 1@4 1@2 1@1", "attention", "linear", "attention", "linear"},
      {"1@1 2@3 1@1", "attention", "average", "attention", "repeat"},
      {"1@1 1@1 1@1", "attention", "linear", "attention", "repeat"},
  };
  for (const AttentionKind& kind : AttentionKinds()) {
    for (const auto& r : resamplings) {
      for (const double dropout : {0.0, 0.2}) {
        ModelConfig config = testing::TinyConfig(r[0]);
        config.vanilla_attention = config.middle_attention = std::string(kind.name);
        config.shortening = r[1];
        config.shortening_query = r[2];
        config.upsampling = r[3];
        config.upsampling_query = r[4];
        config.dropout = dropout;
        SCOPED_TRACE(
            absl::StrCat(config.Label(), " ", config.vanilla_attention, " dropout ", dropout));
        TrainingModel model(config, 2, 7);
        const double difference = model.DifferenceQuotient();
        model.Loss(0.0);
        const double slope = model.Slope();
        EXPECT_NEAR(slope / difference, 1.0, kLimit);
        EXPECT_GT(std::fabs(difference), 1e-3);
      }
    }
  }
}

TEST(ModelGradient, EqualsCentralDifferencesWhenRecomputed) {
  for (const char* what : {"elementwise,blocks", "levels"}) {
    for (const AttentionKind& kind : AttentionKinds()) {
      ModelConfig config = testing::TinyConfig("1@1 2@3 1@1");
      config.vanilla_attention = config.middle_attention = std::string(kind.name);
      config.shortening = config.upsampling = "attention";
      config.dropout = 0.2;
      SCOPED_TRACE(absl::StrCat(what, " ", config.vanilla_attention));
      TrainingModel model(config, 2, 7, what);
      const double difference = model.DifferenceQuotient();
      model.Loss(0.0);
      EXPECT_NEAR(model.Slope() / difference, 1.0, kLimit);
    }
  }
}

TEST(ModelGradient, DropoutChangesTheLoss) {
  ModelConfig config = testing::TinyConfig("1@1 1@2 1@1");
  const double without = TrainingModel(config, 2, 7).Loss(0.0);
  config.dropout = 0.3;
  EXPECT_NE(TrainingModel(config, 2, 7).Loss(0.0), without);
}

}  // namespace
}  // namespace hourglass
