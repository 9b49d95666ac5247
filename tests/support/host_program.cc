#include "tests/support/host_program.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass::testing {
namespace {

// The output that holds the new content of a state input, or -1.
int OutputOfState(const Op& op, size_t input) {
  for (const Mutation& mutation : op.Mutates()) {
    if (mutation.state_input == static_cast<int>(input)) return mutation.output;
  }
  return -1;
}

// The state input that an output replaces, or -1.
int StateOfOutput(const Op& op, size_t output) {
  for (const Mutation& mutation : op.Mutates()) {
    if (mutation.output == static_cast<int>(output)) return mutation.state_input;
  }
  return -1;
}

}  // namespace

absl::StatusOr<HostProgram> HostProgram::Compile(Graph graph, std::shared_ptr<Backend> backend,
                                                 std::shared_ptr<State> state,
                                                 ProgramOptions options) {
  HG_ASSIGN_OR_RETURN(
      std::unique_ptr<Program> program,
      Program::Compile(std::move(graph), std::move(backend), state, std::move(options)));
  return HostProgram(std::move(program), std::move(state));
}

absl::Status HostProgram::Set(const std::string& name, const HostTensor& tensor) {
  const std::vector<std::byte> bytes = ToBytes(tensor);
  return program_->SetInput(name, bytes.data(), bytes.size());
}

absl::StatusOr<HostTensor> HostProgram::Get(const std::string& name) const {
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, program_->OutputSpec(name));
  std::vector<std::byte> bytes(static_cast<size_t>(spec.Bytes()));
  HG_RETURN_IF_ERROR(program_->GetOutput(name, bytes.data(), bytes.size()));
  return FromBytes(spec, bytes.data());
}

absl::Status HostProgram::SetState(const std::string& name, const HostTensor& tensor) {
  const std::vector<std::byte> bytes = ToBytes(tensor);
  return state_->Upload(name, bytes.data(), bytes.size());
}

absl::StatusOr<HostTensor> HostProgram::GetState(const std::string& name) const {
  HG_ASSIGN_OR_RETURN(const TensorView view, state_->Find(name));
  std::vector<std::byte> bytes(static_cast<size_t>(view.spec.Bytes()));
  HG_RETURN_IF_ERROR(state_->Download(name, bytes.data(), bytes.size()));
  return FromBytes(view.spec, bytes.data());
}

absl::StatusOr<std::vector<HostTensor>> RunAsProgram(const std::shared_ptr<Backend>& backend,
                                                     const std::shared_ptr<const Op>& op,
                                                     const std::vector<HostTensor>& inputs) {
  Graph graph;
  graph.set_scope("test");
  StateSpec state_spec;
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = absl::StrCat("in", i);
    const bool is_state = OutputOfState(*op, i) >= 0;
    if (is_state) state_spec.Add("arena", name, inputs[i].spec);
    values.push_back(is_state ? graph.State(name, inputs[i].spec)
                              : graph.Input(name, inputs[i].spec));
  }
  const std::vector<Value> results = graph.Add(op, std::move(values));
  HG_RETURN_IF_ERROR(graph.status());
  for (size_t i = 0; i < results.size(); ++i) {
    if (StateOfOutput(*op, i) < 0) graph.MarkOutput(results[i], absl::StrCat("out", i));
  }
  HG_ASSIGN_OR_RETURN(std::shared_ptr<State> state, State::Create(state_spec, backend));
  HG_ASSIGN_OR_RETURN(HostProgram program, HostProgram::Compile(std::move(graph), backend, state));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = absl::StrCat("in", i);
    HG_RETURN_IF_ERROR(OutputOfState(*op, i) >= 0 ? program.SetState(name, inputs[i])
                                                  : program.Set(name, inputs[i]));
  }
  HG_RETURN_IF_ERROR(program.Run());
  std::vector<HostTensor> outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    const int state_input = StateOfOutput(*op, i);
    HG_ASSIGN_OR_RETURN(HostTensor output, state_input >= 0
                                               ? program.GetState(absl::StrCat("in", state_input))
                                               : program.Get(absl::StrCat("out", i)));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace hourglass::testing
