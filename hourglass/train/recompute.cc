#include "hourglass/train/recompute.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"
#include "hourglass/graph/recompute.h"
#include "hourglass/runtime/memory_plan.h"
#include "hourglass/runtime/program.h"

namespace hourglass {
namespace {

constexpr char kElementwise[] = "elementwise";
constexpr char kBlocks[] = "blocks";
constexpr char kLevels[] = "levels";

// A scope that can be recomputed as a whole.
struct Candidate {
  std::string name;
  DroppedNodes nodes;
};

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// The block or resampler that a node belongs to, by the names that nn/block.h and the model give:
// "valley.middle.3" of "valley.middle.3.attention.output"; with `level` the stack of that block,
// "valley.middle". Empty if it belongs to none.
std::string PartOf(const std::string& scope, bool level) {
  std::vector<std::string> path;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(scope, '.'))) {
    if (IsNumber(name) && level) return absl::StrJoin(path, ".");
    path.push_back(name);
    if (IsNumber(name) || name == "shorten" || name == "upsample") {
      return absl::StrJoin(path, ".");
    }
  }
  return "";
}

void Unite(const DroppedNodes& more, DroppedNodes& nodes) {
  for (size_t n = 0; n < more.size(); ++n) nodes[n] = nodes[n] || more[n];
}

class Chooser {
 public:
  Chooser(const RecomputeSettings& settings, const StateSpec& state, const RecordedStep& step)
      : settings_(settings), state_(state), step_(step) {
    blocks_ = PartsOf(/*level=*/false);
    levels_ = PartsOf(/*level=*/true);
  }

  absl::Status ChooseNamed() {
    if (settings_.what.empty()) return absl::OkStatus();
    for (const std::string& name : std::vector<std::string>(absl::StrSplit(settings_.what, ','))) {
      if (name == kElementwise) {
        elementwise_ = true;
      } else if (name == kBlocks) {
        chosen_.insert(chosen_.end(), blocks_.begin(), blocks_.end());
      } else if (name == kLevels) {
        chosen_.insert(chosen_.end(), levels_.begin(), levels_.end());
      } else {
        HG_RETURN_IF_ERROR(ChooseScope(name));
      }
    }
    return absl::OkStatus();
  }

  // `other_bytes`: of the step, but not in the plan of its graph.
  absl::Status ChooseToFit(int64_t other_bytes) {
    const int64_t limit = settings_.memory_limit - other_bytes;
    HG_ASSIGN_OR_RETURN(const int64_t without, PlannedBytes());
    if (without <= limit) return absl::OkStatus();
    elementwise_ = true;
    const std::vector<Candidate> named = chosen_;
    chosen_.insert(chosen_.end(), blocks_.begin(), blocks_.end());
    HG_ASSIGN_OR_RETURN(const int64_t least, PlannedBytes());
    if (least > limit) return DoesNotFit(least + other_bytes, without + other_bytes);
    chosen_ = named;
    return AddUntilFit(limit);
  }

  absl::StatusOr<Graph> Rewritten() const {
    return Recompute(step_.graph, step_.forward_nodes, Dropped());
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    if (elementwise_) names.emplace_back(kElementwise);
    for (const std::vector<Candidate>* known : {&levels_, &blocks_, &chosen_}) {
      for (const Candidate& candidate : *known) {
        if (IsChosen(candidate) && std::count(names.begin(), names.end(), candidate.name) == 0) {
          names.push_back(candidate.name);
        }
      }
    }
    return names;
  }

 private:
  Candidate CandidateOf(const std::string& scope) const {
    return {scope, NodesOfScope(step_.graph, step_.forward_nodes, scope)};
  }

  // In forward order, without those of which nothing can be dropped.
  std::vector<Candidate> PartsOf(bool level) const {
    std::vector<Candidate> parts;
    std::vector<std::string> seen = {""};
    for (int n = 0; n < step_.forward_nodes; ++n) {
      const std::string name = PartOf(step_.graph.nodes()[static_cast<size_t>(n)].scope, level);
      if (std::count(seen.begin(), seen.end(), name) > 0) continue;
      seen.push_back(name);
      Candidate part = CandidateOf(name);
      if (std::count(part.nodes.begin(), part.nodes.end(), true) > 0) {
        parts.push_back(std::move(part));
      }
    }
    return parts;
  }

  absl::Status ChooseScope(const std::string& name) {
    Candidate candidate = CandidateOf(name);
    // The empty scope has all nodes.
    if (!name.empty() && std::count(candidate.nodes.begin(), candidate.nodes.end(), true) > 0) {
      chosen_.push_back(std::move(candidate));
      return absl::OkStatus();
    }
    std::vector<std::string> names = {kElementwise, kBlocks, kLevels};
    for (const std::vector<Candidate>* known : {&levels_, &blocks_}) {
      for (const Candidate& part : *known) {
        if (std::count(names.begin(), names.end(), part.name) == 0) names.push_back(part.name);
      }
    }
    return absl::InvalidArgumentError(absl::StrCat("recompute: nothing is called '", name,
                                                   "'; there are: ", absl::StrJoin(names, ", ")));
  }

  bool IsChosen(const Candidate& candidate) const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](const Candidate& other) { return other.name == candidate.name; });
  }

  DroppedNodes Dropped() const {
    DroppedNodes nodes(static_cast<size_t>(step_.forward_nodes), false);
    for (const Candidate& candidate : chosen_) Unite(candidate.nodes, nodes);
    if (elementwise_) Unite(ElementwiseNodes(step_.graph, step_.forward_nodes, nodes), nodes);
    return nodes;
  }

  absl::StatusOr<int64_t> PlannedBytes() const {
    HG_ASSIGN_OR_RETURN(const Graph graph, Rewritten());
    HG_ASSIGN_OR_RETURN(const MemoryPlan plan, PlanMemory(graph, state_, {}));
    return plan.PeakBytes();
  }

  // One after another the block that leaves the least, the first of equal ones.
  absl::Status AddUntilFit(int64_t limit) {
    HG_ASSIGN_OR_RETURN(int64_t bytes, PlannedBytes());
    while (bytes > limit) {
      const Candidate* best = nullptr;
      for (const Candidate& candidate : blocks_) {
        if (IsChosen(candidate)) continue;
        chosen_.push_back(candidate);
        HG_ASSIGN_OR_RETURN(const int64_t with, PlannedBytes());
        chosen_.pop_back();
        if (best != nullptr && with >= bytes) continue;
        best = &candidate;
        bytes = with;
      }
      HG_CHECK(best != nullptr);  // with all of them it fits
      chosen_.push_back(*best);
    }
    return absl::OkStatus();
  }

  absl::Status DoesNotFit(int64_t least, int64_t without) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "memory limit: ", settings_.memory_limit, " bytes, but a step needs ", least,
        " bytes with everything recomputed (", without, " without), ", state_.TotalBytes(),
        " of them for parameters, gradients and moments; raise the limit or shorten the batch"));
  }

  const RecomputeSettings& settings_;
  const StateSpec& state_;
  const RecordedStep& step_;
  std::vector<Candidate> blocks_, levels_;
  std::vector<Candidate> chosen_;
  bool elementwise_ = false;
};

// Bytes of a training step that the plan of its accumulate graph does not have.
absl::StatusOr<int64_t> OtherBytes(const StateSpec& state, const Graph& update, Backend* backend,
                                   const Graph& accumulate) {
  HG_ASSIGN_OR_RETURN(const MemoryPlan plan, PlanMemory(update, state, {}));
  int64_t bytes = plan.PeakBytes() - state.TotalBytes();
  if (backend == nullptr) return bytes;
  for (const Graph* graph : {&update, &accumulate}) {
    HG_ASSIGN_OR_RETURN(const int64_t workspace, LargestWorkspace(*graph, *backend));
    bytes += workspace;
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ApplyRecompute(const RecomputeSettings& settings,
                                                        const StateSpec& state, const Graph& update,
                                                        Backend* backend, RecordedStep& step) {
  if (settings.what.empty() && settings.memory_limit == 0) return std::vector<std::string>();
  Chooser chooser(settings, state, step);
  HG_RETURN_IF_ERROR(chooser.ChooseNamed());
  if (settings.memory_limit > 0) {
    HG_ASSIGN_OR_RETURN(const int64_t other, OtherBytes(state, update, backend, step.graph));
    HG_RETURN_IF_ERROR(chooser.ChooseToFit(other));
  }
  std::vector<std::string> names = chooser.Names();
  HG_ASSIGN_OR_RETURN(Graph graph, chooser.Rewritten());
  step.graph = std::move(graph);
  return names;
}

}  // namespace hourglass
