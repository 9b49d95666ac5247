#include "hourglass/graph/recompute.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

bool IsWithin(const Node& node, std::string_view scope) {
  return node.scope == scope || absl::StartsWith(node.scope, absl::StrCat(std::string(scope), "."));
}

// The node that makes a value; -1 for inputs, states and constants.
int ProducerOf(const Graph& graph, Value value) { return graph.info(value).node; }

// By value: does a node from `forward_nodes` on read it?
std::vector<bool> ReadBackward(const Graph& graph, int forward_nodes) {
  std::vector<bool> read(graph.values().size(), false);
  for (size_t n = static_cast<size_t>(forward_nodes); n < graph.nodes().size(); ++n) {
    for (const Value in : graph.nodes()[n].inputs) read[static_cast<size_t>(in.id)] = true;
  }
  return read;
}

class Rewriter {
 public:
  Rewriter(const Graph& from, int forward_nodes, const DroppedNodes& dropped)
      : from_(from), dropped_(dropped), now_(from.values().size()) {
    HG_CHECK(dropped.size() == static_cast<size_t>(forward_nodes));
  }

  absl::StatusOr<Graph> Run() {
    KeepWhatMustBe();
    CopyLeaves();
    for (size_t n = 0; n < from_.nodes().size(); ++n) {
      const Node& node = from_.nodes()[n];
      if (n >= dropped_.size()) {
        for (const Value in : node.inputs) Restore(in);
      }
      to_.set_scope(node.scope);
      Rename(node, to_.Add(node.op, InputsNow(node)));
    }
    for (const auto& [name, value] : from_.outputs()) to_.MarkOutput(Now(value), name);
    to_.set_scope(from_.scope());
    HG_RETURN_IF_ERROR(to_.status());
    return std::move(to_);
  }

 private:
  Value& Now(Value value) { return now_[static_cast<size_t>(value.id)]; }

  void KeepWhatMustBe() {
    for (const auto& [name, value] : from_.outputs()) {
      const size_t node = static_cast<size_t>(ProducerOf(from_, value));
      if (node < dropped_.size()) dropped_[node] = false;
    }
    for (size_t n = 0; n < dropped_.size(); ++n) {
      if (!from_.nodes()[n].op->Mutates().empty()) dropped_[n] = false;
    }
  }

  void CopyLeaves() {
    for (size_t i = 0; i < from_.values().size(); ++i) {
      const ValueInfo& leaf = from_.values()[i];
      if (leaf.kind == ValueKind::kInput) now_[i] = to_.Input(leaf.name, leaf.spec);
      if (leaf.kind == ValueKind::kState) now_[i] = to_.State(leaf.name, leaf.spec);
      if (leaf.kind == ValueKind::kConstant) {
        now_[i] = to_.Constant(leaf.name, leaf.spec, leaf.fill);
      }
    }
  }

  std::vector<Value> InputsNow(const Node& node) {
    std::vector<Value> in;
    for (const Value value : node.inputs) in.push_back(Now(value));
    return in;
  }

  void Rename(const Node& node, const std::vector<Value>& out) {
    for (size_t o = 0; o < node.outputs.size(); ++o) Now(node.outputs[o]) = out[o];
  }

  // Makes the value anew if it was dropped, first whatever that needs.
  void Restore(Value value) {
    const int producer = ProducerOf(from_, value);
    if (producer < 0 || static_cast<size_t>(producer) >= dropped_.size()) return;
    const size_t n = static_cast<size_t>(producer);
    if (!dropped_[n]) return;
    dropped_[n] = false;
    const Node& node = from_.nodes()[n];
    for (const Value in : node.inputs) Restore(in);
    Rename(node, to_.AddRepeat(node, InputsNow(node)));
  }

  const Graph& from_;
  DroppedNodes dropped_;
  std::vector<Value> now_;  // by value of from_: where its content is in to_
  Graph to_;
};

}  // namespace

DroppedNodes NodesOfScope(const Graph& graph, int forward_nodes, std::string_view scope) {
  const size_t count = static_cast<size_t>(forward_nodes);
  DroppedNodes within(count, false);
  for (size_t n = 0; n < count; ++n) within[n] = IsWithin(graph.nodes()[n], scope);
  DroppedNodes dropped = within;
  for (size_t n = 0; n < count; ++n) {
    if (within[n]) continue;
    for (const Value in : graph.nodes()[n].inputs) {
      if (const int producer = ProducerOf(graph, in); producer >= 0) {
        dropped[static_cast<size_t>(producer)] = false;
      }
    }
  }
  return dropped;
}

DroppedNodes ElementwiseNodes(const Graph& graph, int forward_nodes, const DroppedNodes& dropped) {
  const std::vector<bool> read_backward = ReadBackward(graph, forward_nodes);
  DroppedNodes chosen(static_cast<size_t>(forward_nodes), false);
  const auto is_there = [&](Value value) {
    const int producer = ProducerOf(graph, value);
    if (producer < 0) return true;
    const size_t n = static_cast<size_t>(producer);
    return chosen[n] || (!dropped[n] && read_backward[static_cast<size_t>(value.id)]);
  };
  for (size_t n = 0; n < chosen.size(); ++n) {
    const Node& node = graph.nodes()[n];
    bool inputs_are_there = true;
    for (const Value in : node.inputs) inputs_are_there = inputs_are_there && is_there(in);
    const int index = static_cast<int>(n);
    chosen[n] = inputs_are_there && !dropped[n] && graph.CountFlops(index, index + 1).dense == 0;
  }
  return chosen;
}

absl::StatusOr<Graph> Recompute(const Graph& graph, int forward_nodes,
                                const DroppedNodes& dropped) {
  HG_RETURN_IF_ERROR(graph.status());
  return Rewriter(graph, forward_nodes, dropped).Run();
}

}  // namespace hourglass
