#include "tests/model/forward_model.h"

#include "baselines/catalog.h"
#include "hourglass/base/check.h"
#include "hourglass/base/counter_rng.h"
#include "hourglass/base/status.h"

namespace hourglass::testing {
namespace {

constexpr uint64_t kSeed = 7;
constexpr double kNoise = 0.3;

absl::Status Upload(State& state, const Parameter& parameter, DType dtype) {
  std::vector<double> values = InitialValues(parameter, kSeed);
  const CounterRng rng{kSeed, MakeRandomSite("noise/" + parameter.name), 0, 0};
  for (size_t i = 0; i < values.size(); ++i) {
    const auto draws = rng.Quad(static_cast<uint32_t>(i));
    values[i] += kNoise * (2.0 * UniformFromDraws(draws[0], draws[1]) - 1.0);
  }
  if (dtype == DType::kF64) {
    return state.Upload(parameter.name, values.data(), values.size() * sizeof(double));
  }
  const std::vector<float> narrow(values.begin(), values.end());
  return state.Upload(parameter.name, narrow.data(), narrow.size() * sizeof(float));
}

}  // namespace

ModelConfig TinyConfig(const std::string& hierarchy) {
  ModelConfig config;
  config.vocab_size = 11;
  config.d_model = 8;
  config.d_ff = 12;
  config.n_heads = 2;
  config.hierarchy = hierarchy;
  return config;
}

absl::StatusOr<ForwardModel> ForwardModel::Create(const ModelConfig& config, int64_t batch,
                                                  int64_t length, DType dtype,
                                                  const std::shared_ptr<Backend>& backend) {
  HG_ASSIGN_OR_RETURN(const auto model, MakeModel(config));
  Graph graph;
  ParameterTable parameters;
  RecordingContext context;
  context.graph = &graph;
  context.parameters = &parameters;
  context.dtype = dtype;
  context.batch = batch;
  const Value tokens = graph.Input("tokens", {Shape{batch, length}, DType::kI32});
  graph.MarkOutput(model->Build(Scope(&context, ""), {tokens, batch, length}).logits, "logits");

  StateSpec spec;
  for (const Parameter& parameter : parameters.parameters()) {
    spec.Add("parameters", parameter.name, {parameter.shape, dtype});
  }
  HG_ASSIGN_OR_RETURN(const auto state, State::Create(std::move(spec), backend));
  for (const Parameter& parameter : parameters.parameters()) {
    HG_RETURN_IF_ERROR(Upload(*state, parameter, dtype));
  }
  ForwardModel forward;
  HG_ASSIGN_OR_RETURN(forward.program_, Program::Compile(std::move(graph), backend, state));
  return forward;
}

std::vector<double> ForwardModel::Logits(const std::vector<int32_t>& tokens) {
  HG_CHECK(program_->SetInput("tokens", tokens.data(), tokens.size() * sizeof(int32_t)).ok());
  const absl::Status status = program_->Run();
  HG_CHECK(status.ok());
  const TensorSpec spec = program_->OutputSpec("logits").value();
  std::vector<double> logits(static_cast<size_t>(spec.Elements()));
  if (spec.dtype == DType::kF64) {
    HG_CHECK(program_->GetOutput("logits", logits.data(), logits.size() * sizeof(double)).ok());
    return logits;
  }
  std::vector<float> narrow(logits.size());
  HG_CHECK(program_->GetOutput("logits", narrow.data(), narrow.size() * sizeof(float)).ok());
  return {narrow.begin(), narrow.end()};
}

}  // namespace hourglass::testing
