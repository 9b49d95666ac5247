#include "experiments/runner/run_cell.h"

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/runner/counting_backend.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "hourglass/train/evaluator.h"
#include "hourglass/train/trainer.h"
#include "nlohmann/json.hpp"
#include "results_db/metrics.h"

namespace hourglass {
namespace {

constexpr double kNanosPerSecond = 1e9;
// Guessing costs ln(vocabulary) nats; a mean loss of ten times that is no learning any more.
constexpr double kHopelessLoss = 10.0;

class CellRunner {
 public:
  CellRunner(const CellRun& cell, results::ResultsStore& store, const std::string& run_id)
      : cell_(cell),
        spec_(*cell.spec),
        plan_(*cell.plan),
        store_(store),
        run_id_(run_id),
        backend_(std::make_shared<CountingBackend>(cell.backend)) {}

  absl::StatusOr<CellResult> Run() {
    HG_RETURN_IF_ERROR(Prepare());
    HG_RETURN_IF_ERROR(TrainSteps());
    if (outcome_.status == results::RunStatus::kOk) HG_RETURN_IF_ERROR(Summarise());
    if (outcome_.status != results::RunStatus::kDiverged) HG_RETURN_IF_ERROR(SaveCheckpoint());
    Describe();
    return CellResult{std::move(outcome_), bits_per_byte_, train_seconds_};
  }

 private:
  absl::Status Prepare() {
    HG_ASSIGN_OR_RETURN(TrainSettings settings, TrainSettingsOf(spec_, plan_.steps));
    settings.data_seed = cell_.seeds.data;
    settings.init_seed = cell_.seeds.init;
    settings.dropout_seed = cell_.seeds.dropout;
    const auto data = std::make_shared<ByteWindows>(
        cell_.corpus, cell_.corpus->Range(Split::kTrain), spec_.data().window_stride());
    HG_ASSIGN_OR_RETURN(trainer_, Trainer::Create(plan_.model, backend_, data, settings));
    EvaluateSettings evaluation;
    evaluation.length = spec_.evaluation().length();
    evaluation.batch = spec_.evaluation().batch();
    evaluation.dtype = settings.dtype;
    HG_ASSIGN_OR_RETURN(evaluator_,
                        Evaluator::Create(plan_.model, backend_, trainer_->state(), evaluation));
    return absl::OkStatus();
  }

  absl::Status TrainSteps() {
    const int64_t steps = plan_.steps, every = spec_.evaluation().every_steps();
    for (int64_t step = 1; step <= steps; ++step) {
      HG_ASSIGN_OR_RETURN(const StepResult result, trainer_->Step());
      train_seconds_ += result.seconds;
      ++steps_run_;
      HG_RETURN_IF_ERROR(StoreStep(step, result));
      if (result.diverged || Hopeless(result.loss)) {
        outcome_.status = results::RunStatus::kDiverged;
        outcome_.exit_code = kExitDiverged;
        outcome_.error = absl::StrFormat("diverged at step %d: loss %g nats/byte, gradient norm %g",
                                         step, result.loss, result.gradient_norm);
        return absl::OkStatus();
      }
      const bool last = step == steps;
      if (last || (every > 0 && step % every == 0)) HG_RETURN_IF_ERROR(Evaluate(step, last));
      Report(step, result);
      if (!last && cell_.stop && cell_.stop()) {
        outcome_.status = results::RunStatus::kKilled;
        outcome_.exit_code = kExitInterrupted;
        outcome_.error = absl::StrCat("stopped by a signal after step ", step, " of ", steps);
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  bool Hopeless(double loss) const {
    return loss > kHopelessLoss * std::log(static_cast<double>(plan_.config.vocab_size));
  }

  int64_t FlopsUpTo(int64_t step) const { return step * plan_.training.needed; }

  // Values of the metric at a step, with compute and time spent until then.
  results::Sample SampleOf(std::string_view metric, int64_t step, double value) const {
    results::Sample sample{metric, step, value, FlopsUpTo(step), std::nullopt};
    if (cell_.store_timings) {
      sample.wall_ns = static_cast<int64_t>(train_seconds_ * kNanosPerSecond);
    }
    return sample;
  }

  absl::Status StoreStep(int64_t step, const StepResult& result) {
    std::vector<results::Sample> samples = {
        SampleOf(results::kTrainLossNats, step, result.loss),
        SampleOf(results::kTrainBitsPerByte, step, result.bits_per_byte)};
    if (step % spec_.training().log_every() == 0 || result.diverged) {
      samples.push_back(SampleOf(results::kGradientNorm, step, result.gradient_norm));
      samples.push_back(SampleOf(results::kLearningRate, step, result.rate));
    }
    HG_RETURN_IF_ERROR(store_.Append(run_id_, samples));
    if (!cell_.store_timings) return absl::OkStatus();
    results::Timing timing;
    timing.bench = "train_step";
    timing.ord = step;
    timing.ns = static_cast<int64_t>(result.seconds * kNanosPerSecond);
    return store_.AppendTimings(run_id_, std::span(&timing, 1));
  }

  // The bytes of the split that are scored.
  std::span<const uint8_t> ValidBytes() const {
    std::span<const uint8_t> bytes = cell_.corpus->Bytes(Split::kValid);
    const int64_t windows = spec_.evaluation().max_windows();
    const auto limit = static_cast<size_t>(windows * spec_.evaluation().length());
    return windows > 0 && bytes.size() > limit ? bytes.first(limit) : bytes;
  }

  absl::Status Evaluate(int64_t step, bool last) {
    const int64_t start = MonotonicNanos();
    HG_ASSIGN_OR_RETURN(const Evaluation evaluation, evaluator_->Run(ValidBytes()));
    const int64_t nanos = MonotonicNanos() - start;
    eval_seconds_ += static_cast<double>(nanos) / kNanosPerSecond;
    eval_bytes_ += evaluation.tokens;
    bits_per_byte_ = evaluation.BitsPerByte();
    const results::Sample samples[] = {
        SampleOf(results::kValidLossNats, step, evaluation.NatsPerToken()),
        SampleOf(results::kValidBitsPerByte, step, *bits_per_byte_)};
    HG_RETURN_IF_ERROR(store_.Append(run_id_, samples));
    return last ? StoreWindows(step, evaluation) : absl::OkStatus();
  }

  absl::Status StoreWindows(int64_t step, const Evaluation& evaluation) {
    std::vector<results::EvalBlock> blocks;
    for (size_t window = 0; window < evaluation.window_nats.size(); ++window) {
      blocks.push_back({cell_.valid_dataset, step, static_cast<int64_t>(window),
                        evaluation.window_tokens[window],
                        evaluation.window_nats[window] / std::log(2.0)});
    }
    return store_.AppendEvalBlocks(run_id_, blocks);
  }

  absl::Status Summarise() {
    const auto final_value = [&](std::string_view metric, double value) {
      return store_.AddSummary(run_id_, {.metric = metric,
                                         .agg = "final",
                                         .value = value,
                                         .ci_lo = std::nullopt,
                                         .ci_hi = std::nullopt,
                                         .n = 1});
    };
    HG_RETURN_IF_ERROR(final_value(results::kValidBitsPerByte, *bits_per_byte_));
    HG_RETURN_IF_ERROR(
        final_value(results::kPeakRssBytes, static_cast<double>(PeakResidentBytes())));
    if (!cell_.store_timings) return absl::OkStatus();
    const auto bytes = static_cast<double>(steps_run_ * plan_.batch * plan_.length);
    HG_RETURN_IF_ERROR(final_value(results::kTrainBytesPerSecond, bytes / train_seconds_));
    HG_RETURN_IF_ERROR(
        final_value(results::kStepsPerSecond, static_cast<double>(steps_run_) / train_seconds_));
    HG_RETURN_IF_ERROR(final_value(results::kTrainWallSeconds, train_seconds_));
    HG_RETURN_IF_ERROR(final_value(results::kForwardBytesPerSecond,
                                   static_cast<double>(eval_bytes_) / eval_seconds_));
    return final_value(results::kEvalWallSeconds, eval_seconds_);
  }

  absl::Status SaveCheckpoint() {
    if (cell_.checkpoint_path.empty()) return absl::OkStatus();
    HG_RETURN_IF_ERROR(trainer_->Save(cell_.checkpoint_path));
    HG_ASSIGN_OR_RETURN(outcome_.ckpt_sha256, Sha256FileHex(cell_.checkpoint_path));
    return absl::OkStatus();
  }

  void Describe() {
    std::map<std::string, int64_t> kernels;
    const int64_t micro_steps = steps_run_ * spec_.training().micro_batches();
    for (const auto& [name, count] : trainer_->accumulate_program().Implementations()) {
      kernels[name] += count * micro_steps;
    }
    for (const auto& [name, count] : trainer_->update_program().Implementations()) {
      kernels[name] += count * steps_run_;
    }
    outcome_.primitives_json = nlohmann::json(kernels).dump();
    outcome_.peak_bytes_planned = trainer_->PlannedBytes() + evaluator_->PlannedBytes();
    outcome_.peak_bytes_held = backend_->peak_bytes();
    outcome_.flops_step_executed = trainer_->CostPerStep().executed_flops;
    outcome_.flops_executed = *outcome_.flops_step_executed * steps_run_;
  }

  void Report(int64_t step, const StepResult& result) const {
    if (!cell_.progress) return;
    std::string status = absl::StrFormat("step %d/%d  %.3f bits", step, plan_.steps,
                                         result.bits_per_byte);
    if (bits_per_byte_) absl::StrAppendFormat(&status, " (valid %.3f)", *bits_per_byte_);
    const double bytes = static_cast<double>(steps_run_ * plan_.batch * plan_.length);
    absl::StrAppendFormat(&status, "  %.1f kB/s", bytes / train_seconds_ / 1000);
    cell_.progress(step, status);
  }

  const CellRun& cell_;
  const specs::Experiment& spec_;
  const CellPlan& plan_;
  results::ResultsStore& store_;
  const std::string& run_id_;
  std::shared_ptr<CountingBackend> backend_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Evaluator> evaluator_;
  results::Outcome outcome_;
  std::optional<double> bits_per_byte_;
  int64_t steps_run_ = 0, eval_bytes_ = 0;
  double train_seconds_ = 0, eval_seconds_ = 0;
};

}  // namespace

absl::StatusOr<CellResult> TrainCell(const CellRun& cell, results::ResultsStore& store,
                                     const std::string& run_id) {
  return CellRunner(cell, store, run_id).Run();
}

}  // namespace hourglass
