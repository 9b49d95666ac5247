#include "hourglass/model/hourglass_lm.h"

#include <utility>

#include "hourglass/base/status.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/model/hierarchy.h"
#include "hourglass/nn/block.h"
#include "hourglass/nn/layers.h"
#include "hourglass/nn/resampling.h"
#include "hourglass/ops/embedding.h"
#include "hourglass/ops/layout.h"

namespace hourglass {
namespace {

class HourglassLm : public LanguageModel {
 public:
  HourglassLm(ModelConfig config, Hierarchy hierarchy, const AttentionKind& vanilla,
              const AttentionKind& middle)
      : config_(std::move(config)),
        hierarchy_(std::move(hierarchy)),
        block_{{config_.d_model, config_.n_heads}, config_.d_ff},
        vanilla_(vanilla),
        middle_(middle) {}

  const ModelConfig& config() const override { return config_; }

  ModelOutputs Build(const Scope& scope, const ModelInputs& in) const override {
    const HierarchyLevel& outer = hierarchy_.levels()[0];
    const int64_t length = hierarchy_.PaddedLength(in.length);
    Value h = Embed(scope, in, length);
    h = Stack(scope.Sub("pre"), block_, vanilla_, outer.pre_layers, length, 1, h);
    if (!hierarchy_.IsVanilla()) {
      h = Valley(scope.Sub("valley"), 1, length, h);
      h = Stack(scope.Sub("post"), block_, vanilla_, outer.post_layers, length, 1, h);
    }
    const Scope output = scope.Sub("output");
    if (length != in.length) h = ShiftRows(scope.graph(), h, 0, in.length);
    return {Linear(output, h, config_.d_model, config_.vocab_size), {}};
  }

 private:
  // Pads with id 0, shifts right by one (id 0 in front), so that position i sees tokens before i
  // only.
  Value Embed(const Scope& scope, const ModelInputs& in, int64_t length) const {
    scope.Enter();
    const Value shifted = ShiftRows(scope.graph(), in.tokens, 1, length);
    const Value table = scope.Parameter("embedding", Shape{config_.vocab_size, config_.d_model},
                                        Initializer::kEmbeddingUniform);
    return scope.Dropout(Embedding(scope.graph(), table, shifted), "embedding.dropout");
  }

  // A1 step 4 at `level`; x [B, length, d] is the outer level's sequence.
  Value Valley(const Scope& scope, size_t level, int64_t length, Value x) const {
    const int64_t k = hierarchy_.Step(level);
    // A2: k - 1 is the smallest delay for which a coarse slot sees only tokens before its group.
    const Value delayed = k == 1 ? x : ShiftRows(scope.graph(), x, k - 1, length);
    Value h = Shorten(scope.Sub("shorten"),
                      {block_, config_.shortening, config_.shortening_query, k, length,
                       hierarchy_.levels()[level - 1].factor},
                      delayed);
    h = Inside(scope, level, length / k, h);
    h = Upsample(scope.Sub("upsample"),
                 {block_, config_.upsampling, config_.upsampling_query, k, length}, h, x);
    const Value normal = Norm(scope.Sub("norm"), h, config_.d_model);
    return Add(scope.Enter().graph(), x, normal);
  }

  // The shortened part: one stack, or stack, inner valley, stack.
  Value Inside(const Scope& scope, size_t level, int64_t length, Value h) const {
    const HierarchyLevel& here = hierarchy_.levels()[level];
    if (level + 1 == hierarchy_.levels().size()) {
      return Stack(scope.Sub("middle"), block_, middle_, here.pre_layers, length, here.factor, h);
    }
    h = Stack(scope.Sub("pre"), block_, middle_, here.pre_layers, length, here.factor, h);
    h = Valley(scope.Sub("valley"), level + 1, length, h);
    return Stack(scope.Sub("post"), block_, middle_, here.post_layers, length, here.factor, h);
  }

  ModelConfig config_;
  Hierarchy hierarchy_;
  BlockConfig block_;
  const AttentionKind& vanilla_;
  const AttentionKind& middle_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LanguageModel>> MakeHourglassLm(const ModelConfig& config) {
  HG_RETURN_IF_ERROR(config.Validate());
  HG_ASSIGN_OR_RETURN(Hierarchy hierarchy, Hierarchy::Parse(config.hierarchy));
  HG_ASSIGN_OR_RETURN(const AttentionKind* vanilla, FindAttentionKind(config.vanilla_attention));
  HG_ASSIGN_OR_RETURN(const AttentionKind* middle, FindAttentionKind(config.middle_attention));
  return std::unique_ptr<LanguageModel>(
      new HourglassLm(config, std::move(hierarchy), *vanilla, *middle));
}

absl::StatusOr<ParameterTable> ParametersOf(const LanguageModel& model) {
  Graph graph;
  ParameterTable table;
  RecordingContext context;
  context.graph = &graph;
  context.parameters = &table;
  ModelInputs inputs{{}, 1, 1};
  inputs.tokens = graph.Input("tokens", {Shape{1, 1}, DType::kI32});
  model.Build(Scope(&context, ""), inputs);
  HG_RETURN_IF_ERROR(graph.status());
  return table;
}

}  // namespace hourglass
