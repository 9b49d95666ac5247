#include "hourglass/graph/graph.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/base/check.h"

namespace hourglass {

Value Graph::NewValue(ValueInfo info) {
  const Value value{static_cast<int32_t>(values_.size())};
  if (info.name.empty()) info.name = absl::StrCat("%", value.id);
  values_.push_back(std::move(info));
  return value;
}

Value Graph::Input(std::string name, TensorSpec spec) {
  std::string key = absl::StrCat("input ", name);
  const Value value =
      NewValue({ValueKind::kInput, std::move(spec), std::move(name), -1, 0, nullptr});
  if (!named_.emplace(std::move(key), value).second) {
    SetError(absl::InvalidArgumentError(
        absl::StrCat("two inputs are called '", values_.back().name, "'")));
  }
  return value;
}

Value Graph::State(const std::string& name, TensorSpec spec) {
  const auto found = named_.find("state " + name);
  if (found == named_.end()) {
    const Value value = NewValue({ValueKind::kState, std::move(spec), name, -1, 0, nullptr});
    named_.emplace("state " + name, value);
    return value;
  }
  if (!(this->spec(found->second) == spec)) {
    SetError(absl::InvalidArgumentError(absl::StrCat("state '", name, "' is asked for as ",
                                                     spec.ToString(), " and as ",
                                                     this->spec(found->second).ToString())));
  }
  return found->second;
}

Value Graph::Constant(const std::string& name, TensorSpec spec,
                      std::function<double(int64_t)> fill) {
  const auto found = named_.find("constant " + name);
  if (found != named_.end()) return found->second;
  const Value value =
      NewValue({ValueKind::kConstant, std::move(spec), name, -1, 0, std::move(fill)});
  named_.emplace("constant " + name, value);
  return value;
}

std::vector<Value> Graph::Add(std::shared_ptr<const Op> op, std::vector<Value> in) {
  std::vector<TensorSpec> specs;
  for (const Value value : in) {
    HG_CHECK(value.valid() && value.id < static_cast<int32_t>(values_.size()));
    specs.push_back(spec(value));
  }
  auto inferred =
      status_.ok() ? op->Infer(specs) : absl::StatusOr<std::vector<TensorSpec>>(status_);
  if (!inferred.ok()) {
    if (status_.ok()) {
      SetError(absl::Status(
          inferred.status().code(),
          absl::StrCat(std::string(inferred.status().message()), " (in '", scope_, "', inputs: ",
                       absl::StrJoin(specs, ", ",
                                     [](std::string* out, const TensorSpec& spec) {
                                       absl::StrAppend(out, spec.ToString());
                                     }),
                       ")")));
    }
    // Enough placeholders for any op, so that the recording code need not look at every result.
    constexpr size_t kPlaceholders = 8;
    return std::vector<Value>(kPlaceholders, NewValue({ValueKind::kTemporary, {}, "", -1, 0, {}}));
  }
  Node node{std::move(op), std::move(in), {}, scope_};
  const int index = static_cast<int>(nodes_.size());
  for (size_t i = 0; i < inferred->size(); ++i) {
    node.outputs.push_back(NewValue({ValueKind::kTemporary, std::move((*inferred)[i]), "", index,
                                     static_cast<int>(i), nullptr}));
  }
  nodes_.push_back(node);
  return node.outputs;
}

Value Graph::Add1(std::shared_ptr<const Op> op, std::vector<Value> in) {
  return Add(std::move(op), std::move(in))[0];
}

std::vector<Value> Graph::AddRepeat(const Node& node, std::vector<Value> in) {
  const std::string scope = scope_;
  set_scope("recompute/" + node.scope);
  std::vector<Value> out = Add(node.op, std::move(in));
  if (status_.ok()) nodes_.back().recomputed = true;
  set_scope(scope);
  return out;
}

void Graph::MarkOutput(Value value, std::string name) {
  for (const auto& [taken, unused] : outputs_) {
    if (taken == name) {
      SetError(absl::InvalidArgumentError(absl::StrCat("two outputs are called '", name, "'")));
    }
  }
  outputs_.emplace_back(std::move(name), value);
}

void Graph::SetError(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

Cost Graph::CountFlops(int first, int last) const {
  Cost total;
  const int end = last < 0 ? static_cast<int>(nodes_.size()) : last;
  for (int i = first; i < end; ++i) {
    const Node& node = nodes_[static_cast<size_t>(i)];
    std::vector<TensorSpec> in, out;
    for (const Value value : node.inputs) in.push_back(spec(value));
    for (const Value value : node.outputs) out.push_back(spec(value));
    Cost cost = node.op->Count(in, out);
    if (node.recomputed) {
      cost.recompute += cost.dense;
      cost.needed = cost.dense = cost.dense_trax = 0;
    }
    total += cost;
  }
  return total;
}

}  // namespace hourglass
