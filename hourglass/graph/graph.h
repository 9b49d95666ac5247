#pragma once
// A recorded model: a flat list of nodes in execution order. Append-only.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "hourglass/graph/op.h"

namespace hourglass {

enum class ValueKind : uint8_t { kInput, kState, kConstant, kTemporary };

struct ValueInfo {
  ValueKind kind = ValueKind::kTemporary;
  TensorSpec spec;
  std::string name;                     // inputs, states, constants: given name; temporaries: "%12"
  int node = -1;                        // producer, for temporaries
  int output = 0;                       // which output of the producer
  std::function<double(int64_t)> fill;  // constants: element by row-major index
};

struct Node {
  std::shared_ptr<const Op> op;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::string scope;        // path of the model part that recorded it
  bool recomputed = false;  // does again what an earlier node did (graph/recompute.h)
};

class Graph {
 public:
  // Values that come from outside. An input is written by the caller before each run.
  Value Input(std::string name, TensorSpec spec);
  // A named buffer of the State the Program will run on; asking twice for a name gives one value.
  Value State(const std::string& name, TensorSpec spec);
  // A read-only tensor, filled once when a Program is compiled. Asking twice for a name gives one
  // value, so the name must identify the content.
  Value Constant(const std::string& name, TensorSpec spec, std::function<double(int64_t)> fill);

  // Appends a node. On an Infer error the graph remembers the first one (with scope path and input
  // specs) and returns placeholder values; status() and Program::Compile report it.
  std::vector<Value> Add(std::shared_ptr<const Op> op, std::vector<Value> in);
  // Appends a node that does again, on equal values, what `node` did.
  std::vector<Value> AddRepeat(const Node& node, std::vector<Value> in);
  // For ops with one output.
  Value Add1(std::shared_ptr<const Op> op, std::vector<Value> in);

  // Names a temporary that the caller reads after each run (loss, logits, ...).
  void MarkOutput(Value value, std::string name);

  // Scope path given to nodes recorded from now on.
  void set_scope(std::string scope) { scope_ = std::move(scope); }
  const std::string& scope() const { return scope_; }

  // For builders that find a mistake of their own (a shape that cannot be, a kind not known).
  void SetError(absl::Status status);
  const absl::Status& status() const { return status_; }

  const TensorSpec& spec(Value value) const { return info(value).spec; }
  const ValueInfo& info(Value value) const { return values_[static_cast<size_t>(value.id)]; }
  const std::vector<ValueInfo>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<std::pair<std::string, Value>>& outputs() const { return outputs_; }

  // Sum of Op::Count over nodes [first, last); last = -1 means the end. The products of a
  // recomputed node count as `recompute` alone: they are no work of the model.
  Cost CountFlops(int first = 0, int last = -1) const;

 private:
  Value NewValue(ValueInfo info);

  std::vector<ValueInfo> values_;
  std::vector<Node> nodes_;
  std::map<std::string, Value> named_;
  std::vector<std::pair<std::string, Value>> outputs_;
  std::string scope_;
  absl::Status status_;
};

}  // namespace hourglass
