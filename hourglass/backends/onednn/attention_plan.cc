#include "hourglass/backends/onednn/attention_plan.h"

#include <cmath>
#include <cstring>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

// Below this a second thread costs more than it brings.
constexpr int64_t kFlopsOfPart = 1'000'000;

}  // namespace

int64_t AttentionPlan::FirstPositionRow(int64_t a_class) const {
  const AttentionGeometry& g = attributes.geometry;
  const int64_t shift = key_classes > 1 ? g.key_step * a_class : -g.query_step * a_class;
  return shift - g.MinDelta() - PositionStep() * (base - 1);
}

bool AttentionPlan::Pairs() const { return bf16 && sizes.head_width % 2 == 0 && CpuSupportsBf16(); }

absl::StatusOr<AttentionPlan> PlanAttention(const AttentionAttributes& attributes,
                                            const NodeSpecs& node, int64_t flops) {
  HG_RETURN_IF_ERROR(ExpectF32OrBf16(node));
  AttentionPlan plan;
  plan.attributes = attributes;
  plan.bf16 = node.inputs[0].dtype == DType::kBF16;
  plan.at = InputsOf(attributes);
  plan.sizes = SizesOf(attributes, node.inputs);
  const AttentionGeometry& g = attributes.geometry;
  plan.query_classes = g.key_step;
  plan.key_classes = g.query_step;
  plan.base = g.queries / plan.query_classes;
  plan.padded = RoundUp(plan.sizes.head_width, kTileColumns);
  plan.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(plan.sizes.head_width)));
  plan.parts = std::clamp<int64_t>(std::min<int64_t>(ThreadCount(), flops / kFlopsOfPart), 1,
                                   std::max<int64_t>(plan.Items(), 1));
  return plan;
}

StripLayout::StripLayout(int64_t rows, int64_t columns) {
  stride = RoundUp(columns, kTileColumns) + 2 * kStripReach;
  if (stride / kTileColumns % 2 == 0) stride += kTileColumns;
  floats = kFirst + rows * stride + kPanelColumns;
}

int64_t ScoreFlops(const AttentionPlan& plan, QueryTile tile, KeyBlock block) {
  int64_t pairs = 0;
  const auto add = [&](int64_t, int64_t rows, int64_t, int64_t columns) {
    pairs += rows * columns;
  };
  ForContentScores(tile, block, add);
  if (plan.attributes.relative) ForPositionScores(tile, block, plan.Places(), add);
  return 2 * pairs * plan.sizes.head_width;
}

void DrawKeptTile(const AttentionPlan& plan, const CounterRng& rng, int64_t head,
                  int64_t query_class, QueryTile tile, uint8_t* draws, uint8_t* keep) {
  const AttentionGeometry& g = plan.attributes.geometry;
  const uint32_t threshold = DropoutThreshold(plan.attributes.dropout);
  for (int64_t t = 0; t < tile.rows; ++t) {
    const int64_t seen = tile.first + t + 1;
    const int64_t i = (tile.first + t) * plan.query_classes + query_class;
    const uint64_t element = static_cast<uint64_t>(head * g.queries + i) * g.keys;
    const uint8_t* row = draws + DrawKept(rng, element, seen * plan.key_classes, threshold, draws);
    uint8_t* to = keep + t * plan.key_classes * plan.KeptColumns();
    if (plan.key_classes == 1) {
      std::memcpy(to, row, static_cast<size_t>(seen));
      continue;
    }
    for (int64_t c = 0; c < plan.key_classes; ++c) {
      for (int64_t b = 0; b < seen; ++b) {
        to[c * plan.KeptColumns() + b] = row[b * plan.key_classes + c];
      }
    }
  }
}

KeptRows KeptBlock(const AttentionPlan& plan, const uint8_t* keep, int64_t key_class,
                   KeyBlock block) {
  if (keep == nullptr) return {};
  return {keep + key_class * plan.KeptColumns() + block.first,
          plan.key_classes * plan.KeptColumns(),
          static_cast<float>(1.0 / (1.0 - plan.attributes.dropout))};
}

CounterRng RngOf(const AttentionPlan& plan, const uint32_t* random, int64_t sequence) {
  return {random[0] | static_cast<uint64_t>(random[1]) << 32, plan.attributes.site, random[2],
          random[3] + static_cast<uint32_t>(sequence)};
}

}  // namespace hourglass::onednn
