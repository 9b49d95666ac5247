#include "hourglass/train/graphs.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/graph/gradient.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/loss.h"
#include "hourglass/ops/optimizer.h"

namespace hourglass {
namespace {

struct Forward {
  Value loss, token_nats, logits;
  ParameterTable parameters;
};

absl::Status ValidateShape(const StepShape& shape) {
  if (shape.length >= 1 && shape.batch > kMaxStepTokens / shape.length) {
    return absl::InvalidArgumentError(absl::StrCat("batch ", shape.batch, " of length ",
                                                   shape.length, " is more than ", kMaxStepTokens,
                                                   " tokens"));
  }
  if (shape.batch >= 1 && shape.length >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("batch ", shape.batch, " and length ", shape.length, " must be at least 1"));
}

absl::StatusOr<Forward> RecordForward(Graph& graph, const LanguageModel& model,
                                      const StepShape& shape, bool training) {
  HG_RETURN_IF_ERROR(ValidateShape(shape));
  Forward forward;
  RecordingContext context;
  context.graph = &graph;
  context.parameters = &forward.parameters;
  context.dtype = shape.dtype;
  context.training = training;
  context.dropout = model.config().dropout;
  context.batch = shape.batch;
  const Value tokens = graph.Input("tokens", {Shape{shape.batch, shape.length}, DType::kI32});
  if (training && context.dropout > 0.0) {
    context.random = graph.Input("random", {Shape{kRandomInputSize}, DType::kU32});
  }
  const ModelOutputs out = model.Build(Scope(&context, ""), {tokens, shape.batch, shape.length});
  HG_RETURN_IF_ERROR(graph.status());
  graph.set_scope("loss");
  const CrossEntropyValues values = CrossEntropy(graph, out.logits, tokens, model.config().mask_id);
  forward.loss = values.loss;
  for (const Value auxiliary : out.auxiliary_losses) {
    forward.loss = Add(graph, forward.loss, auxiliary);
  }
  forward.token_nats = values.token_nats;
  forward.logits = out.logits;
  graph.MarkOutput(forward.loss, "loss");
  graph.MarkOutput(forward.token_nats, "token_nats");
  HG_RETURN_IF_ERROR(graph.status());
  return forward;
}

// Appends gradients of the loss and, right behind each, the node that adds it to its buffer.
absl::Status AppendAccumulation(Graph& graph, const Forward& forward, DType dtype) {
  const Value overwrite = graph.Input("overwrite", {Shape{1}, DType::kU32});
  const Value weight = graph.Input("loss_weight", graph.spec(forward.loss));
  const std::vector<Parameter>& parameters = forward.parameters.parameters();
  std::vector<Value> wrt;
  for (const Parameter& parameter : parameters) {
    wrt.push_back(graph.State(parameter.name, {parameter.shape, dtype}));
  }
  const auto accumulate = [&](size_t i, Value gradient) {
    graph.set_scope("accumulate/" + parameters[i].name);
    const Value total = graph.State(GradientName(parameters[i].name), {parameters[i].shape, dtype});
    graph.Add1(std::make_shared<AccumulateOp>(), {total, gradient, overwrite});
  };
  HG_ASSIGN_OR_RETURN(const std::vector<std::optional<Value>> gradients,
                      AppendGradients(graph, forward.loss, weight, wrt, accumulate));
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (gradients[i]) continue;
    // Overwriting with zero keeps a gradient of an earlier step from staying in the buffer.
    graph.set_scope("accumulate/" + parameters[i].name);
    accumulate(i, Fill(graph, {parameters[i].shape, dtype}, 0.0));
  }
  graph.set_scope("");
  return graph.status();
}

absl::StatusOr<Value> WholeArena(Graph& graph, const StateSpec& state, const char* arena) {
  const StateSpec::Entry* entry = state.Find(arena);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("the State has no arena '", arena, "'"));
  }
  return graph.State(arena, entry->spec);
}

}  // namespace

std::string GradientName(std::string_view parameter) {
  return absl::StrCat("gradient/", std::string(parameter));
}
std::string AdamMName(std::string_view parameter) {
  return absl::StrCat("adam_m/", std::string(parameter));
}
std::string AdamVName(std::string_view parameter) {
  return absl::StrCat("adam_v/", std::string(parameter));
}

StateSpec MakeStateSpec(const ParameterTable& parameters, DType dtype, bool training) {
  StateSpec spec;
  for (const Parameter& parameter : parameters.parameters()) {
    const TensorSpec tensor{parameter.shape, WideType(dtype)};
    spec.Add(kParameterArena, parameter.name, tensor);
    if (!training) continue;
    spec.Add(kGradientArena, GradientName(parameter.name), tensor);
    spec.Add(kAdamMArena, AdamMName(parameter.name), tensor);
    spec.Add(kAdamVArena, AdamVName(parameter.name), tensor);
  }
  return spec;
}

absl::StatusOr<RecordedStep> BuildAccumulateGraph(const LanguageModel& model,
                                                  const StepShape& shape) {
  RecordedStep step;
  HG_ASSIGN_OR_RETURN(const Forward forward, RecordForward(step.graph, model, shape, true));
  step.forward_nodes = static_cast<int>(step.graph.nodes().size());
  HG_RETURN_IF_ERROR(AppendAccumulation(step.graph, forward, WideType(shape.dtype)));
  return step;
}

absl::StatusOr<Graph> BuildEvaluateGraph(const LanguageModel& model, const StepShape& shape,
                                         bool logits_output) {
  Graph graph;
  HG_ASSIGN_OR_RETURN(const Forward forward, RecordForward(graph, model, shape, false));
  if (logits_output) graph.MarkOutput(forward.logits, "logits");
  HG_RETURN_IF_ERROR(graph.status());
  return graph;
}

absl::Status AdamSettings::Validate() const {
  const auto fraction = [](double x) { return x >= 0.0 && x < 1.0; };
  if (!fraction(beta1) || !fraction(beta2)) {
    return absl::InvalidArgumentError(
        absl::StrCat("adam: beta1 = ", beta1, " and beta2 = ", beta2, " must be in [0, 1)"));
  }
  if (!(epsilon > 0.0) || !std::isfinite(epsilon)) {
    return absl::InvalidArgumentError(absl::StrCat("adam: epsilon must be positive, is ", epsilon));
  }
  if (!(clip_norm >= 0.0) || !std::isfinite(clip_norm)) {
    return absl::InvalidArgumentError(
        absl::StrCat("adam: clip_norm must not be negative, is ", clip_norm));
  }
  return absl::OkStatus();
}

absl::StatusOr<Graph> BuildUpdateGraph(const StateSpec& state, const AdamSettings& adam) {
  HG_RETURN_IF_ERROR(adam.Validate());
  Graph graph;
  graph.set_scope("update");
  HG_ASSIGN_OR_RETURN(const Value parameters, WholeArena(graph, state, kParameterArena));
  HG_ASSIGN_OR_RETURN(const Value gradients, WholeArena(graph, state, kGradientArena));
  HG_ASSIGN_OR_RETURN(const Value m, WholeArena(graph, state, kAdamMArena));
  HG_ASSIGN_OR_RETURN(const Value v, WholeArena(graph, state, kAdamVArena));
  const Value scalars = graph.Input("scalars", {Shape{kAdamScalars}, graph.spec(parameters).dtype});
  const Value sum_squares = graph.Add1(std::make_shared<SumSquaresOp>(), {gradients});
  graph.MarkOutput(sum_squares, "gradient_sum_squares");
  graph.Add(std::make_shared<AdamOp>(adam.beta1, adam.beta2, adam.epsilon, adam.clip_norm),
            {parameters, gradients, m, v, scalars, sum_squares});
  HG_RETURN_IF_ERROR(graph.status());
  return graph;
}

}  // namespace hourglass
