#include "hourglass/graph/gradient.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"
#include "hourglass/graph/core_ops.h"

namespace hourglass {
namespace {

// Which values lie on a way from `wrt` forward.
std::vector<bool> DependsOn(const Graph& graph, size_t node_count, std::span<const Value> wrt) {
  std::vector<bool> depends(graph.values().size(), false);
  for (const Value value : wrt) depends[static_cast<size_t>(value.id)] = true;
  for (size_t i = 0; i < node_count; ++i) {
    const Node& node = graph.nodes()[i];
    bool any = false;
    for (const Value in : node.inputs) any = any || depends[static_cast<size_t>(in.id)];
    if (!any) continue;
    for (const Value out : node.outputs) {
      depends[static_cast<size_t>(out.id)] = IsFloating(graph.spec(out).dtype);
    }
  }
  return depends;
}

// By node: the indices into `wrt` of the values that it is the first to use. Going backwards, their
// gradients are complete after it.
std::vector<std::vector<size_t>> CompletedBy(const Graph& graph, size_t node_count,
                                             std::span<const Value> wrt) {
  std::vector<std::vector<size_t>> result(node_count);
  std::vector<size_t> first_use(graph.values().size(), node_count);
  for (size_t i = node_count; i-- > 0;) {
    for (const Value in : graph.nodes()[i].inputs) first_use[static_cast<size_t>(in.id)] = i;
  }
  for (size_t w = 0; w < wrt.size(); ++w) {
    const size_t first = first_use[static_cast<size_t>(wrt[w].id)];
    if (first < node_count) result[first].push_back(w);
  }
  return result;
}

// What is added to a gradient so far; of two types the wider one.
Value AddContribution(Graph& graph, Value sum, Value contribution) {
  if (graph.spec(sum).dtype != graph.spec(contribution).dtype) {
    sum = Cast(graph, sum, WideType(graph.spec(sum).dtype));
    contribution = Cast(graph, contribution, WideType(graph.spec(contribution).dtype));
  }
  return Add(graph, sum, contribution);
}

}  // namespace

absl::StatusOr<std::vector<std::optional<Value>>> AppendGradients(
    Graph& graph, Value loss, Value seed, std::span<const Value> wrt,
    const std::function<void(size_t, Value)>& on_complete) {
  HG_RETURN_IF_ERROR(graph.status());
  if (!(graph.spec(loss) == graph.spec(seed)) || graph.spec(loss).Elements() != 1) {
    return absl::InvalidArgumentError("gradient: the loss has one element and the seed its spec");
  }
  const size_t node_count = graph.nodes().size();
  const size_t value_count = graph.values().size();
  const std::vector<bool> depends = DependsOn(graph, node_count, wrt);
  std::vector<std::optional<Value>> d(value_count);
  d[static_cast<size_t>(loss.id)] = seed;
  const std::string scope = graph.scope();
  std::vector<std::vector<size_t>> completed_by(node_count);
  if (on_complete) completed_by = CompletedBy(graph, node_count, wrt);

  for (size_t i = node_count; i-- > 0;) {
    const Node node = graph.nodes()[i];  // a copy: Gradient appends nodes
    std::vector<std::optional<Value>> d_out;
    bool reached = false;
    for (const Value out : node.outputs) {
      d_out.push_back(d[static_cast<size_t>(out.id)]);
      reached = reached || d_out.back().has_value();
    }
    std::vector<bool> wanted;
    bool any_wanted = false;
    for (const Value in : node.inputs) {
      wanted.push_back(depends[static_cast<size_t>(in.id)]);
      any_wanted = any_wanted || wanted.back();
    }
    if (reached && any_wanted) {
      if (!node.op->Differentiable()) {
        return absl::FailedPreconditionError(absl::StrCat("gradient: '",
                                                          std::string(node.op->Name()), "' in '",
                                                          node.scope, "' has no gradient"));
      }
      graph.set_scope("gradient/" + node.scope);
      const std::vector<std::optional<Value>> d_in = node.op->Gradient(graph, node, d_out, wanted);
      HG_RETURN_IF_ERROR(graph.status());
      HG_CHECK(d_in.size() == node.inputs.size());
      for (size_t j = 0; j < d_in.size(); ++j) {
        if (!wanted[j] || !d_in[j]) continue;
        std::optional<Value>& sum = d[static_cast<size_t>(node.inputs[j].id)];
        sum = sum ? AddContribution(graph, *sum, *d_in[j]) : *d_in[j];
      }
    }
    for (const size_t w : completed_by[i]) {
      if (const auto& gradient = d[static_cast<size_t>(wrt[w].id)]) on_complete(w, *gradient);
    }
  }
  graph.set_scope(scope);
  HG_RETURN_IF_ERROR(graph.status());
  std::vector<std::optional<Value>> result;
  for (const Value value : wrt) result.push_back(d[static_cast<size_t>(value.id)]);
  return result;
}

}  // namespace hourglass
