#include "experiments/runner/bench.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "baselines/catalog.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/bench_statistics.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/memory_need.h"
#include "experiments/runner/memory_size.h"
#include "experiments/runner/op_profile.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/roofline.h"
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
// Runs of every Program while profiling, after the timed ones.
constexpr int kProfiledRuns = 3;

constexpr bool IsDebugBuild() {
#ifdef NDEBUG
  return false;
#else
  return true;
#endif
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

double GigaPerSecond(int64_t work, double seconds) {
  return 1e-9 * static_cast<double>(work) / seconds;
}

// `unit` names the rates: "gflop_per_s", "gb_per_s".
Json PeakJson(const std::optional<Peak>& peak, const char* unit) {
  if (!peak) return Json();
  Json rounds = Json::array();
  for (const double rate : peak->rounds) rounds.push_back(1e-9 * rate);
  return {{"what", peak->best.what},
          {unit, 1e-9 * peak->best.per_second},
          {"spread", peak->spread},
          {"rounds", std::move(rounds)}};
}

// Peaks of the rounds taken; empty where there is no roofline.
struct Peaks {
  std::optional<Peak> product, memory;
};

Json OpsJson(const std::vector<OpTotal>& totals, const Peaks& peaks) {
  double all = 0;
  for (const OpTotal& total : totals) all += total.seconds;
  const auto share = [](double work, double seconds, const std::optional<Peak>& peak) {
    return peak && seconds > 0 ? Json(work / seconds / peak->best.per_second) : Json();
  };
  Json ops = Json::array();
  for (const OpTotal& total : totals) {
    const auto flops = static_cast<double>(total.executed_flops);
    const auto bytes = static_cast<double>(total.bytes);
    const double seconds = std::max(1e-9, total.seconds);
    ops.push_back({{"op", total.op},
                   {"implementation", total.implementation},
                   {"nodes", total.nodes},
                   {"ms_per_step", 1e3 * total.seconds},
                   {"share", total.seconds / std::max(1e-9, all)},
                   {"gflop_per_step", 1e-9 * flops},
                   {"gflop_per_s", 1e-9 * flops / seconds},
                   {"product_peak_share", share(flops, seconds, peaks.product)},
                   {"mb_per_step", bytes / kMebi},
                   {"gb_per_s", 1e-9 * bytes / seconds},
                   {"memory_peak_share", share(bytes, seconds, peaks.memory)}});
  }
  return ops;
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options) {}

  absl::StatusOr<Json> Run() {
    HG_RETURN_IF_ERROR(CheckCounts(options_));
    load_at_start_ = LoadAverage();
    HG_RETURN_IF_ERROR(RequestThreads(options_.threads));
    HG_RETURN_IF_ERROR(Prepare());
    HG_RETURN_IF_ERROR(RefuseDebugBuild(IsDebugBuild()));
    // Every page of the evaluation is then in the resident set that is read below.
    HG_RETURN_IF_ERROR(Forward());
    batches_drawn_ = 0;
    HG_RETURN_IF_ERROR(TimeTraining());
    HG_RETURN_IF_ERROR(TimeForward());
    HG_RETURN_IF_ERROR(MeasurePeaks());
    Json result = Result();
    if (options_.profile_ops) HG_RETURN_IF_ERROR(AddOps(result));
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
    // Near the timed steps, for the clock of the machine moves.
    const std::set<int64_t> rounds_after = {1, (options_.steps + 1) / 2, options_.steps};
    for (int64_t step = 1; step <= options_.warmup + options_.steps; ++step) {
      HG_RETURN_IF_ERROR(NextTokens());
      const int64_t start = MonotonicNanos();
      HG_ASSIGN_OR_RETURN(const StepResult result, trainer_->StepOn(tokens_.data()));
      const int64_t nanos = MonotonicNanos() - start;
      // Such a step leaves the parameters alone: it is a faster one, and the loss says nothing.
      if (result.diverged) {
        return absl::OutOfRangeError(absl::StrCat("diverged at step ", step, ": loss ", result.loss,
                                                  "; give a lower --lr or a longer --lr_warmup"));
      }
      last_loss_ = result.loss;
      if (step <= options_.warmup) continue;
      train_seconds_.push_back(1e-9 * static_cast<double>(nanos));
      if (rounds_after.contains(step - options_.warmup)) HG_RETURN_IF_ERROR(MeasurePeaks());
    }
    return absl::OkStatus();
  }

  absl::Status Forward() {
    HG_RETURN_IF_ERROR(NextTokens());
    const int64_t start = MonotonicNanos();
    HG_RETURN_IF_ERROR(
        forward_->SetInput("tokens", tokens_.data(), tokens_.size() * sizeof(int32_t)));
    HG_RETURN_IF_ERROR(forward_->Run());
    HG_RETURN_IF_ERROR(forward_->GetScalar("loss").status());
    forward_seconds_.push_back(1e-9 * static_cast<double>(MonotonicNanos() - start));
    return absl::OkStatus();
  }

  absl::Status TimeForward() {
    const int64_t skipped = std::min<int64_t>(2, options_.warmup);
    const int64_t timed = std::max<int64_t>(3, options_.steps / 2);
    for (int64_t step = 0; step < skipped; ++step) HG_RETURN_IF_ERROR(Forward());
    forward_seconds_.clear();
    for (int64_t step = 0; step < timed; ++step) HG_RETURN_IF_ERROR(Forward());
    return absl::OkStatus();
  }

  // A round of the roofline. Its arrays would count as the model's, so what the model needs is read
  // before the first: by then both Programs have run.
  absl::Status MeasurePeaks() {
    if (!peak_rss_bytes_) peak_rss_bytes_ = PeakResidentBytes();
    if (!huge_page_bytes_) huge_page_bytes_ = HugePageBytes();
    const DType dtype = trainer_->settings().dtype;
    if (options_.backend != "onednn" || dtype == DType::kF64) return absl::OkStatus();
    RooflineOptions options;
    options.dtype = dtype;
    options.seconds = options_.roofline_seconds;
    HG_ASSIGN_OR_RETURN(RooflineRound round, MeasureRoofline(*backend_, options));
    product_rounds_.push_back(std::move(round.products));
    memory_rounds_.push_back(std::move(round.memory));
    peaks_ = {PeakOf(product_rounds_), PeakOf(memory_rounds_)};
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
    result["peak_rss_mb"] = static_cast<double>(*peak_rss_bytes_) / kMebi;
    result["last_loss"] = last_loss_;
    AddMachine(result);
    AddMemory(result);
    AddRates(train, forward, result);
    AddNoise(result);
    return result;
  }

  // From here on what the peer does not print.
  void AddMachine(Json& result) const {
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
    result["highway_target"] = fact("highway_target");
    result["library"] = options_.backend == "onednn" ? absl::StrCat("oneDNN ", fact("onednn"))
                                                     : fact("implementation");
    result["debug_build"] = IsDebugBuild();
  }

  void AddMemory(Json& result) const {
    const MemoryPlan& memory = forward_->memory();
    const int64_t planned = trainer_->PlannedBytes() + forward_->OwnBytes();
    result["planned_mb"] = static_cast<double>(planned) / kMebi;
    result["recomputed"] = trainer_->recomputed();
    result["state_mb"] = static_cast<double>(memory.state_bytes) / kMebi;
    result["huge_pages"] = HugePageSetting();
    result["huge_pages_mb"] =
        huge_page_bytes_ ? Json(static_cast<double>(*huge_page_bytes_) / kMebi) : Json();
  }

  void AddRates(double train, double forward, Json& result) const {
    const StepCost cost = trainer_->CostPerStep();
    const int64_t forward_needed = forward_->graph().CountFlops().needed;
    const int64_t forward_executed = forward_->executed_flops();
    const auto share = [this](int64_t flops, double seconds) {
      const auto work = static_cast<double>(flops);
      return peaks_.product ? Json(work / seconds / peaks_.product->best.per_second) : Json();
    };
    result["needed_train_flops"] = cost.needed_flops;
    result["executed_train_flops"] = cost.executed_flops;
    result["dense_train_flops"] = cost.dense_flops;
    result["needed_train_gflop_per_s"] = GigaPerSecond(cost.needed_flops, train);
    result["executed_train_gflop_per_s"] = GigaPerSecond(cost.executed_flops, train);
    result["needed_forward_flops"] = forward_needed;
    result["executed_forward_flops"] = forward_executed;
    result["needed_forward_gflop_per_s"] = GigaPerSecond(forward_needed, forward);
    result["executed_forward_gflop_per_s"] = GigaPerSecond(forward_executed, forward);
    result["product_peak"] = PeakJson(peaks_.product, "gflop_per_s");
    result["memory_peak"] = PeakJson(peaks_.memory, "gb_per_s");
    result["memory_peak_array_mb"] = static_cast<double>(RooflineArrayBytes()) / kMebi;
    result["train_product_peak_share"] = share(cost.needed_flops, train);
    result["forward_product_peak_share"] = share(forward_needed, forward);
  }

  void AddNoise(Json& result) const {
    NoiseFacts facts;
    facts.training = SteadinessOf(train_seconds_);
    facts.forward = SteadinessOf(forward_seconds_);
    facts.load_at_start = load_at_start_;
    facts.threads = options_.threads;
    if (peaks_.product) facts.peak_spread = peaks_.product->spread;
    result["train_spread"] = facts.training.spread;
    result["train_drift"] = facts.training.drift;
    result["forward_spread"] = facts.forward.spread;
    result["forward_drift"] = facts.forward.drift;
    result["load_average_at_start"] = load_at_start_ ? Json(*load_at_start_) : Json();
    result["warnings"] = NoiseWarnings(facts);
  }

  absl::Status AddOps(Json& result) {
    Program* const programs[] = {&trainer_->accumulate_program(), &trainer_->update_program(),
                                 forward_.get()};
    for (Program* program : programs) program->set_profiling(true);
    for (int run = 0; run < kProfiledRuns; ++run) {
      HG_RETURN_IF_ERROR(NextTokens());
      HG_RETURN_IF_ERROR(trainer_->StepOn(tokens_.data()).status());
      HG_RETURN_IF_ERROR(Forward());
    }
    std::vector<NodeProfile> step = programs[0]->Profile();
    for (NodeProfile& node : programs[1]->Profile()) step.push_back(std::move(node));
    result["ops"] = OpsJson(TotalsByOp(step), peaks_);
    result["forward_ops"] = OpsJson(TotalsByOp(forward_->Profile()), peaks_);
    return absl::OkStatus();
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
  std::vector<std::vector<Rate>> product_rounds_, memory_rounds_;
  Peaks peaks_;
  std::optional<double> load_at_start_;
  std::optional<int64_t> peak_rss_bytes_, huge_page_bytes_;
};

}  // namespace

absl::Status RefuseDebugBuild(bool debug) {
  if (!debug) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "bench: this is a debug build, its times say nothing; build with -c opt, which is the "
      "default");
}

absl::StatusOr<Json> RunBench(const BenchOptions& options) { return Bench(options).Run(); }

}  // namespace hourglass
