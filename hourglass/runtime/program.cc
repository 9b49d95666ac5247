#include "hourglass/runtime/program.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/base/check.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using Block = MemoryPlan::Block;

NodeSpecs SpecsOf(const Graph& graph, const Node& node) {
  NodeSpecs specs{node.op.get(), {}, {}, node.scope};
  for (const Value value : node.inputs) specs.inputs.push_back(graph.spec(value));
  for (const Value value : node.outputs) specs.outputs.push_back(graph.spec(value));
  return specs;
}

template <typename T>
void FillTyped(const ValueInfo& value, std::byte* out) {
  T* data = reinterpret_cast<T*>(out);
  for (int64_t i = 0; i < value.spec.Elements(); ++i) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      data[i] = BFloat16(static_cast<float>(value.fill(i)));
    } else {
      data[i] = static_cast<T>(value.fill(i));
    }
  }
}

std::vector<std::byte> FillHost(const ValueInfo& value) {
  std::vector<std::byte> bytes(static_cast<size_t>(value.spec.Bytes()));
  switch (value.spec.dtype) {
    case DType::kF32:
      FillTyped<float>(value, bytes.data());
      break;
    case DType::kBF16:
      FillTyped<BFloat16>(value, bytes.data());
      break;
    case DType::kF64:
      FillTyped<double>(value, bytes.data());
      break;
    case DType::kI32:
      FillTyped<int32_t>(value, bytes.data());
      break;
    case DType::kU32:
      FillTyped<uint32_t>(value, bytes.data());
      break;
  }
  return bytes;
}

std::string_view BlockName(Block block) {
  switch (block) {
    case Block::kInput:
      return "input";
    case Block::kOutput:
      return "output";
    case Block::kConstant:
      return "constant";
    case Block::kTemporary:
      return "temporary";
    case Block::kState:
      return "state";
    case Block::kNone:
      break;
  }
  return "none";
}

absl::Status SizeMismatch(std::string_view what, std::string_view name, const TensorSpec& spec,
                          size_t bytes) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " '", std::string(name),
                                                 "' is ", spec.ToString(), ", got ", bytes,
                                                 " bytes"));
}

}  // namespace

absl::StatusOr<int64_t> LargestWorkspace(const Graph& graph, Backend& backend) {
  int64_t largest = 0;
  for (const Node& node : graph.nodes()) {
    if (node.op->View(0)) continue;
    auto kernel = backend.Compile(SpecsOf(graph, node));
    if (!kernel.ok()) return kernel.status();
    largest = std::max(largest, static_cast<int64_t>((*kernel)->WorkspaceBytes()));
  }
  return largest;
}

absl::StatusOr<std::unique_ptr<Program>> Program::Compile(Graph graph,
                                                          std::shared_ptr<Backend> backend,
                                                          std::shared_ptr<State> state,
                                                          ProgramOptions options) {
  HG_RETURN_IF_ERROR(graph.status());
  std::unique_ptr<Program> program(
      new Program(std::move(graph), std::move(backend), std::move(state)));
  program->context_.threads = options.threads > 0 ? options.threads : ThreadCount();
  const StateSpec none;
  HG_ASSIGN_OR_RETURN(program->plan_,
                      PlanMemory(program->graph_, program->state_ ? program->state_->spec() : none,
                                 options.memory));
  HG_RETURN_IF_ERROR(program->CompileKernels());
  HG_RETURN_IF_ERROR(program->AllocateBlocks(options.share_with));
  HG_RETURN_IF_ERROR(program->PlaceValues());
  HG_RETURN_IF_ERROR(program->FillConstants());
  return program;
}

absl::Status Program::CompileKernels() {
  for (const Node& node : graph_.nodes()) {
    Step step;
    if (!node.op->View(0)) {
      auto kernel = backend_->Compile(SpecsOf(graph_, node));
      if (!kernel.ok()) return kernel.status();
      step.kernel = *std::move(kernel);
      plan_.workspace_bytes =
          std::max(plan_.workspace_bytes, static_cast<int64_t>(step.kernel->WorkspaceBytes()));
      step.executed_flops = step.kernel->Executed();
      executed_flops_ += step.executed_flops;
    }
    steps_.push_back(std::move(step));
  }
  return absl::OkStatus();
}

std::array<int64_t, 5> Program::BlockSizes() const {
  return {plan_.input_bytes, plan_.output_bytes, plan_.constant_bytes, plan_.temporary_bytes,
          plan_.workspace_bytes};
}

absl::Status Program::AllocateBlocks(const Program* share_with) {
  constexpr size_t kFirstShared = 3;  // what lies before is read between runs
  const std::array<int64_t, 5> sizes = BlockSizes();
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i >= kFirstShared && share_with != nullptr && sizes[i] <= share_with->BlockSizes()[i]) {
      blocks_.push_back(share_with->blocks_[i]);
      shared_bytes_ += sizes[i];
      continue;
    }
    HG_ASSIGN_OR_RETURN(Backend::Buffer block, backend_->Allocate(static_cast<size_t>(sizes[i])));
    blocks_.emplace_back(std::move(block));
  }
  return absl::OkStatus();
}

int64_t Program::OwnBytes() const { return plan_.PeakBytes() - plan_.state_bytes - shared_bytes_; }

absl::Status Program::PlaceValues() {
  workspace_ = {blocks_[4].get(), static_cast<size_t>(plan_.workspace_bytes)};
  for (size_t i = 0; i < graph_.values().size(); ++i) {
    const MemoryPlan::Place& place = plan_.places[i];
    TensorView view{graph_.values()[i].spec, nullptr};
    switch (place.block) {
      case Block::kInput:
        view.data = blocks_[0].get() + place.offset;
        break;
      case Block::kOutput:
        view.data = blocks_[1].get() + place.offset;
        break;
      case Block::kConstant:
        view.data = blocks_[2].get() + place.offset;
        break;
      case Block::kTemporary:
        view.data = blocks_[3].get() + place.offset;
        break;
      case Block::kState: {
        const std::string& arena = state_->spec().arenas()[static_cast<size_t>(place.arena)].name;
        HG_ASSIGN_OR_RETURN(const TensorView whole, state_->Find(arena));
        view.data = static_cast<std::byte*>(whole.data) + place.offset;
        break;
      }
      case Block::kNone:
        break;
    }
    views_.push_back(view);
  }
  for (size_t n = 0; n < graph_.nodes().size(); ++n) {
    const Node& node = graph_.nodes()[n];
    for (const Value value : node.inputs) steps_[n].in.push_back(view(value));
    for (const Value value : node.outputs) steps_[n].out.push_back(view(value));
  }
  return absl::OkStatus();
}

absl::Status Program::FillConstants() {
  for (size_t i = 0; i < graph_.values().size(); ++i) {
    const ValueInfo& value = graph_.values()[i];
    if (value.kind != ValueKind::kConstant) continue;
    const std::vector<std::byte> bytes = FillHost(value);
    HG_RETURN_IF_ERROR(backend_->Upload(views_[i].data, bytes.data(), bytes.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Program::FindInput(std::string_view name) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < graph_.values().size(); ++i) {
    const ValueInfo& value = graph_.values()[i];
    if (value.kind != ValueKind::kInput) continue;
    if (value.name == name) return Value{static_cast<int32_t>(i)};
    names.push_back(value.name);
  }
  return absl::NotFoundError(
      absl::StrCat("no input '", std::string(name), "'; there are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<Value> Program::FindOutput(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& [known, value] : graph_.outputs()) {
    if (known == name) return value;
    names.push_back(known);
  }
  return absl::NotFoundError(
      absl::StrCat("no output '", std::string(name), "'; there are: ", absl::StrJoin(names, ", ")));
}

bool Program::HasInput(std::string_view name) const { return FindInput(name).ok(); }

absl::StatusOr<TensorSpec> Program::InputSpec(std::string_view name) const {
  HG_ASSIGN_OR_RETURN(const Value value, FindInput(name));
  return graph_.spec(value);
}

absl::StatusOr<TensorSpec> Program::OutputSpec(std::string_view name) const {
  HG_ASSIGN_OR_RETURN(const Value value, FindOutput(name));
  return graph_.spec(value);
}

absl::Status Program::SetInput(std::string_view name, const void* host, size_t bytes) {
  HG_ASSIGN_OR_RETURN(const Value value, FindInput(name));
  const TensorView target = view(value);
  if (target.spec.Bytes() != static_cast<int64_t>(bytes)) {
    return SizeMismatch("input", name, target.spec, bytes);
  }
  return backend_->Upload(target.data, host, bytes);
}

absl::Status Program::GetOutput(std::string_view name, void* host, size_t bytes) const {
  HG_ASSIGN_OR_RETURN(const Value value, FindOutput(name));
  const TensorView source = view(value);
  if (source.spec.Bytes() != static_cast<int64_t>(bytes)) {
    return SizeMismatch("output", name, source.spec, bytes);
  }
  return backend_->Download(host, source.data, bytes);
}

absl::StatusOr<double> Program::GetScalar(std::string_view name) const {
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, OutputSpec(name));
  if (spec.Elements() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("output '", std::string(name), "' is ", spec.ToString(), ", not one number"));
  }
  if (spec.dtype == DType::kF64) {
    double number = 0;
    HG_RETURN_IF_ERROR(GetOutput(name, &number, sizeof(number)));
    return number;
  }
  if (spec.dtype == DType::kF32) {
    float number = 0;
    HG_RETURN_IF_ERROR(GetOutput(name, &number, sizeof(number)));
    return static_cast<double>(number);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("output '", std::string(name), "' is ", spec.ToString(), ", not f32 or f64"));
}

absl::Status Program::RunNode(int index) {
  Step& step = steps_[static_cast<size_t>(index)];
  if (step.kernel == nullptr) return absl::OkStatus();
  const int64_t start = profiling_ ? MonotonicNanos() : 0;
  absl::Status status = step.kernel->Run(context_, step.in, step.out, workspace_);
  if (!status.ok()) {
    const Node& node = graph_.nodes()[static_cast<size_t>(index)];
    return absl::Status(status.code(),
                        absl::StrCat(std::string(status.message()), " (in '", node.scope, "')"));
  }
  if (profiling_) {
    HG_RETURN_IF_ERROR(backend_->Synchronize());
    step.nanos += MonotonicNanos() - start;
    ++step.runs;
  }
  return absl::OkStatus();
}

absl::Status Program::Run(const std::function<bool()>& stop) {
  for (int n = 0; n < static_cast<int>(steps_.size()); ++n) {
    if (stop && stop()) return absl::CancelledError("stopped between two nodes");
    HG_RETURN_IF_ERROR(RunNode(n));
  }
  return backend_->Synchronize();
}

std::vector<NodeProfile> Program::Profile() const {
  std::vector<NodeProfile> profile;
  for (size_t n = 0; n < steps_.size(); ++n) {
    const Step& step = steps_[n];
    if (step.kernel == nullptr) continue;
    const Node& node = graph_.nodes()[n];
    const NodeSpecs specs = SpecsOf(graph_, node);
    profile.push_back({std::string(node.op->Name()), node.scope, step.kernel->Implementation(),
                       step.nanos, step.runs, step.executed_flops,
                       node.op->Count(specs.inputs, specs.outputs).bytes});
  }
  return profile;
}

std::vector<std::pair<std::string, int>> Program::Implementations() const {
  std::map<std::string, int> counts;
  for (const Step& step : steps_) {
    if (step.kernel != nullptr) ++counts[step.kernel->Implementation()];
  }
  return {counts.begin(), counts.end()};
}

std::string Program::Dump() const {
  const auto describe = [this](std::string* out, Value value) {
    const ValueInfo& info = graph_.info(value);
    const MemoryPlan::Place& place = plan_.places[static_cast<size_t>(value.id)];
    absl::StrAppend(out, info.name, ":", info.spec.ToString(), "@",
                    std::string(BlockName(place.block)), "+", place.offset);
  };
  std::string text;
  for (size_t n = 0; n < graph_.nodes().size(); ++n) {
    const Node& node = graph_.nodes()[n];
    const std::string attributes = node.op->Attributes();
    absl::StrAppend(&text, n, " ", std::string(node.op->Name()),
                    attributes.empty() ? "" : absl::StrCat("{", attributes, "}"), "(",
                    absl::StrJoin(node.inputs, ", ", describe), ") -> ",
                    absl::StrJoin(node.outputs, ", ", describe), " '", node.scope, "'\n");
  }
  absl::StrAppend(&text, "memory: input ", plan_.input_bytes, " output ", plan_.output_bytes,
                  " constant ", plan_.constant_bytes, " temporary ", plan_.temporary_bytes,
                  " state ", plan_.state_bytes, " bytes\n");
  return text;
}

}  // namespace hourglass
