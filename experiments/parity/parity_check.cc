#include "experiments/parity/parity_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "baselines/catalog.h"
#include "hourglass/base/status.h"
#include "hourglass/data/dataset.h"
#include "hourglass/runtime/program.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/config_json.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/safetensors.h"
#include "hourglass/train/sampler.h"
#include "hourglass/train/trainer.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

constexpr char kFormat[] = "hourglass-parity-1";
constexpr size_t kWorstNames = 3;

struct Limits {
  double values, trajectory, final_parameters;
};
Limits LimitsOf(DType dtype) {
  return dtype == DType::kF64 ? Limits{1e-10, 1e-9, 1e-7} : Limits{1e-5, 1e-5, 0.0};
}

absl::Status Broken(const Safetensors& file, const std::string& what) {
  return absl::DataLossError(absl::StrCat(file.path(), ": ", what));
}

double LargestOf(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

// A NaN on either side counts as infinitely far, never as equal.
absl::StatusOr<double> LargestDifference(const std::vector<double>& got,
                                         const std::vector<double>& wanted) {
  if (got.size() != wanted.size()) {
    return absl::InternalError(
        absl::StrCat("compared ", got.size(), " with ", wanted.size(), " numbers"));
  }
  double largest = 0.0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::fabs(got[i] - wanted[i]);
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
    if (std::isinf(largest)) break;
  }
  return largest;
}

absl::StatusOr<double> RelativeDifference(const std::vector<double>& got,
                                          const std::vector<double>& wanted) {
  HG_ASSIGN_OR_RETURN(const double difference, LargestDifference(got, wanted));
  return difference == 0.0 ? 0.0 : difference / LargestOf(wanted);
}

// Collects differences by tensor name and keeps the worst.
class WorstNames {
 public:
  void Add(std::string name, double difference) {
    entries_.emplace_back(difference, std::move(name));
  }
  std::vector<std::string> Names() {
    std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<std::string> names;
    for (size_t i = 0; i < std::min(kWorstNames, entries_.size()); ++i) {
      names.push_back(entries_[i].second);
    }
    return names;
  }

 private:
  std::vector<std::pair<double, std::string>> entries_;
};

// A fixture with the model it describes.
struct Fixture {
  Safetensors file;
  std::string kind;
  std::shared_ptr<const LanguageModel> model;
  ParameterTable parameters;
};

// Every tensor of the file that is neither a result nor an input must be a parameter of the model.
absl::Status ExpectOnlyKnownTensors(const Fixture& fixture) {
  std::vector<std::string> known = {"tokens", "logits", "loss",    "batches",    "losses",
                                    "rates",  "prompt", "sampled", "step_logits"};
  for (const Parameter& parameter : fixture.parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) known.push_back(part.name);
  }
  for (const auto& [name, tensor] : fixture.file.tensors()) {
    std::string bare = name;
    for (const char* prefix : {"grad.", "final."}) {
      if (absl::StartsWith(bare, prefix)) bare = bare.substr(std::string(prefix).size());
    }
    if (absl::StartsWith(bare, "aux.")) continue;
    if (std::find(known.begin(), known.end(), bare) == known.end()) {
      return Broken(fixture.file, absl::StrCat("tensor '", name, "' belongs to no parameter of ",
                                               fixture.model->config().Label()));
    }
  }
  return absl::OkStatus();
}

// No result can be near a NaN or an infinity, and every one behind it would be blamed.
absl::Status ExpectFinite(const Fixture& fixture) {
  for (const auto& [name, tensor] : fixture.file.tensors()) {
    const bool is_float = tensor.dtype == FileDType::kF64 || tensor.dtype == FileDType::kF32 ||
                          tensor.dtype == FileDType::kBF16;
    if (!is_float) continue;
    HG_ASSIGN_OR_RETURN(const std::vector<double> values, fixture.file.ReadDoubles(name));
    const auto bad = std::find_if(values.begin(), values.end(),
                                  [](double value) { return !std::isfinite(value); });
    if (bad == values.end()) continue;
    return Broken(fixture.file,
                  absl::StrCat("tensor '", name, "': element ", bad - values.begin(), " is ",
                               std::isnan(*bad) ? "NaN" : "infinite", "; write the fixture anew"));
  }
  return absl::OkStatus();
}

// Files of kind "model" say how many parameters their model has.
absl::Status ExpectParameterCount(const Fixture& fixture) {
  if (fixture.kind != "model") return absl::OkStatus();
  HG_ASSIGN_OR_RETURN(const std::string text, fixture.file.Metadata("parameters"));
  int64_t wanted = 0;
  if (!absl::SimpleAtoi(text, &wanted)) {
    return Broken(fixture.file, absl::StrCat("metadata 'parameters': '", text, "' is no count"));
  }
  const int64_t count = fixture.parameters.CountElements();
  if (count == wanted) return absl::OkStatus();
  return Broken(fixture.file,
                absl::StrCat("metadata 'parameters' says ", wanted, ", but ",
                             fixture.model->config().Label(), " of its config has ", count));
}

absl::StatusOr<Fixture> OpenFixture(const std::string& path) {
  HG_ASSIGN_OR_RETURN(Safetensors file, Safetensors::Open(path));
  HG_ASSIGN_OR_RETURN(const std::string format, file.Metadata("format"));
  if (format != kFormat) return Broken(file, absl::StrCat("format is '", format, "'"));
  Fixture fixture{std::move(file), "", nullptr, {}};
  HG_ASSIGN_OR_RETURN(fixture.kind, fixture.file.Metadata("kind"));
  HG_ASSIGN_OR_RETURN(const std::string text, fixture.file.Metadata("config"));
  const auto config = ModelConfigFromJson(text);
  if (!config.ok()) return Broken(fixture.file, std::string(config.status().message()));
  auto model = MakeModel(*config);
  if (!model.ok()) {
    const std::string what = absl::StrCat(path, ": ", std::string(model.status().message()));
    return model.status().code() == absl::StatusCode::kInvalidArgument
               ? absl::DataLossError(what)
               : absl::Status(model.status().code(), what);
  }
  fixture.model = *std::move(model);
  HG_ASSIGN_OR_RETURN(fixture.parameters, ParametersOf(*fixture.model));
  HG_RETURN_IF_ERROR(ExpectOnlyKnownTensors(fixture));
  HG_RETURN_IF_ERROR(ExpectParameterCount(fixture));
  HG_RETURN_IF_ERROR(ExpectFinite(fixture));
  return fixture;
}

// tokens-like tensor of rank `rank`; ids inside the vocabulary.
absl::StatusOr<std::vector<int32_t>> ReadTokens(const Fixture& fixture, const std::string& name,
                                                int rank, Shape* shape) {
  HG_ASSIGN_OR_RETURN(const FileTensor tensor, fixture.file.Find(name));
  if (tensor.shape.rank() != rank || tensor.shape.Elements() == 0) {
    return Broken(fixture.file, absl::StrCat("tensor '", name, "' has shape ",
                                             tensor.shape.ToString(), ", wanted rank ", rank));
  }
  *shape = tensor.shape;
  HG_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, fixture.file.ReadInts(name));
  for (const int32_t token : tokens) {
    if (token < 0 || token >= fixture.model->config().vocab_size) {
      return Broken(fixture.file, absl::StrCat("tensor '", name, "' holds id ", token,
                                               ", outside the vocabulary of ",
                                               fixture.model->config().vocab_size));
    }
  }
  return tokens;
}

absl::StatusOr<std::vector<double>> ReadExpected(const Fixture& fixture, const std::string& name,
                                                 const Shape& shape) {
  HG_ASSIGN_OR_RETURN(const FileTensor tensor, fixture.file.Find(name));
  if (!(tensor.shape == shape)) {
    return Broken(fixture.file,
                  absl::StrCat("tensor '", name, "' has shape ", tensor.shape.ToString(),
                               ", wanted ", shape.ToString()));
  }
  return fixture.file.ReadDoubles(name);
}

absl::StatusOr<std::vector<double>> OutputAsDoubles(const Program& program, const char* name) {
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, program.OutputSpec(name));
  std::vector<double> wide(static_cast<size_t>(spec.Elements()));
  if (spec.dtype == DType::kF64) {
    HG_RETURN_IF_ERROR(program.GetOutput(name, wide.data(), wide.size() * sizeof(double)));
    return wide;
  }
  std::vector<float> narrow(wide.size());
  HG_RETURN_IF_ERROR(program.GetOutput(name, narrow.data(), narrow.size() * sizeof(float)));
  return std::vector<double>(narrow.begin(), narrow.end());
}

absl::Status SetOne(Program& program, const char* name, DType dtype) {
  const double wide = 1.0;
  const float narrow = 1.0f;
  return dtype == DType::kF64 ? program.SetInput(name, &wide, sizeof(wide))
                              : program.SetInput(name, &narrow, sizeof(narrow));
}

absl::Status SetTokens(Program& program, const std::vector<int32_t>& tokens) {
  return program.SetInput("tokens", tokens.data(), tokens.size() * sizeof(int32_t));
}

absl::StatusOr<std::shared_ptr<State>> LoadState(const Fixture& fixture,
                                                 const std::shared_ptr<Backend>& backend,
                                                 DType dtype) {
  HG_ASSIGN_OR_RETURN(auto state,
                      State::Create(MakeStateSpec(fixture.parameters, dtype, true), backend));
  HG_RETURN_IF_ERROR(LoadParameters(*state, fixture.parameters, fixture.file));
  return state;
}

absl::Status CompareGradients(const Fixture& fixture, const State& state, ParityResult& result,
                              WorstNames& worst) {
  double largest_gradient = 0.0, largest_difference = 0.0;
  std::vector<std::pair<std::string, double>> differences;
  for (const Parameter& parameter : fixture.parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      const std::string name = "grad." + part.name;
      HG_ASSIGN_OR_RETURN(const auto wanted, ReadExpected(fixture, name, part.shape));
      HG_ASSIGN_OR_RETURN(const auto got,
                          ReadTensor(state, fixture.parameters, part.name, "gradient/"));
      HG_ASSIGN_OR_RETURN(const double difference, LargestDifference(got, wanted));
      differences.emplace_back(name, difference);
      largest_gradient = std::max(largest_gradient, LargestOf(wanted));
      largest_difference = std::max(largest_difference, difference);
    }
  }
  if (largest_gradient == 0.0) return Broken(fixture.file, "all gradients are zero");
  for (const auto& [name, difference] : differences) worst.Add(name, difference / largest_gradient);
  result.gradients = largest_difference / largest_gradient;
  return absl::OkStatus();
}

absl::StatusOr<ParityResult> CheckModel(const Fixture& fixture,
                                        const std::shared_ptr<Backend>& backend, DType dtype) {
  Shape shape;
  HG_ASSIGN_OR_RETURN(const auto tokens, ReadTokens(fixture, "tokens", 2, &shape));
  const StepShape step{shape[0], shape[1], dtype};
  HG_ASSIGN_OR_RETURN(auto state, LoadState(fixture, backend, dtype));
  ParityResult result;
  WorstNames worst;

  HG_ASSIGN_OR_RETURN(Graph forward, BuildEvaluateGraph(*fixture.model, step, true));
  HG_ASSIGN_OR_RETURN(auto evaluate, Program::Compile(std::move(forward), backend, state));
  HG_RETURN_IF_ERROR(SetTokens(*evaluate, tokens));
  HG_RETURN_IF_ERROR(evaluate->Run());
  HG_ASSIGN_OR_RETURN(const auto logits, OutputAsDoubles(*evaluate, "logits"));
  const Shape logits_shape{shape[0], shape[1], fixture.model->config().vocab_size};
  HG_ASSIGN_OR_RETURN(const auto wanted, ReadExpected(fixture, "logits", logits_shape));
  HG_ASSIGN_OR_RETURN(result.logits, RelativeDifference(logits, wanted));
  worst.Add("logits", *result.logits);

  HG_ASSIGN_OR_RETURN(RecordedStep training, BuildAccumulateGraph(*fixture.model, step));
  HG_ASSIGN_OR_RETURN(auto accumulate, Program::Compile(std::move(training.graph), backend, state));
  HG_RETURN_IF_ERROR(SetTokens(*accumulate, tokens));
  const uint32_t overwrite = 1;
  HG_RETURN_IF_ERROR(accumulate->SetInput("overwrite", &overwrite, sizeof(overwrite)));
  HG_RETURN_IF_ERROR(SetOne(*accumulate, "loss_weight", dtype));
  HG_RETURN_IF_ERROR(accumulate->Run());
  HG_ASSIGN_OR_RETURN(const auto loss, OutputAsDoubles(*accumulate, "loss"));
  HG_ASSIGN_OR_RETURN(const auto wanted_loss, ReadExpected(fixture, "loss", Shape{1}));
  HG_ASSIGN_OR_RETURN(result.loss, RelativeDifference(loss, wanted_loss));
  worst.Add("loss", *result.loss);

  HG_RETURN_IF_ERROR(CompareGradients(fixture, *state, result, worst));
  result.limit = LimitsOf(dtype).values;
  result.ok = *result.logits <= result.limit && *result.loss <= result.limit &&
              *result.gradients <= result.limit;
  result.worst = worst.Names();
  return result;
}

// The optimizer and the rates of a trajectory fixture, as settings.
absl::StatusOr<TrainSettings> TrajectorySettings(const Fixture& fixture, const Shape& batches,
                                                 DType dtype) {
  HG_ASSIGN_OR_RETURN(const std::string schedule_text, fixture.file.Metadata("schedule"));
  HG_ASSIGN_OR_RETURN(const std::string adam_text, fixture.file.Metadata("adam"));
  const auto schedule = nlohmann::json::parse(schedule_text, nullptr, false);
  const auto adam = nlohmann::json::parse(adam_text, nullptr, false);
  const auto number = [](const nlohmann::json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_number()
               ? object[key].get<double>()
               : NAN;
  };
  TrainSettings settings;
  settings.batch = batches[1];
  settings.length = batches[2];
  settings.dtype = dtype;
  const auto name = schedule.is_object() ? schedule.value("name", std::string()) : std::string();
  const auto kind = ParseScheduleKind(name);
  if (!kind.ok()) return Broken(fixture.file, std::string(kind.status().message()));
  const bool rsqrt = *kind == ScheduleKind::kWarmupRsqrt;
  settings.schedule.kind = *kind;
  settings.schedule.rate = number(schedule, rsqrt ? "constant" : "peak");
  settings.schedule.warmup = static_cast<int64_t>(number(schedule, "warmup"));
  if (!rsqrt) settings.schedule.cycle = static_cast<int64_t>(number(schedule, "cycle"));
  settings.adam = {number(adam, "beta1"), number(adam, "beta2"), number(adam, "epsilon"), 0.0};
  for (const double value : {settings.schedule.rate, number(schedule, "warmup"),
                             settings.adam.beta1, settings.adam.beta2, settings.adam.epsilon}) {
    if (!std::isfinite(value)) return Broken(fixture.file, "schedule or adam lacks a number");
  }
  return settings;
}

absl::Status CompareFinalParameters(const Fixture& fixture, const State& state,
                                    ParityResult& result, WorstNames& worst) {
  result.final_parameters = 0.0;
  for (const Parameter& parameter : fixture.parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      const std::string name = "final." + part.name;
      HG_ASSIGN_OR_RETURN(const auto wanted, ReadExpected(fixture, name, part.shape));
      HG_ASSIGN_OR_RETURN(const auto got, ReadTensor(state, fixture.parameters, part.name));
      HG_ASSIGN_OR_RETURN(const double difference, LargestDifference(got, wanted));
      result.final_parameters = std::max(*result.final_parameters, difference);
      worst.Add(name, difference);
    }
  }
  return absl::OkStatus();
}

// The sequences of a trajectory fixture in their order, whatever the seed.
class FixtureSequences : public Dataset {
 public:
  // tokens [steps * batch, length], ids below vocab_size.
  FixtureSequences(std::vector<int32_t> tokens, int64_t length, int64_t vocab_size)
      : tokens_(std::move(tokens)), length_(length), vocab_size_(vocab_size) {}
  int64_t vocab_size() const override { return vocab_size_; }
  absl::Status Fill(uint64_t, int64_t first_sequence, int64_t count, int64_t length,
                    int32_t* out) const override {
    const int64_t begin = first_sequence * length_, end = begin + count * length_;
    if (length != length_ || end > static_cast<int64_t>(tokens_.size())) {
      return absl::DataLossError("the fixture holds fewer batches");
    }
    std::copy(tokens_.begin() + begin, tokens_.begin() + end, out);
    return absl::OkStatus();
  }

 private:
  std::vector<int32_t> tokens_;
  int64_t length_, vocab_size_;
};

absl::StatusOr<ParityResult> CheckTrajectory(const Fixture& fixture,
                                             const std::shared_ptr<Backend>& backend, DType dtype) {
  Shape shape;
  HG_ASSIGN_OR_RETURN(const auto batches, ReadTokens(fixture, "batches", 3, &shape));
  HG_ASSIGN_OR_RETURN(const auto losses, ReadExpected(fixture, "losses", Shape{shape[0]}));
  HG_ASSIGN_OR_RETURN(const auto rates, ReadExpected(fixture, "rates", Shape{shape[0]}));
  HG_ASSIGN_OR_RETURN(const TrainSettings settings, TrajectorySettings(fixture, shape, dtype));
  const auto data =
      std::make_shared<FixtureSequences>(batches, shape[2], fixture.model->config().vocab_size);
  HG_ASSIGN_OR_RETURN(auto trainer, Trainer::Create(fixture.model, backend, data, settings));
  HG_RETURN_IF_ERROR(LoadParameters(*trainer->state(), fixture.parameters, fixture.file));

  ParityResult result;
  WorstNames worst;
  result.loss = 0.0;
  for (int64_t step = 0; step < shape[0]; ++step) {
    const size_t s = static_cast<size_t>(step);
    HG_ASSIGN_OR_RETURN(const StepResult got, trainer->Step());
    HG_ASSIGN_OR_RETURN(const double difference, RelativeDifference({got.loss}, {losses[s]}));
    HG_ASSIGN_OR_RETURN(const double rate, RelativeDifference({got.rate}, {rates[s]}));
    result.loss = std::max({*result.loss, difference, rate});
    worst.Add(absl::StrCat("losses[", step, "]"), difference);
    worst.Add(absl::StrCat("rates[", step, "]"), rate);
  }
  const Limits limits = LimitsOf(dtype);
  result.limit = limits.trajectory;
  result.ok = *result.loss <= result.limit;
  // In f32 Adam turns the rounding noise of zero gradients into full steps: nothing to compare.
  if (dtype == DType::kF64) {
    HG_RETURN_IF_ERROR(CompareFinalParameters(fixture, *trainer->state(), result, worst));
    result.final_parameters_limit = limits.final_parameters;
    result.ok = result.ok && *result.final_parameters <= result.final_parameters_limit;
  }
  result.worst = worst.Names();
  return result;
}

absl::StatusOr<ParityResult> CheckSampling(const Fixture& fixture,
                                           const std::shared_ptr<Backend>& backend, DType dtype) {
  Shape prompt_shape, shape;
  HG_ASSIGN_OR_RETURN(const auto prompt, ReadTokens(fixture, "prompt", 2, &prompt_shape));
  HG_ASSIGN_OR_RETURN(const auto sampled, ReadTokens(fixture, "sampled", 2, &shape));
  if (shape[0] != prompt_shape[0] || shape[1] <= prompt_shape[1]) {
    return Broken(fixture.file, "'sampled' does not extend 'prompt'");
  }
  const int64_t steps = shape[1] - prompt_shape[1];
  HG_ASSIGN_OR_RETURN(const auto wanted,
                      ReadExpected(fixture, "step_logits",
                                   Shape{shape[0], steps, fixture.model->config().vocab_size}));
  HG_ASSIGN_OR_RETURN(auto state, LoadState(fixture, backend, dtype));
  Sampler sampler(fixture.model, backend, state, dtype);
  HG_ASSIGN_OR_RETURN(const SampleResult got, sampler.Greedy(prompt, shape[0], shape[1]));

  ParityResult result;
  result.tokens_equal = got.tokens == sampled;
  HG_ASSIGN_OR_RETURN(result.logits, RelativeDifference(got.step_logits, wanted));
  result.limit = LimitsOf(dtype).values;
  result.worst = {"step_logits"};
  result.ok = *result.tokens_equal && *result.logits <= result.limit;
  return result;
}

absl::StatusOr<ParityResult> CheckKind(const Fixture& fixture,
                                       const std::shared_ptr<Backend>& backend, DType dtype) {
  if (fixture.kind == "model") return CheckModel(fixture, backend, dtype);
  if (fixture.kind == "trajectory") return CheckTrajectory(fixture, backend, dtype);
  if (fixture.kind == "sampling") return CheckSampling(fixture, backend, dtype);
  return Broken(fixture.file, absl::StrCat("unknown kind '", fixture.kind, "'"));
}

}  // namespace

absl::StatusOr<ParityResult> CheckFixture(const std::string& path,
                                          const std::shared_ptr<Backend>& backend, DType dtype) {
  HG_ASSIGN_OR_RETURN(const Fixture fixture, OpenFixture(path));
  HG_ASSIGN_OR_RETURN(ParityResult result, CheckKind(fixture, backend, dtype));
  result.kind = fixture.kind;
  result.label = fixture.model->config().Label();
  return result;
}

}  // namespace hourglass
