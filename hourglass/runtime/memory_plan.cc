#include "hourglass/runtime/memory_plan.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using Block = MemoryPlan::Block;

constexpr int64_t kAlignment = 64;
int64_t RoundUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Values that share memory form one buffer; `root` is the value that owns it.
struct Buffer {
  int64_t bytes = 0;
  int first = 0;  // node that writes it first
  int last = -1;  // last node that touches it
  int64_t offset = -1;
};

class Planner {
 public:
  Planner(const Graph& graph, const StateSpec& state, const MemoryPlanOptions& options)
      : graph_(graph),
        state_(state),
        options_(options),
        root_(graph.values().size()),
        shift_(graph.values().size(), 0),
        last_use_(graph.values().size(), -1),
        is_output_(graph.values().size(), false) {}

  absl::StatusOr<MemoryPlan> Run() {
    for (size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<int>(i);
    FindLastUses();
    HG_RETURN_IF_ERROR(ShareMemory());
    HG_RETURN_IF_ERROR(PlaceState());
    HG_RETURN_IF_ERROR(CheckStateOrder());
    PlaceFixed();
    PlaceTemporaries();
    for (size_t i = 0; i < root_.size(); ++i) {
      const size_t root = static_cast<size_t>(root_[i]);
      plan_.places[i] = plan_.places[root];
      plan_.places[i].offset += shift_[i];
    }
    return std::move(plan_);
  }

 private:
  const ValueInfo& info(size_t id) const { return graph_.values()[id]; }

  void FindLastUses() {
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      for (const Value in : graph_.nodes()[n].inputs) {
        last_use_[static_cast<size_t>(in.id)] = static_cast<int>(n);
      }
    }
    for (const auto& [name, value] : graph_.outputs()) {
      is_output_[static_cast<size_t>(value.id)] = true;
    }
  }

  void Share(Value out, Value in, int64_t byte_offset) {
    const size_t o = static_cast<size_t>(out.id), i = static_cast<size_t>(in.id);
    root_[o] = root_[i];
    shift_[o] = shift_[i] + byte_offset;
  }

  // Last node that touches any value of the buffer of `root`, among values made so far.
  int LastUseOfBuffer(int root, size_t before_value) const {
    int last = -1;
    for (size_t i = 0; i < before_value; ++i) {
      if (root_[i] != root) continue;
      last = std::max(last, is_output_[i] ? static_cast<int>(graph_.nodes().size()) : last_use_[i]);
    }
    return last;
  }

  absl::Status ShareMemory() {
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Node& node = graph_.nodes()[n];
      for (const Mutation& mutation : node.op->Mutates()) {
        const Value in = node.inputs[static_cast<size_t>(mutation.state_input)];
        if (graph_.info(in).kind != ValueKind::kState) {
          return absl::FailedPreconditionError(
              absl::StrCat("'", std::string(node.op->Name()), "' in '", node.scope,
                           "' changes an input that is not state"));
        }
        Share(node.outputs[static_cast<size_t>(mutation.output)], in, 0);
      }
      for (size_t o = 0; o < node.outputs.size(); ++o) ShareOutput(node, n, static_cast<int>(o));
    }
    return absl::OkStatus();
  }

  void ShareOutput(const Node& node, size_t n, int o) {
    const Value out = node.outputs[static_cast<size_t>(o)];
    if (const auto alias = node.op->View(o)) {
      Share(out, node.inputs[static_cast<size_t>(alias->input)], alias->byte_offset);
      return;
    }
    const auto in_place = node.op->MayRunInPlace(o);
    if (!in_place || options_.keep_all || is_output_[static_cast<size_t>(out.id)]) return;
    const Value in = node.inputs[static_cast<size_t>(*in_place)];
    const int root = root_[static_cast<size_t>(in.id)];
    const ValueInfo& owner = info(static_cast<size_t>(root));
    if (owner.kind != ValueKind::kTemporary || is_output_[static_cast<size_t>(root)] ||
        graph_.spec(in).Bytes() != graph_.spec(out).Bytes() ||
        owner.spec.Bytes() != graph_.spec(out).Bytes()) {
      return;
    }
    // The same tensor twice among the inputs would be overwritten while it is read.
    if (std::count(node.inputs.begin(), node.inputs.end(), in) > 1) return;
    for (const Value other : node.inputs) {
      if (!(other == in) && root_[static_cast<size_t>(other.id)] == root) return;
    }
    if (LastUseOfBuffer(root, static_cast<size_t>(out.id)) > static_cast<int>(n)) return;
    Share(out, in, 0);
  }

  absl::Status PlaceState() {
    plan_.places.resize(graph_.values().size());
    plan_.state_bytes = state_.TotalBytes();
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const ValueInfo& value = info(i);
      if (value.kind != ValueKind::kState) continue;
      const StateSpec::Entry* entry = state_.Find(value.name);
      if (entry == nullptr) {
        return absl::NotFoundError(absl::StrCat("the State has no buffer '", value.name, "'"));
      }
      if (!(entry->spec == value.spec)) {
        return absl::InvalidArgumentError(absl::StrCat("state '", value.name, "' is ",
                                                       entry->spec.ToString(), ", the graph wants ",
                                                       value.spec.ToString()));
      }
      plan_.places[i] = {Block::kState, entry->byte_offset, entry->arena};
    }
    return absl::OkStatus();
  }

  struct Overwrite {
    int arena;
    int64_t begin, end;
    int32_t now;  // value that holds the new content
  };

  // A value that stands for state bytes which a later node has changed must not be read.
  absl::Status CheckStateOrder() const {
    std::vector<Overwrite> overwritten;
    for (const Node& node : graph_.nodes()) {
      for (const Value in : node.inputs) {
        const size_t root = static_cast<size_t>(root_[static_cast<size_t>(in.id)]);
        if (plan_.places[root].block != Block::kState) continue;
        const int64_t begin = plan_.places[root].offset + shift_[static_cast<size_t>(in.id)];
        const int64_t end = begin + graph_.spec(in).Bytes();
        for (const Overwrite& o : overwritten) {
          if (o.arena != plan_.places[root].arena || o.now == in.id) continue;
          if (begin >= o.end || o.begin >= end) continue;
          // Results recorded after the change descend from the new content.
          if (in.id > o.now && graph_.info(in).kind != ValueKind::kState) continue;
          return absl::FailedPreconditionError(
              absl::StrCat("'", std::string(node.op->Name()), "' in '", node.scope,
                           "' reads state '", info(root).name, "' after it was overwritten"));
        }
      }
      for (const Mutation& mutation : node.op->Mutates()) {
        const size_t id =
            static_cast<size_t>(node.inputs[static_cast<size_t>(mutation.state_input)].id);
        const MemoryPlan::Place& place = plan_.places[static_cast<size_t>(root_[id])];
        overwritten.push_back({place.arena, place.offset + shift_[id],
                               place.offset + shift_[id] + info(id).spec.Bytes(),
                               node.outputs[static_cast<size_t>(mutation.output)].id});
      }
    }
    return absl::OkStatus();
  }

  // Inputs, constants and outputs lie one after another in blocks of their own.
  void PlaceFixed() {
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const ValueInfo& value = info(i);
      if (value.kind == ValueKind::kInput) Append(i, Block::kInput, plan_.input_bytes);
      if (value.kind == ValueKind::kConstant) Append(i, Block::kConstant, plan_.constant_bytes);
    }
    for (const auto& [name, value] : graph_.outputs()) {
      const size_t root = static_cast<size_t>(root_[static_cast<size_t>(value.id)]);
      if (plan_.places[root].block == Block::kNone) {
        Append(root, Block::kOutput, plan_.output_bytes);
      }
    }
  }

  void Append(size_t id, Block block, int64_t& bytes) {
    plan_.places[id] = {block, bytes, -1};
    bytes += RoundUp(info(id).spec.Bytes());
  }

  // Greedy by size: each buffer goes to the lowest gap that is free during its whole life.
  void PlaceTemporaries() {
    std::vector<Buffer> buffers(graph_.values().size());
    std::vector<size_t> order;
    const int end = static_cast<int>(graph_.nodes().size());
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const size_t root = static_cast<size_t>(root_[i]);
      Buffer& buffer = buffers[root];
      if (root == i && info(i).kind == ValueKind::kTemporary &&
          plan_.places[i].block == Block::kNone) {
        buffer.bytes = RoundUp(std::max<int64_t>(info(i).spec.Bytes(), 1));
        buffer.first = info(i).node;
        buffer.last = info(i).node;
        order.push_back(i);
      }
      buffer.last = std::max(buffer.last, options_.keep_all ? end : last_use_[i]);
      if (info(i).node > buffer.last) buffer.last = info(i).node;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
    std::vector<size_t> placed;  // ascending by offset
    for (const size_t id : order) {
      Buffer& buffer = buffers[id];
      int64_t offset = 0;
      for (const size_t other_id : placed) {
        const Buffer& other = buffers[other_id];
        if (other.last < buffer.first || buffer.last < other.first) continue;
        if (offset + buffer.bytes <= other.offset) break;
        offset = std::max(offset, other.offset + other.bytes);
      }
      buffer.offset = offset;
      placed.insert(std::upper_bound(
                        placed.begin(), placed.end(), id,
                        [&](size_t a, size_t b) { return buffers[a].offset < buffers[b].offset; }),
                    id);
      plan_.places[id] = {Block::kTemporary, offset, -1};
      plan_.temporary_bytes = std::max(plan_.temporary_bytes, offset + buffer.bytes);
    }
  }

  const Graph& graph_;
  const StateSpec& state_;
  const MemoryPlanOptions& options_;
  std::vector<int> root_;
  std::vector<int64_t> shift_;
  std::vector<int> last_use_;
  std::vector<bool> is_output_;
  MemoryPlan plan_;
};

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const StateSpec& state,
                                      const MemoryPlanOptions& options) {
  HG_RETURN_IF_ERROR(graph.status());
  return Planner(graph, state, options).Run();
}

}  // namespace hourglass
