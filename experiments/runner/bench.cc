#include "experiments/runner/bench.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "baselines/catalog.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/memory_need.h"
#include "experiments/runner/memory_size.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "hourglass/data/byte_corpus.h"
#include "hourglass/train/price.h"
#include "hourglass/train/trainer.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMebi = 1024.0 * 1024.0;
// Steps taken while profiling, after the timed ones.
constexpr int kProfiledSteps = 3;

// The q-quantile of the sorted values, by the rule of the peer.
double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(q * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, index)];
}

absl::StatusOr<std::shared_ptr<const Dataset>> OpenData(const BenchOptions& options) {
  if (options.data.empty()) {
    return std::make_shared<RandomTokens>(options.model.vocab_size);
  }
  auto corpus = ByteCorpus::Open(CallerPath(options.data));
  if (!corpus.ok()) {
    return absl::Status(
        corpus.status().code(),
        absl::StrCat(corpus.status().message(), ", or leave out --data for random bytes"));
  }
  const ByteRange all{0, (*corpus)->identity().bytes};
  return std::make_shared<ByteWindows>(*std::move(corpus), all);
}

absl::Status CheckCounts(const BenchOptions& options) {
  if (options.steps < 1 || options.warmup < 0 || options.threads < 1 || options.lr_cycle < 0) {
    return UsageError(
        "--steps and --threads must be at least 1, --warmup and --lr_cycle at least 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainSettings> SettingsOf(const BenchOptions& options) {
  TrainSettings settings;
  settings.batch = options.batch;
  settings.length = options.length;
  settings.schedule.kind =
      options.lr_cycle > 0 ? ScheduleKind::kWarmupCosineOnce : ScheduleKind::kConstant;
  settings.schedule.rate = options.lr;
  settings.schedule.warmup = std::max<int64_t>(1, options.lr_warmup);
  settings.schedule.cycle = options.lr_cycle;
  settings.data_seed = settings.init_seed = settings.dropout_seed = options.seed;
  HG_ASSIGN_OR_RETURN(settings.dtype, ParseDType(options.dtype));
  settings.recompute.what = options.recompute;
  if (!options.memory_limit.empty()) {
    HG_ASSIGN_OR_RETURN(settings.recompute.memory_limit, ParseMemorySize(options.memory_limit));
  }
  return settings;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options) {}

  absl::StatusOr<Json> Run() {
    HG_RETURN_IF_ERROR(CheckCounts(options_));
    SetThreadCount(options_.threads);
    HG_RETURN_IF_ERROR(Prepare());
    HG_RETURN_IF_ERROR(TimeTraining());
    HG_RETURN_IF_ERROR(TimeForward());
    Json result = Result();
    if (options_.profile_ops) {
      HG_ASSIGN_OR_RETURN(result["ops"], ProfileOps());
    }
    return result;
  }

 private:
  absl::Status Prepare() {
    HG_RETURN_IF_ERROR(options_.model.Validate());
    HG_ASSIGN_OR_RETURN(std::shared_ptr<const LanguageModel> model, MakeModel(options_.model));
    HG_ASSIGN_OR_RETURN(backend_, MakeBackend(options_.backend));
    HG_ASSIGN_OR_RETURN(data_, OpenData(options_));
    HG_ASSIGN_OR_RETURN(const TrainSettings settings, SettingsOf(options_));
    HG_RETURN_IF_ERROR(settings.Validate());
    HG_ASSIGN_OR_RETURN(const TrainingPrice price,
                        PriceTraining(*model, {options_.batch, options_.length, settings.dtype},
                                      settings.recompute, backend_.get()));
    HG_RETURN_IF_ERROR(ExpectMemory(options_.model.Label(), price.planned_bytes,
                                    AvailableMemoryBytes(),
                                    "make --d_model, --d_ff, --length or --batch smaller, give a "
                                    "--memory-limit, or free memory"));
    HG_ASSIGN_OR_RETURN(trainer_, Trainer::Create(model, backend_, data_, settings));
    HG_ASSIGN_OR_RETURN(
        Graph graph, BuildEvaluateGraph(*model, {options_.batch, options_.length, settings.dtype}));
    ProgramOptions shared;
    shared.share_with = &trainer_->accumulate_program();
    HG_ASSIGN_OR_RETURN(forward_,
                        Program::Compile(std::move(graph), backend_, trainer_->state(), shared));
    tokens_.resize(static_cast<size_t>(options_.batch * options_.length));
    return absl::OkStatus();
  }

  absl::Status NextTokens() {
    if (options_.stop && options_.stop()) {
      return absl::CancelledError("stopped by a signal; nothing was measured");
    }
    const int64_t first = batches_drawn_++ * options_.batch;
    return data_->Fill(options_.seed, first, options_.batch, options_.length, tokens_.data());
  }

  absl::Status TimeTraining() {
    for (int64_t step = 1; step <= options_.warmup + options_.steps; ++step) {
      HG_RETURN_IF_ERROR(NextTokens());
      const int64_t start = MonotonicNanos();
      HG_ASSIGN_OR_RETURN(const StepResult result, trainer_->StepOn(tokens_.data()));
      const int64_t nanos = MonotonicNanos() - start;
      last_loss_ = result.loss;
      if (step > options_.warmup) train_seconds_.push_back(1e-9 * static_cast<double>(nanos));
    }
    return absl::OkStatus();
  }

  absl::Status TimeForward() {
    const int64_t skipped = std::min<int64_t>(2, options_.warmup);
    const int64_t timed = std::max<int64_t>(3, options_.steps / 2);
    for (int64_t step = 0; step < skipped + timed; ++step) {
      HG_RETURN_IF_ERROR(NextTokens());
      const int64_t start = MonotonicNanos();
      HG_RETURN_IF_ERROR(
          forward_->SetInput("tokens", tokens_.data(), tokens_.size() * sizeof(int32_t)));
      HG_RETURN_IF_ERROR(forward_->Run());
      HG_RETURN_IF_ERROR(forward_->GetScalar("loss").status());
      const int64_t nanos = MonotonicNanos() - start;
      if (step >= skipped) forward_seconds_.push_back(1e-9 * static_cast<double>(nanos));
    }
    return absl::OkStatus();
  }

  Json Result() const {
    const ModelConfig& model = options_.model;
    const auto tokens = static_cast<double>(options_.batch * options_.length);
    const double train = Quantile(train_seconds_, 0.5), forward = Quantile(forward_seconds_, 0.5);
    Json result;
    result["model"] = {{"hierarchy", model.hierarchy},
                       {"d_model", model.d_model},
                       {"d_ff", model.d_ff},
                       {"heads", model.n_heads},
                       {"attention", model.vanilla_attention},
                       {"middle_attention", model.middle_attention},
                       {"shortening", model.shortening},
                       {"shortening_query", model.shortening_query},
                       {"upsampling", model.upsampling},
                       {"upsampling_query", model.upsampling_query},
                       {"dropout", model.dropout}};
    result["length"] = options_.length;
    result["batch"] = options_.batch;
    result["dtype"] = options_.dtype;
    result["compile"] = false;
    result["threads"] = options_.threads;
    result["steps"] = options_.steps;
    result["parameters"] = trainer_->parameters().CountElements();
    result["train_tokens_per_s"] = tokens / train;
    result["forward_tokens_per_s"] = tokens / forward;
    result["train_ms_p20"] = 1e3 * Quantile(train_seconds_, 0.2);
    result["train_ms_median"] = 1e3 * train;
    result["forward_ms_p20"] = 1e3 * Quantile(forward_seconds_, 0.2);
    result["forward_ms_median"] = 1e3 * forward;
    result["peak_rss_mb"] = static_cast<double>(PeakResidentBytes()) / kMebi;
    result["last_loss"] = last_loss_;
    AddOwnFields(train, forward, result);
    return result;
  }

  // What the peer does not print.
  void AddOwnFields(double train, double forward, Json& result) const {
    const StepCost cost = trainer_->CostPerStep();
    const auto giga_per_second = [](int64_t flops, double seconds) {
      return 1e-9 * static_cast<double>(flops) / seconds;
    };
    const int64_t planned = trainer_->PlannedBytes() + forward_->OwnBytes();
    const std::map<std::string, std::string> about = backend_->Describe();
    const auto fact = [&](const char* key) {
      const auto found = about.find(key);
      return found == about.end() ? std::string() : found->second;
    };
    result["seed"] = options_.seed;
    result["data"] = options_.data.empty() ? "random" : options_.data;
    result["backend"] = std::string(backend_->Name());
    result["cpu"] = fact("cpu");
    result["isa"] = fact("isa");
    result["library"] = options_.backend == "onednn" ? absl::StrCat("oneDNN ", fact("onednn"))
                                                     : fact("implementation");
    result["planned_mb"] = static_cast<double>(planned) / kMebi;
    result["recomputed"] = trainer_->recomputed();
    result["needed_train_flops"] = cost.needed_flops;
    result["executed_train_flops"] = cost.executed_flops;
    result["dense_train_flops"] = cost.dense_flops;
    result["needed_train_gflop_per_s"] = giga_per_second(cost.needed_flops, train);
    result["executed_train_gflop_per_s"] = giga_per_second(cost.executed_flops, train);
    result["executed_forward_flops"] = forward_->executed_flops();
    result["executed_forward_gflop_per_s"] = giga_per_second(forward_->executed_flops(), forward);
#ifdef NDEBUG
    result["debug_build"] = false;
#else
    result["debug_build"] = true;
#endif
  }

  absl::StatusOr<Json> ProfileOps() {
    trainer_->accumulate_program().set_profiling(true);
    trainer_->update_program().set_profiling(true);
    for (int step = 0; step < kProfiledSteps; ++step) {
      HG_RETURN_IF_ERROR(NextTokens());
      HG_RETURN_IF_ERROR(trainer_->StepOn(tokens_.data()).status());
    }
    struct Total {
      int64_t nodes = 0, nanos = 0, flops = 0, bytes = 0;
    };
    std::map<std::pair<std::string, std::string>, Total> totals;
    for (const Program* program : {&trainer_->accumulate_program(), &trainer_->update_program()}) {
      for (const NodeProfile& node : program->Profile()) {
        if (node.runs == 0) continue;
        Total& total = totals[{node.op, node.implementation}];
        ++total.nodes;
        total.nanos += node.nanos / node.runs;
        total.flops += node.executed_flops;
        total.bytes += node.bytes;
      }
    }
    Json ops = Json::array();
    for (const auto& [key, total] : totals) {
      ops.push_back({{"op", key.first},
                     {"implementation", key.second},
                     {"nodes", total.nodes},
                     {"ms_per_step", 1e-6 * static_cast<double>(total.nanos)},
                     {"gflop_per_step", 1e-9 * static_cast<double>(total.flops)},
                     {"mb_per_step", static_cast<double>(total.bytes) / kMebi}});
    }
    std::stable_sort(ops.begin(), ops.end(), [](const Json& a, const Json& b) {
      return a["ms_per_step"].get<double>() > b["ms_per_step"].get<double>();
    });
    return ops;
  }

  const BenchOptions& options_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const Dataset> data_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Program> forward_;
  std::vector<int32_t> tokens_;
  int64_t batches_drawn_ = 0;
  std::vector<double> train_seconds_, forward_seconds_;
  double last_loss_ = 0;
};

}  // namespace

absl::StatusOr<Json> RunBench(const BenchOptions& options) { return Bench(options).Run(); }

std::string OpTable(const Json& result) {
  double total = 0;
  for (const Json& op : result["ops"]) total += op["ms_per_step"].get<double>();
  std::string out = absl::StrFormat("%-28s %-30s %5s %9s %6s %9s %9s\n", "op", "implementation",
                                    "nodes", "ms/step", "%", "GFLOP/s", "GB/s");
  for (const Json& op : result["ops"]) {
    const double ms = op["ms_per_step"];
    const double seconds = std::max(1e-9, 1e-3 * ms);
    absl::StrAppendFormat(&out, "%-28s %-30s %5d %9.3f %5.1f%% %9.1f %9.1f\n",
                          op["op"].get<std::string>(), op["implementation"].get<std::string>(),
                          op["nodes"].get<int64_t>(), ms, 100 * ms / std::max(1e-9, total),
                          op["gflop_per_step"].get<double>() / seconds,
                          op["mb_per_step"].get<double>() / 1024 / seconds);
  }
  return out;
}

}  // namespace hourglass
