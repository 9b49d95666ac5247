#include "tests/support/op_run.h"

#include <immintrin.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass::testing {
namespace {

constexpr size_t kGuardBytes = 256;
constexpr std::byte kPoison{0xff};  // NaN in every floating type

// The input whose memory an output has to share, or may share and should here.
int SharedInput(const Op& op, int output, bool in_place) {
  for (const Mutation& mutation : op.Mutates()) {
    if (mutation.output == output) return mutation.state_input;
  }
  if (const auto alias = op.View(output)) return alias->input;
  if (in_place) return op.MayRunInPlace(output).value_or(-1);
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OpRun>> OpRun::Prepare(std::shared_ptr<Backend> backend,
                                                      std::shared_ptr<const Op> op,
                                                      std::vector<HostTensor> inputs,
                                                      OpRunOptions options) {
  std::unique_ptr<OpRun> run(new OpRun());
  run->specs_.op = op.get();
  run->specs_.scope = "test";
  run->specs_.inputs = SpecsOf(inputs);
  HG_ASSIGN_OR_RETURN(run->specs_.outputs, op->Infer(run->specs_.inputs));
  run->backend_ = std::move(backend);
  run->op_ = std::move(op);
  run->inputs_ = std::move(inputs);
  SetThreadCount(options.threads);
  run->context_.threads = options.threads;
  if (!run->op_->View(0)) {
    HG_ASSIGN_OR_RETURN(run->kernel_, run->backend_->Compile(run->specs_));
  }
  HG_RETURN_IF_ERROR(run->Allocate(options));
  return run;
}

absl::StatusOr<OpRun::Memory> OpRun::NewMemory(size_t bytes) {
  HG_ASSIGN_OR_RETURN(Backend::Buffer buffer, backend_->Allocate(bytes + kGuardBytes));
  return Memory{std::move(buffer), bytes};
}

absl::Status OpRun::Allocate(const OpRunOptions& options) {
  for (const TensorSpec& spec : specs_.inputs) {
    HG_ASSIGN_OR_RETURN(Memory memory, NewMemory(static_cast<size_t>(spec.Bytes())));
    in_.push_back({spec, memory.buffer.get()});
    memories_.push_back(std::move(memory));
  }
  input_taken_over_.assign(in_.size(), false);
  for (size_t i = 0; i < specs_.outputs.size(); ++i) {
    const int shared = SharedInput(*op_, static_cast<int>(i), options.in_place);
    if (shared >= 0) {
      out_.push_back({specs_.outputs[i], in_[static_cast<size_t>(shared)].data});
      input_taken_over_[static_cast<size_t>(shared)] = true;
      continue;
    }
    HG_ASSIGN_OR_RETURN(Memory memory, NewMemory(static_cast<size_t>(specs_.outputs[i].Bytes())));
    out_.push_back({specs_.outputs[i], memory.buffer.get()});
    memories_.push_back(std::move(memory));
  }
  HG_ASSIGN_OR_RETURN(Memory memory, NewMemory(kernel_ ? kernel_->WorkspaceBytes() : 0));
  workspace_ = {memory.buffer.get(), memory.bytes};
  memories_.push_back(std::move(memory));
  return absl::OkStatus();
}

absl::Status OpRun::Poison(Memory& memory, bool content) {
  const std::vector<std::byte> poison((content ? memory.bytes : 0) + kGuardBytes, kPoison);
  const size_t offset = content ? 0 : memory.bytes;
  return backend_->Upload(memory.buffer.get() + offset, poison.data(), poison.size());
}

absl::Status OpRun::Run() {
  for (size_t i = 0; i < memories_.size(); ++i) {
    HG_RETURN_IF_ERROR(Poison(memories_[i], i >= in_.size()));
  }
  for (size_t i = 0; i < in_.size(); ++i) {
    const std::vector<std::byte> bytes = ToBytes(inputs_[i]);
    HG_RETURN_IF_ERROR(backend_->Upload(in_[i].data, bytes.data(), bytes.size()));
  }
  HG_RETURN_IF_ERROR(RunAgain());
  HG_RETURN_IF_ERROR(CheckGuards());
  return CheckInputs();
}

absl::Status OpRun::RunAgain() {
  if (kernel_ != nullptr) HG_RETURN_IF_ERROR(kernel_->Run(context_, in_, out_, workspace_));
  return backend_->Synchronize();
}

void OpRun::DropFromCaches() const {
  constexpr size_t kLine = 64;
  for (const Memory& memory : memories_) {
    for (size_t at = 0; at < memory.bytes; at += kLine) _mm_clflush(memory.buffer.get() + at);
  }
  _mm_mfence();
}

absl::Status OpRun::CheckGuards() const {
  for (size_t i = 0; i < memories_.size(); ++i) {
    std::vector<std::byte> guard(kGuardBytes);
    const Memory& memory = memories_[i];
    HG_RETURN_IF_ERROR(
        backend_->Download(guard.data(), memory.buffer.get() + memory.bytes, guard.size()));
    if (std::ranges::any_of(guard, [](std::byte byte) { return byte != kPoison; })) {
      return absl::InternalError(absl::StrCat(specs_.ToString(), " wrote behind buffer ", i,
                                              " of inputs (", in_.size(),
                                              "), outputs and workspace"));
    }
  }
  return absl::OkStatus();
}

absl::Status OpRun::CheckInputs() const {
  for (size_t i = 0; i < in_.size(); ++i) {
    if (input_taken_over_[i]) continue;
    const std::vector<std::byte> before = ToBytes(inputs_[i]);
    std::vector<std::byte> after(before.size());
    HG_RETURN_IF_ERROR(backend_->Download(after.data(), in_[i].data, after.size()));
    if (before != after) {
      return absl::InternalError(absl::StrCat(specs_.ToString(), " changed its input ", i));
    }
  }
  return absl::OkStatus();
}

std::vector<std::vector<std::byte>> OpRun::OutputBytes() const {
  std::vector<std::vector<std::byte>> all;
  for (const TensorView& view : out_) {
    std::vector<std::byte> bytes(static_cast<size_t>(view.spec.Bytes()));
    HG_CHECK(backend_->Download(bytes.data(), view.data, bytes.size()).ok());
    all.push_back(std::move(bytes));
  }
  return all;
}

std::vector<HostTensor> OpRun::Outputs() const {
  std::vector<HostTensor> tensors;
  const std::vector<std::vector<std::byte>> bytes = OutputBytes();
  for (size_t i = 0; i < out_.size(); ++i) {
    tensors.push_back(FromBytes(out_[i].spec, bytes[i].data()));
  }
  return tensors;
}

absl::StatusOr<std::vector<HostTensor>> RunOp(std::shared_ptr<Backend> backend,
                                              std::shared_ptr<const Op> op,
                                              std::vector<HostTensor> inputs,
                                              OpRunOptions options) {
  HG_ASSIGN_OR_RETURN(
      const std::unique_ptr<OpRun> run,
      OpRun::Prepare(std::move(backend), std::move(op), std::move(inputs), options));
  HG_RETURN_IF_ERROR(run->Run());
  return run->Outputs();
}

}  // namespace hourglass::testing
