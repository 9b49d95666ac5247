// What a Program costs beside its kernels:
//   ./bazelw run //tests/runtime:dispatch_benchmark
//
// no_op: a Program of 1,000 nodes that do nothing; `s_per_node` is to stay below 0.1 us.
// step: one training step of 2@1 at d_model 64, length 64, batch 1, in turns with the same kernels
// called one after the other by hand on the same memory; medians of both, and how much more the
// step takes: `above_by_hand_percent` is to stay below 5.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/check.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "hourglass/data/dataset.h"
#include "hourglass/model/hourglass_lm.h"
#include "hourglass/runtime/program.h"
#include "hourglass/train/trainer.h"

namespace hourglass {
namespace {

// --- nodes that do nothing ---

class NoOp : public Op {
 public:
  std::string_view Name() const override { return "no_op"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override {
    return std::vector<TensorSpec>(in.begin(), in.end());
  }
};

class NoOpKernel : public Kernel {
 public:
  absl::Status Run(const RunContext&, std::span<const TensorView>, std::span<const TensorView>,
                   std::span<std::byte>) override {
    return absl::OkStatus();
  }
  std::string Implementation() const override { return "no_op"; }
};

class NoOpBackend : public HostBackend {
 public:
  std::string_view Name() const override { return "no_op"; }
  std::map<std::string, std::string> Describe() const override { return {}; }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs&) override {
    return std::make_unique<NoOpKernel>();
  }
};

void RunNoOps(benchmark::State& state) {
  constexpr int kNodes = 1000;
  Graph graph;
  Value x = graph.Input("x", {Shape{16}, DType::kF32});
  for (int i = 0; i < kNodes; ++i) x = graph.Add1(std::make_shared<NoOp>(), {x});
  graph.MarkOutput(x, "y");
  const auto program = Program::Compile(std::move(graph), std::make_shared<NoOpBackend>(), nullptr);
  HG_CHECK(program.ok());
  for (auto _ : state) HG_CHECK((*program)->Run().ok());
  state.counters["nodes"] = static_cast<double>((*program)->graph().nodes().size());
  state.counters["s_per_node"] = benchmark::Counter(
      kNodes, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// --- a training step ---

// The kernels of a Program, compiled once more and run on its memory without it.
class ByHand {
 public:
  static absl::StatusOr<ByHand> Of(const Program& program, Backend& backend) {
    ByHand by_hand;
    size_t workspace = 0;
    for (const Node& node : program.graph().nodes()) {
      if (node.op->View(0)) continue;
      NodeSpecs specs{node.op.get(), {}, {}, node.scope};
      Call call;
      for (const Value value : node.inputs) {
        specs.inputs.push_back(program.graph().spec(value));
        call.in.push_back(program.view(value));
      }
      for (const Value value : node.outputs) {
        specs.outputs.push_back(program.graph().spec(value));
        call.out.push_back(program.view(value));
      }
      HG_ASSIGN_OR_RETURN(call.kernel, backend.Compile(specs));
      workspace = std::max(workspace, call.kernel->WorkspaceBytes());
      by_hand.calls_.push_back(std::move(call));
    }
    HG_ASSIGN_OR_RETURN(by_hand.memory_, backend.Allocate(workspace));
    by_hand.workspace_ = {by_hand.memory_.get(), workspace};
    by_hand.context_.threads = ThreadCount();
    return by_hand;
  }

  void Run() {
    for (Call& call : calls_) {
      HG_CHECK(call.kernel->Run(context_, call.in, call.out, workspace_).ok());
    }
  }
  size_t size() const { return calls_.size(); }

 private:
  struct Call {
    std::unique_ptr<Kernel> kernel;
    std::vector<TensorView> in, out;
  };
  std::vector<Call> calls_;
  Backend::Buffer memory_;
  std::span<std::byte> workspace_;
  RunContext context_;
};

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer() {
  ModelConfig config;
  config.hierarchy = "2@1";
  config.d_model = 64;
  config.d_ff = 256;
  config.n_heads = 4;
  config.dropout = 0;
  TrainSettings settings;
  settings.batch = 1;
  settings.length = 64;
  settings.schedule.kind = ScheduleKind::kConstant;
  settings.schedule.rate = 1e-4;
  settings.schedule.warmup = 1;
  HG_ASSIGN_OR_RETURN(std::shared_ptr<const LanguageModel> model, MakeHourglassLm(config));
  return Trainer::Create(std::move(model), MakeOneDnnBackend(),
                         std::make_shared<RandomTokens>(config.vocab_size), settings);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void RunStep(benchmark::State& state) {
  SetThreadCount(static_cast<int>(state.range(0)));
  const auto trainer = MakeTrainer();
  HG_CHECK(trainer.ok());
  Backend& backend = *(*trainer)->backend();
  auto accumulate = ByHand::Of((*trainer)->accumulate_program(), backend);
  auto update = ByHand::Of((*trainer)->update_program(), backend);
  HG_CHECK(accumulate.ok() && update.ok());
  std::vector<int32_t> tokens(64);
  HG_CHECK(RandomTokens(256).Fill(0, 0, 1, 64, tokens.data()).ok());
  const auto run_step = [&] { HG_CHECK((*trainer)->StepOn(tokens.data()).ok()); };
  const auto run_by_hand = [&] {
    accumulate->Run();
    update->Run();
  };
  const auto seconds = [](const auto& run) {
    const int64_t start = MonotonicNanos();
    run();
    return 1e-9 * static_cast<double>(MonotonicNanos() - start);
  };
  run_step();
  run_by_hand();
  std::vector<double> step, by_hand;
  for (auto _ : state) {
    // Now the one first, now the other: what comes second finds other things in the caches.
    const bool step_first = step.size() % 2 == 0;
    if (step_first) step.push_back(seconds(run_step));
    by_hand.push_back(seconds(run_by_hand));
    if (!step_first) step.push_back(seconds(run_step));
    state.SetIterationTime(step.back());
  }
  state.counters["kernels"] = static_cast<double>(accumulate->size() + update->size());
  state.counters["step_us"] = 1e6 * Median(step);
  state.counters["by_hand_us"] = 1e6 * Median(by_hand);
  state.counters["above_by_hand_percent"] = 100 * (Median(step) / Median(by_hand) - 1);
}

BENCHMARK(RunNoOps)->Name("no_op")->UseRealTime();
BENCHMARK(RunStep)->Name("step")->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
}  // namespace hourglass

BENCHMARK_MAIN();
