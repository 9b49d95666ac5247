#include "experiments/runner/op_profile.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hourglass {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// The path of the model part, without what the passes over the graph put in front.
std::string_view PathOf(std::string_view scope) {
  const size_t slash = scope.rfind('/');
  return slash == std::string_view::npos ? scope : scope.substr(slash + 1);
}

}  // namespace

std::vector<OpTotal> TotalsByOp(std::span<const NodeProfile> nodes) {
  std::map<std::pair<std::string, std::string>, OpTotal> totals;
  for (const NodeProfile& node : nodes) {
    if (node.runs == 0) continue;
    OpTotal& total = totals[{node.op, node.implementation}];
    ++total.nodes;
    total.seconds += 1e-9 * static_cast<double>(node.nanos) / static_cast<double>(node.runs);
    total.executed_flops += node.executed_flops;
    total.bytes += node.bytes;
  }
  std::vector<OpTotal> list;
  for (auto& [key, total] : totals) {
    total.op = key.first;
    total.implementation = key.second;
    list.push_back(std::move(total));
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const OpTotal& a, const OpTotal& b) { return a.seconds > b.seconds; });
  return list;
}

std::string_view Name(StepPart part) {
  switch (part) {
    case StepPart::kAttention:
      return "attention";
    case StepPart::kRest:
      return "rest";
    case StepPart::kOutside:
      return "outside";
    case StepPart::kParameters:
      break;
  }
  return "parameters";
}

StepPart PartOf(std::string_view op, std::string_view scope) {
  if (scope == "update" || StartsWith(scope, "accumulate/")) return StepPart::kParameters;
  if (PathOf(scope).find("valley.middle.") == std::string_view::npos) return StepPart::kOutside;
  return op == "attention" || op == "attention_grad" ? StepPart::kAttention : StepPart::kRest;
}

PartClock::PartClock(Program& accumulate, Program& update) : programs_{&accumulate, &update} {
  for (Program* program : programs_) program->set_profiling(true);
  Take();
}

PartTimes PartClock::Take() {
  PartTimes now = {};
  for (const Program* program : programs_) {
    for (const NodeProfile& node : program->Profile()) {
      now[static_cast<size_t>(PartOf(node.op, node.scope))] += node.nanos;
    }
  }
  PartTimes since = now;
  for (size_t i = 0; i < since.size(); ++i) since[i] -= before_[i];
  before_ = now;
  return since;
}

}  // namespace hourglass
