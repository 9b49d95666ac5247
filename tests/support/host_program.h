#pragma once
// A Program whose tensors are set and read as doubles.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "hourglass/runtime/program.h"
#include "tests/support/host_tensor.h"

namespace hourglass::testing {

class HostProgram {
 public:
  // The State, if any, is on the same backend.
  static absl::StatusOr<HostProgram> Compile(Graph graph, std::shared_ptr<Backend> backend,
                                             std::shared_ptr<State> state = nullptr,
                                             ProgramOptions options = {});

  absl::Status Set(const std::string& name, const HostTensor& tensor);
  absl::StatusOr<HostTensor> Get(const std::string& name) const;
  absl::Status SetState(const std::string& name, const HostTensor& tensor);
  absl::StatusOr<HostTensor> GetState(const std::string& name) const;
  absl::Status Run() { return program_->Run(); }
  Program& program() { return *program_; }

 private:
  HostProgram(std::unique_ptr<Program> program, std::shared_ptr<State> state)
      : program_(std::move(program)), state_(std::move(state)) {}
  std::unique_ptr<Program> program_;
  std::shared_ptr<State> state_;
};

// A Program of one node: inputs "in0", "in1", ... (those that the op changes are state of the same
// names), outputs "out0", ...; sets the inputs, runs it, returns all outputs.
absl::StatusOr<std::vector<HostTensor>> RunAsProgram(const std::shared_ptr<Backend>& backend,
                                                     const std::shared_ptr<const Op>& op,
                                                     const std::vector<HostTensor>& inputs);

}  // namespace hourglass::testing
