#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "baselines/catalog.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/data_source.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/split_evaluation.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/evaluator.h"
#include "hourglass/train/graphs.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string checkpoint;
  std::string split = "valid";
  std::string corpus = "enwik8-3500k";
  std::string data;
  int64_t length = 512;
  int64_t step = 0;
  std::optional<int64_t> batch;
  int64_t max_windows = 0;
  std::string backend = "onednn";
  std::string dtype;
  int threads = 0;
  bool quiet = false;
  bool json = false;

  // Long windows are few at a time: as much memory, and as soon stopped, as short ones.
  int64_t Batch() const {
    constexpr int64_t kMost = 8, kBytes = 4096;
    return batch.value_or(std::clamp<int64_t>(kBytes / length, 1, kMost));
  }
};

absl::StatusOr<std::shared_ptr<const ByteCorpus>> Corpus(const Flags& flags) {
  specs::Data data;
  data.set_corpus(flags.data.empty() ? flags.corpus : kFileCorpus);
  data.set_path(flags.data);
  auto corpus = OpenCorpus(data, /*window=*/0, {"--data FILE", "--corpus enwik8-3500k"});
  if (!absl::IsInvalidArgument(corpus.status())) return corpus;
  return UsageError(absl::StrCat("--corpus: ", corpus.status().message()));
}

// The flags as the specs say the same.
specs::Evaluation Protocol(const Flags& flags) {
  specs::Evaluation protocol;
  protocol.set_length(flags.length);
  protocol.set_step(flags.step);
  protocol.set_batch(flags.Batch());
  protocol.set_max_windows(flags.max_windows);
  return protocol;
}

absl::Status CheckFlags(const Flags& flags) {
  if (flags.step > flags.length) {
    return UsageError(absl::StrCat("--step ", flags.step, " is more than --length ", flags.length,
                                   ": a window cannot score more bytes than it holds"));
  }
  if (flags.Batch() > kMaxStepTokens / flags.length) {
    return UsageError(absl::StrCat("--batch ", flags.Batch(), " of --length ", flags.length,
                                   " is more than ", kMaxStepTokens, " bytes at a time"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Evaluator>> Load(const Flags& flags, const std::string& path,
                                                std::shared_ptr<Backend> backend,
                                                CheckpointInfo& info) {
  HG_ASSIGN_OR_RETURN(info, ReadCheckpointInfo(path));
  HG_ASSIGN_OR_RETURN(std::shared_ptr<const LanguageModel> model, MakeModel(info.model));
  HG_ASSIGN_OR_RETURN(const ParameterTable parameters, ParametersOf(*model));
  const std::string dtype_name = !flags.dtype.empty()           ? flags.dtype
                                 : flags.backend == "reference" ? "f64"
                                                                : "f32";
  HG_ASSIGN_OR_RETURN(const DType dtype, ParseDType(dtype_name));
  HG_ASSIGN_OR_RETURN(std::shared_ptr<State> state,
                      State::Create(MakeStateSpec(parameters, dtype, false), backend));
  HG_RETURN_IF_ERROR(
      LoadCheckpoint(path, *state, parameters, info.model, /*optimizer=*/false).status());
  EvaluateSettings settings;
  settings.length = flags.length;
  settings.step = flags.step;
  settings.batch = flags.Batch();
  settings.dtype = dtype;
  return Evaluator::Create(std::move(model), std::move(backend), std::move(state), settings);
}

absl::StatusOr<ExitCode> Eval(const Flags& flags, const CliContext& context) {
  HG_RETURN_IF_ERROR(CheckFlags(flags));
  HG_RETURN_IF_ERROR(RequestThreads(ThreadsOrCores(flags.threads)));
  HG_ASSIGN_OR_RETURN(const Split split, ParseSplit(flags.split));
  HG_ASSIGN_OR_RETURN(std::shared_ptr<Backend> backend, MakeBackend(flags.backend));
  CheckpointInfo info;
  HG_ASSIGN_OR_RETURN(const auto evaluator,
                      Load(flags, CallerPath(flags.checkpoint), backend, info));
  HG_ASSIGN_OR_RETURN(const auto corpus, Corpus(flags));
  const std::span<const uint8_t> bytes = ScoredBytes(Protocol(flags), corpus->Bytes(split));
  Progress progress(*context.err, DefaultProgress(flags.quiet), static_cast<double>(bytes.size()));
  progress.StartPart("evaluating");
  const int64_t start = MonotonicNanos();
  const auto on_batch = [&](int64_t done, int64_t total) {
    const double share =
        static_cast<double>(done) / static_cast<double>(std::max<int64_t>(1, total));
    progress.Update(share * static_cast<double>(bytes.size()),
                    absl::StrFormat("window %d/%d", done, total));
    return true;
  };
  absl::StatusOr<Evaluation> evaluated = evaluator->Run(bytes, on_batch, context.stop);
  if (absl::IsCancelled(evaluated.status())) {
    return absl::CancelledError("stopped by a signal; nothing was scored to the end");
  }
  HG_ASSIGN_OR_RETURN(const Evaluation result, std::move(evaluated));
  if (result.tokens == 0) {
    return absl::DataLossError(absl::StrCat(corpus->identity().name, ": its ", flags.split,
                                            " part has no byte to score; give more data"));
  }
  if (!std::isfinite(result.nats)) {
    return absl::DataLossError(
        absl::StrCat(flags.checkpoint,
                     ": no finite loss: the parameters hold NaN, infinity or values beyond "
                     "the range of the dtype"));
  }
  const double seconds = 1e-9 * static_cast<double>(MonotonicNanos() - start);
  if (!flags.json) {
    *context.out << absl::StrFormat("%.4f bits per byte on %d bytes of %s %s (%s, step %d)\n",
                                    result.BitsPerByte(), result.tokens, corpus->identity().name,
                                    flags.split, info.model.Label(), info.step);
    return kExitOk;
  }
  *context.out << JsonText(Json({{"checkpoint", flags.checkpoint},
                                 {"model", info.model.Label()},
                                 {"step", info.step},
                                 {"corpus", corpus->identity().name},
                                 {"split", flags.split},
                                 {"length", flags.length},
                                 {"window_step", flags.step > 0 ? flags.step : flags.length},
                                 {"bytes", result.tokens},
                                 {"windows", result.window_nats.size()},
                                 {"nats_per_byte", result.NatsPerToken()},
                                 {"bits_per_byte", result.BitsPerByte()},
                                 {"seconds", seconds}}),
                           2)
               << "\n";
  return kExitOk;
}

}  // namespace

void AddEvalCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb = app.add_subcommand("eval", "Bits per byte of a checkpoint");
  auto flags = std::make_shared<Flags>();
  verb->add_option("CHECKPOINT", flags->checkpoint, "RUN.safetensors as written by `run`")
      ->required();
  verb->add_option("--split", flags->split)
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "valid", "test"}));
  verb->add_option("--corpus", flags->corpus, "A data set by name, see `hourglass data list`")
      ->capture_default_str();
  verb->add_option("--data", flags->data, "A file instead, split 90/5/5")->check(NotEmpty());
  verb->add_option("--length", flags->length, "Bytes a window holds")
      ->capture_default_str()
      ->check(WholeNumber(1, kMaxStepTokens));
  verb->add_option("--step", flags->step,
                   "Bytes scored per window, the rest is context; 0: windows do not overlap")
      ->capture_default_str()
      ->check(WholeNumber(0, kMaxStepTokens));
  verb->add_option("--batch", flags->batch,
                   "Windows per forward pass; default: as many as hold 4096 bytes, 8 at most")
      ->check(WholeNumber(1, kMaxStepTokens));
  verb->add_option("--max_windows", flags->max_windows, "0: the whole split")
      ->capture_default_str()
      ->check(WholeNumber(0));
  verb->add_option("--backend", flags->backend, "onednn or reference")->capture_default_str();
  verb->add_option("--dtype", flags->dtype, "Default: f64 on reference, f32 elsewhere");
  AddThreadsFlag(*verb, flags->threads);
  verb->add_flag("--quiet", flags->quiet, "No progress");
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Examples:\n"
      "  hourglass eval results/RUN.safetensors --length 384\n"
      "  hourglass eval results/RUN.safetensors --split test --length 4096 --step 128  (the "
      "paper's protocol)\n"
      "Ctrl-C ends between two operations of the model (exit 130), a second one at once.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Eval(*flags, context); };
  });
}

}  // namespace hourglass
