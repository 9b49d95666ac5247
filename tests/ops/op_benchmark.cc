// Speed of every op case on every backend, from the table of the tests:
//   ./bazelw run //tests/ops:op_benchmark -- --benchmark_filter=onednn/attention
// Each is timed warm, run after run, and cold, with all its tensors dropped from the caches before
// every run. Counters: needed and executed FLOP/s of products, bytes/s (inputs read once, outputs
// written once). The thread count is the machine's, or OMP_NUM_THREADS.

#include <benchmark/benchmark.h>

#include "hourglass/base/clock.h"
#include "hourglass/base/parallel_for.h"
#include "tests/support/backends.h"
#include "tests/support/op_case.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

enum class Caches { kWarm, kCold };

void RunCase(benchmark::State& state, const BackendUnderTest& backend, const OpCase& op_case,
             DType dtype, int threads, Caches caches) {
  const auto run = OpRun::Prepare(backend.make(), op_case.make(dtype), MakeInputs(op_case, dtype),
                                  {.threads = threads});
  if (!run.ok()) {
    state.SkipWithError(run.status().ToString().c_str());
    return;
  }
  absl::Status status = (*run)->Run();  // content and warm-up
  if (caches == Caches::kWarm) {
    for (auto _ : state) {
      if (status.ok()) status = (*run)->RunAgain();
    }
  } else {
    for (auto _ : state) {
      (*run)->DropFromCaches();
      const int64_t start = MonotonicNanos();
      if (status.ok()) status = (*run)->RunAgain();
      state.SetIterationTime(1e-9 * static_cast<double>(MonotonicNanos() - start));
    }
  }
  if (!status.ok()) state.SkipWithError(status.ToString().c_str());
  const auto rate = [](int64_t per_run) {
    return benchmark::Counter(static_cast<double>(per_run),
                              benchmark::Counter::kIsIterationInvariantRate);
  };
  const Cost cost = (*run)->Count();
  const int64_t executed = (*run)->kernel() ? (*run)->kernel()->Executed() : 0;
  if (cost.needed > 0) state.counters["needed_flop/s"] = rate(cost.needed);
  if (executed > 0) state.counters["executed_flop/s"] = rate(executed);
  state.counters["bytes/s"] = rate(cost.bytes);
}

// Whether the backend compiles the case; views are no work.
bool IsWork(const BackendUnderTest& backend, const OpCase& op_case, DType dtype) {
  const std::shared_ptr<const Op> op = op_case.make(dtype);
  NodeSpecs specs{op.get(), {}, {}, "benchmark"};
  for (const CaseInput& input : op_case.inputs) {
    specs.inputs.push_back({input.shape, input.TypeIn(dtype)});
  }
  const auto outputs = op->Infer(specs.inputs);
  if (!outputs.ok() || op->View(0)) return false;
  specs.outputs = *outputs;
  return backend.make()->Compile(specs).ok();
}

void Register(const BackendUnderTest& backend, const OpCase& op_case, DType dtype, int threads) {
  if (!IsWork(backend, op_case, dtype)) return;
  const std::string name = backend.name + "/" + op_case.name + "/" + std::string(Name(dtype));
  const auto add = [&](const char* suffix, Caches caches) {
    return benchmark::RegisterBenchmark(
        (name + suffix).c_str(),
        [&backend, &op_case, dtype, threads, caches](benchmark::State& state) {
          RunCase(state, backend, op_case, dtype, threads, caches);
        });
  };
  // Warm by the library's clock around all runs: two readings around each would be seen in the
  // smallest ops. Cold it cannot be otherwise.
  add("/warm", Caches::kWarm)->UseRealTime();
  add("/cold", Caches::kCold)->UseManualTime();
}

// The rows of the tests, and those of real size except on the reference.
void RegisterAll() {
  const int threads = ThreadCount();
  for (const BackendUnderTest& backend : AllBackends()) {
    for (const DType dtype : backend.dtypes) {
      for (const OpCase& op_case : AllOpCases()) Register(backend, op_case, dtype, threads);
      if (backend.name == "reference") continue;
      for (const OpCase& op_case : SpeedOpCases()) Register(backend, op_case, dtype, threads);
    }
  }
}

}  // namespace
}  // namespace hourglass::testing

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  hourglass::testing::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
