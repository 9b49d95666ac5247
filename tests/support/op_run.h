#pragma once
// One kernel with memory around it, without Graph or Program, so that a test sees exactly what the
// kernel does to its buffers.

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "tests/support/host_tensor.h"

namespace hourglass::testing {

struct OpRunOptions {
  int threads = 1;
  bool in_place = false;  // outputs take over inputs wherever the op permits it
};

class OpRun {
 public:
  // Infers, compiles and allocates. Errors of the op and of the backend are passed on.
  static absl::StatusOr<std::unique_ptr<OpRun>> Prepare(std::shared_ptr<Backend> backend,
                                                        std::shared_ptr<const Op> op,
                                                        std::vector<HostTensor> inputs,
                                                        OpRunOptions options = {});

  // Writes the inputs, fills outputs and workspace with NaN bytes, runs. Internal if the kernel
  // wrote outside its outputs and workspace or into an input that it may not touch.
  absl::Status Run();
  // Only the kernel, on whatever is in memory: for timing.
  absl::Status RunAgain();
  // Writes inputs, outputs and workspace back and drops them from every cache, so that the next run
  // has to fetch them from memory.
  void DropFromCaches() const;

  std::vector<HostTensor> Outputs() const;
  std::vector<std::vector<std::byte>> OutputBytes() const;
  // Null for views.
  const Kernel* kernel() const { return kernel_.get(); }
  const NodeSpecs& specs() const { return specs_; }
  Cost Count() const { return op_->Count(specs_.inputs, specs_.outputs); }

 private:
  // A buffer with a guard zone behind it.
  struct Memory {
    Backend::Buffer buffer;
    size_t bytes = 0;
  };

  OpRun() = default;
  absl::Status Allocate(const OpRunOptions& options);
  absl::StatusOr<Memory> NewMemory(size_t bytes);
  absl::Status Poison(Memory& memory, bool content);
  absl::Status CheckGuards() const;
  absl::Status CheckInputs() const;

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const Op> op_;
  NodeSpecs specs_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<HostTensor> inputs_;
  std::vector<Memory> memories_;        // inputs, outputs of their own, workspace
  std::vector<bool> input_taken_over_;  // by an output
  std::vector<TensorView> in_, out_;
  std::span<std::byte> workspace_;
  RunContext context_;
};

// Prepares, runs, returns the outputs.
absl::StatusOr<std::vector<HostTensor>> RunOp(std::shared_ptr<Backend> backend,
                                              std::shared_ptr<const Op> op,
                                              std::vector<HostTensor> inputs,
                                              OpRunOptions options = {});

}  // namespace hourglass::testing
