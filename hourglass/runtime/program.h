#pragma once
// A graph made runnable: order, memory and kernels fixed once, run many times without allocating
// tensors.

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/graph/graph.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/runtime/memory_plan.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

// Time spent per node over the runs made while profiling.
struct NodeProfile {
  std::string op;
  std::string scope;
  std::string implementation;
  int64_t nanos = 0;
  int64_t runs = 0;
  int64_t executed_flops = 0;  // per run
  int64_t bytes = 0;           // per run
};

class Program;

struct ProgramOptions {
  MemoryPlanOptions memory;
  int threads = 0;  // 0: ThreadCount()
  // A Program on the same backend that never runs at the same time: its memory for temporaries and
  // for the workspace is taken where it is large enough. It may be destroyed first.
  const Program* share_with = nullptr;
};

// Bytes of the largest workspace that a kernel of the graph asks for; errors as of the backend.
absl::StatusOr<int64_t> LargestWorkspace(const Graph& graph, Backend& backend);

class Program {
 public:
  // Compiles every node on the backend. All errors of graph, plan and backend are found here,
  // before the first step. `state` may be null if the graph uses none.
  static absl::StatusOr<std::unique_ptr<Program>> Compile(Graph graph,
                                                          std::shared_ptr<Backend> backend,
                                                          std::shared_ptr<State> state,
                                                          ProgramOptions options = {});

  // Copies host data into an input, or an output to the host; sizes in bytes must match the spec.
  absl::Status SetInput(std::string_view name, const void* host, size_t bytes);
  absl::Status GetOutput(std::string_view name, void* host, size_t bytes) const;
  // An output of one element as a double, whatever its dtype.
  absl::StatusOr<double> GetScalar(std::string_view name) const;
  bool HasInput(std::string_view name) const;
  // Spec of an input or output; NotFound lists the names there are.
  absl::StatusOr<TensorSpec> InputSpec(std::string_view name) const;
  absl::StatusOr<TensorSpec> OutputSpec(std::string_view name) const;

  // Runs all nodes in order. An error names the node with its scope; outputs are then undefined.
  // `stop`, asked before each node, ends the run with Cancelled: what the nodes before it wrote
  // into the State stays.
  absl::Status Run(const std::function<bool()>& stop = {});
  // Runs one node; for comparisons.
  absl::Status RunNode(int index);

  void set_profiling(bool on) { profiling_ = on; }
  std::vector<NodeProfile> Profile() const;

  const Graph& graph() const { return graph_; }
  const MemoryPlan& memory() const { return plan_; }
  // Memory that this Program has for itself: without the State and without what it shares.
  int64_t OwnBytes() const;
  Backend& backend() const { return *backend_; }
  TensorView view(Value value) const { return views_[static_cast<size_t>(value.id)]; }
  int64_t executed_flops() const { return executed_flops_; }
  // Implementation name -> number of nodes, sorted.
  std::vector<std::pair<std::string, int>> Implementations() const;

  // One line per node (op, attributes, values with specs, place) and a memory summary; the same
  // text for the same graph, whatever the machine.
  std::string Dump() const;

 private:
  struct Step {
    std::unique_ptr<Kernel> kernel;  // null for views
    int64_t executed_flops = 0;      // of a run
    std::vector<TensorView> in, out;
    int64_t nanos = 0;
    int64_t runs = 0;
  };
  Program(Graph graph, std::shared_ptr<Backend> backend, std::shared_ptr<State> state)
      : graph_(std::move(graph)), backend_(std::move(backend)), state_(std::move(state)) {}
  // Input, output, constant, temporary, workspace.
  std::array<int64_t, 5> BlockSizes() const;
  absl::Status AllocateBlocks(const Program* share_with);
  absl::Status CompileKernels();
  absl::Status PlaceValues();
  absl::Status FillConstants();
  absl::StatusOr<Value> FindInput(std::string_view name) const;
  absl::StatusOr<Value> FindOutput(std::string_view name) const;

  Graph graph_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<State> state_;
  MemoryPlan plan_;
  std::vector<std::shared_ptr<std::byte>> blocks_;  // as BlockSizes
  int64_t shared_bytes_ = 0;                        // of them: another Program's
  std::span<std::byte> workspace_;
  std::vector<TensorView> views_;
  std::vector<Step> steps_;
  RunContext context_;
  int64_t executed_flops_ = 0;
  bool profiling_ = false;
};

}  // namespace hourglass
