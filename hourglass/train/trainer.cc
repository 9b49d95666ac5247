#include "hourglass/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/optimizer.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/host_values.h"

namespace hourglass {
namespace {

constexpr char kSettingPrefix[] = "train.";

absl::Status ExpectAtLeastOne(const char* field, int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("training: ", field, " must be at least 1, is ", value));
}

std::string Exact(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
}

// Every setting that decides the numbers of a run, as checkpoint metadata.
std::map<std::string, std::string> Describe(const TrainSettings& s) {
  const std::map<std::string, std::string> fields = {
      {"batch", absl::StrCat(s.batch)},
      {"micro_batches", absl::StrCat(s.micro_batches)},
      {"length", absl::StrCat(s.length)},
      {"schedule", std::string(Name(s.schedule.kind))},
      {"rate", Exact(s.schedule.rate)},
      {"warmup", absl::StrCat(s.schedule.warmup)},
      {"cycle", absl::StrCat(s.schedule.cycle)},
      {"beta1", Exact(s.adam.beta1)},
      {"beta2", Exact(s.adam.beta2)},
      {"epsilon", Exact(s.adam.epsilon)},
      {"clip_norm", Exact(s.adam.clip_norm)},
      {"data_seed", absl::StrCat(s.data_seed)},
      {"init_seed", absl::StrCat(s.init_seed)},
      {"dropout_seed", absl::StrCat(s.dropout_seed)},
      {"dtype", std::string(Name(s.dtype))},
  };
  std::map<std::string, std::string> result;
  for (const auto& [key, value] : fields) result[kSettingPrefix + key] = value;
  return result;
}

absl::Status CheckSameSettings(const std::string& path,
                               const std::map<std::string, std::string>& saved,
                               const TrainSettings& settings) {
  for (const auto& [key, value] : Describe(settings)) {
    const auto found = saved.find(key);
    if (found == saved.end()) {
      return absl::DataLossError(absl::StrCat(path, ": no metadata '", key, "'"));
    }
    if (found->second == value) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": was trained with ", key, " = ", found->second, ", not ", value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TrainSettings::Validate() const {
  HG_RETURN_IF_ERROR(ExpectAtLeastOne("batch", batch));
  HG_RETURN_IF_ERROR(ExpectAtLeastOne("micro_batches", micro_batches));
  HG_RETURN_IF_ERROR(ExpectAtLeastOne("length", length));
  if (batch > kMaxStepTokens / length) {
    return absl::InvalidArgumentError(absl::StrCat("training: batch ", batch, " of length ", length,
                                                   " is more than ", kMaxStepTokens,
                                                   " tokens in a step"));
  }
  if (batch % micro_batches != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "training: batch ", batch, " is not divisible by micro_batches ", micro_batches));
  }
  if (!IsFloating(dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("training: dtype ", std::string(Name(dtype)), " is not floating"));
  }
  if (recompute.memory_limit < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("training: memory_limit ", recompute.memory_limit, " is negative"));
  }
  HG_RETURN_IF_ERROR(schedule.Validate());
  return adam.Validate();
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(std::shared_ptr<const LanguageModel> model,
                                                         std::shared_ptr<Backend> backend,
                                                         std::shared_ptr<const Dataset> data,
                                                         const TrainSettings& settings) {
  HG_RETURN_IF_ERROR(settings.Validate());
  if (data->vocab_size() > model->config().vocab_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("training: the data has tokens up to ", data->vocab_size() - 1,
                     ", the model's vocab_size is ", model->config().vocab_size));
  }
  std::unique_ptr<Trainer> trainer(new Trainer());
  trainer->model_ = std::move(model);
  trainer->backend_ = std::move(backend);
  trainer->data_ = std::move(data);
  trainer->settings_ = settings;
  trainer->tokens_.resize(static_cast<size_t>(settings.batch * settings.length));
  HG_RETURN_IF_ERROR(
      trainer->data_->Fill(settings.data_seed, 0, 1, settings.length, trainer->tokens_.data()));
  HG_RETURN_IF_ERROR(trainer->Compile());
  HG_RETURN_IF_ERROR(
      InitialiseParameters(*trainer->state_, trainer->parameters_, settings.init_seed));
  return trainer;
}

absl::Status Trainer::Compile() {
  HG_ASSIGN_OR_RETURN(parameters_, ParametersOf(*model_));
  const StepShape shape{settings_.batch / settings_.micro_batches, settings_.length,
                        settings_.dtype};
  HG_ASSIGN_OR_RETURN(RecordedStep step, BuildAccumulateGraph(*model_, shape));
  forward_nodes_ = step.forward_nodes;
  const StateSpec spec = MakeStateSpec(parameters_, settings_.dtype, /*training=*/true);
  HG_ASSIGN_OR_RETURN(Graph update, BuildUpdateGraph(spec, settings_.adam));
  HG_ASSIGN_OR_RETURN(recomputed_,
                      ApplyRecompute(settings_.recompute, spec, update, backend_.get(), step));
  HG_ASSIGN_OR_RETURN(state_, State::Create(spec, backend_));
  HG_ASSIGN_OR_RETURN(accumulate_, Program::Compile(std::move(step.graph), backend_, state_));
  HG_ASSIGN_OR_RETURN(update_, Program::Compile(std::move(update), backend_, state_));
  return absl::OkStatus();
}

absl::StatusOr<StepResult> Trainer::Step() {
  const int64_t start = MonotonicNanos();
  HG_RETURN_IF_ERROR(data_->Fill(settings_.data_seed, step_ * settings_.batch, settings_.batch,
                                 settings_.length, tokens_.data()));
  HG_ASSIGN_OR_RETURN(StepResult result, StepOn(tokens_.data()));
  result.seconds = static_cast<double>(MonotonicNanos() - start) * 1e-9;
  return result;
}

absl::StatusOr<StepResult> Trainer::StepOn(const int32_t* tokens) {
  const int64_t start = MonotonicNanos();
  StepResult result;
  result.step = step_ + 1;
  result.rate = settings_.schedule.Rate(result.step);
  HG_ASSIGN_OR_RETURN(result.loss, Accumulate(tokens));
  result.bits_per_byte = result.loss / std::numbers::ln2;
  if (std::isfinite(result.loss)) {
    HG_ASSIGN_OR_RETURN(result.gradient_norm, Update(result.rate));
  } else {
    result.gradient_norm = std::numeric_limits<double>::quiet_NaN();
  }
  result.diverged = !std::isfinite(result.loss) || !std::isfinite(result.gradient_norm);
  if (!result.diverged) step_ = result.step;
  result.seconds = static_cast<double>(MonotonicNanos() - start) * 1e-9;
  return result;
}

absl::StatusOr<double> Trainer::Accumulate(const int32_t* tokens) {
  const std::vector<double> weights = MicroBatchWeights(tokens);
  const int64_t part = settings_.batch / settings_.micro_batches * settings_.length;
  double loss = 0.0;
  for (int64_t micro = 0; micro < settings_.micro_batches; ++micro) {
    const double weight = weights[static_cast<size_t>(micro)];
    HG_ASSIGN_OR_RETURN(const double own, RunMicroBatch(micro, tokens + micro * part, weight));
    loss += weight * own;
  }
  return loss;
}

std::vector<double> Trainer::MicroBatchWeights(const int32_t* tokens) const {
  const int64_t part = settings_.batch / settings_.micro_batches * settings_.length;
  std::vector<int64_t> counted;
  int64_t total = 0;
  for (int64_t micro = 0; micro < settings_.micro_batches; ++micro) {
    const int32_t* begin = tokens + micro * part;
    const auto& mask = model_->config().mask_id;
    counted.push_back(part - (mask ? std::count(begin, begin + part, *mask) : 0));
    total += counted.back();
  }
  std::vector<double> weights;
  for (const int64_t count : counted) {
    weights.push_back(total == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(total));
  }
  return weights;
}

absl::StatusOr<double> Trainer::RunMicroBatch(int64_t micro, const int32_t* tokens, double weight) {
  const int64_t rows = settings_.batch / settings_.micro_batches;
  const size_t bytes = static_cast<size_t>(rows * settings_.length) * sizeof(int32_t);
  const uint32_t overwrite = micro == 0 ? 1 : 0;
  HG_RETURN_IF_ERROR(accumulate_->SetInput("tokens", tokens, bytes));
  HG_RETURN_IF_ERROR(accumulate_->SetInput("overwrite", &overwrite, sizeof(overwrite)));
  HG_RETURN_IF_ERROR(SetFloatInput(*accumulate_, "loss_weight", std::span(&weight, 1)));
  if (accumulate_->HasInput("random")) {
    const int64_t first_sequence = step_ * settings_.batch + micro * rows;
    const uint32_t random[kRandomInputSize] = {static_cast<uint32_t>(settings_.dropout_seed),
                                               static_cast<uint32_t>(settings_.dropout_seed >> 32),
                                               static_cast<uint32_t>(step_ + 1),
                                               static_cast<uint32_t>(first_sequence)};
    HG_RETURN_IF_ERROR(accumulate_->SetInput("random", random, sizeof(random)));
  }
  HG_RETURN_IF_ERROR(accumulate_->Run());
  return accumulate_->GetScalar("loss");
}

absl::StatusOr<double> Trainer::Update(double rate) {
  const double number = static_cast<double>(step_ + 1);
  double scalars[kAdamScalars];
  scalars[kAdamRate] = rate;
  scalars[kAdamCorrection1] = 1.0 - std::pow(settings_.adam.beta1, number);
  scalars[kAdamCorrection2] = 1.0 - std::pow(settings_.adam.beta2, number);
  HG_RETURN_IF_ERROR(SetFloatInput(*update_, "scalars", scalars));
  HG_RETURN_IF_ERROR(update_->Run());
  HG_ASSIGN_OR_RETURN(const double sum_squares, update_->GetScalar("gradient_sum_squares"));
  return std::sqrt(sum_squares);
}

StepCost Trainer::CostPerStep() const {
  const Cost all = accumulate_->graph().CountFlops();
  StepCost cost;
  cost.needed_flops = all.needed;
  cost.dense_flops = all.dense;
  cost.dense_trax_flops = all.dense_trax;
  cost.recompute_flops = all.recompute;
  cost.executed_flops = accumulate_->executed_flops();
  // Profile has no entry for views.
  const std::vector<NodeProfile> profile = accumulate_->Profile();
  size_t entry = 0;
  for (int n = 0; n < forward_nodes_; ++n) {
    if (accumulate_->graph().nodes()[static_cast<size_t>(n)].op->View(0)) continue;
    cost.executed_forward_flops += profile[entry++].executed_flops;
  }
  for (int64_t* flops :
       {&cost.needed_flops, &cost.dense_flops, &cost.dense_trax_flops, &cost.recompute_flops,
        &cost.executed_flops, &cost.executed_forward_flops}) {
    *flops *= settings_.micro_batches;
  }
  return cost;
}

int64_t Trainer::PlannedBytes() const {
  return accumulate_->memory().PeakBytes() + update_->memory().PeakBytes() -
         state_->spec().TotalBytes();
}

absl::Status Trainer::Save(const std::string& path,
                           const std::map<std::string, std::string>& metadata) const {
  CheckpointInfo info{model_->config(), step_, /*optimizer=*/true, metadata};
  for (const auto& [key, value] : Describe(settings_)) info.metadata[key] = value;
  return SaveCheckpoint(path, *state_, parameters_, info);
}

absl::Status Trainer::Restore(const std::string& path) {
  HG_ASSIGN_OR_RETURN(const CheckpointInfo info, ReadCheckpointInfo(path));
  HG_RETURN_IF_ERROR(CheckSameSettings(path, info.metadata, settings_));
  if (info.model.dropout != model_->config().dropout) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": was trained with dropout ",
                                                      info.model.dropout, ", not ",
                                                      model_->config().dropout));
  }
  HG_RETURN_IF_ERROR(
      LoadCheckpoint(path, *state_, parameters_, model_->config(), /*optimizer=*/true).status());
  step_ = info.step;
  return absl::OkStatus();
}

}  // namespace hourglass
