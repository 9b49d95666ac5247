#include "hourglass/backends/onednn/attention.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/onednn/attention_plan.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

// A strip of 48 queries against 1,026 keys takes 200 KB: it stays in the second-level cache with
// the panels that pass by. Six groups of registers' rows divide 48.
constexpr int64_t kTileRows = 48;
constexpr int64_t kBlockColumns = 2048;

// T is the type of queries, keys, values, positions and the output; E that of the factors of
// products inside.
template <typename T, typename E>
class AttentionKernel : public Kernel {
 public:
  explicit AttentionKernel(const AttentionPlan& plan)
      : plan_(plan),
        tile_rows_(std::min(kTileRows, plan.base)),
        strip_(tile_rows_, plan.BlockColumns(kBlockColumns)) {
    const int64_t rows = tile_rows_ * plan.padded;
    at_.keys = layout_.template Add<E>(plan.key_classes * plan.PanelNumbers());
    at_.values = layout_.template Add<E>(plan.key_classes * plan.template DepthNumbers<E>());
    at_.strip = layout_.AddFloats(strip_.floats);
    at_.content_queries = layout_.template Add<E>(rows);
    at_.sums = layout_.AddFloats(rows);
    at_.state = layout_.AddFloats(3 * tile_rows_);
    if (plan.attributes.relative) {
      at_.positions = layout_.template Add<E>(plan.Classes() * plan.PanelNumbers());
      at_.position_queries = layout_.template Add<E>(rows);
    }
    if (plan.attributes.dropout > 0) {
      at_.draws = layout_.AddBytes(KeptTile().DrawBytes(plan));
      at_.keep = layout_.AddBytes(KeptTile().Bytes(plan, tile_rows_));
    }
  }

  size_t WorkspaceBytes() const override {
    return static_cast<size_t>(plan_.parts) * layout_.bytes();
  }
  int64_t Executed() const override {
    return SumOverBlocks(plan_, tile_rows_, kBlockColumns, [&](QueryTile tile, KeyBlock block) {
      return ScoreFlops(plan_, tile, block) + ValueFlops(tile, block);
    });
  }
  std::string Implementation() const override {
    return absl::StrCat("hourglass:attention:", TileGemmTarget(), kPair<E> == 2 ? "_bf16" : "");
  }

  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    const AttentionInputs& at = plan_.at;
    const Call call{TensorAt<T>(in, at.query),
                    TensorAt<T>(in, at.key_value),
                    TensorAt<T>(in, at.r),
                    TensorAt<float>(in, at.u),
                    TensorAt<float>(in, at.v),
                    TensorAt<uint32_t>(in, at.random),
                    out[0].As<T>(),
                    out[1].As<float>(),
                    workspace.data()};
    std::atomic<int64_t> next{0};
    ParallelFor(plan_.parts, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t part = begin; part < end; ++part) RunPart(call, part, next);
    });
    return absl::OkStatus();
  }

 private:
  struct Call {
    const T *query, *key_value, *r;
    const float *u, *v;
    const uint32_t* random;
    T* out;
    float* log_sum_exp;
    std::byte* workspace;
  };
  // Byte offsets in a part's slice of the workspace.
  struct Offsets {
    size_t keys = 0, values = 0, positions = 0, strip = 0, content_queries = 0,
           position_queries = 0, sums = 0, state = 0, draws = 0, keep = 0;
  };
  struct Scratch {
    E *keys, *values, *positions;
    float* strip;
    E *content_queries, *position_queries;
    float* sums;
    SoftmaxState state;
    uint8_t *draws, *keep;
  };

  Scratch ScratchOf(std::byte* workspace, int64_t part) const {
    std::byte* slice = workspace + static_cast<size_t>(part) * layout_.bytes();
    const auto floats = [&](size_t offset) { return reinterpret_cast<float*>(slice + offset); };
    const auto factors = [&](size_t offset) { return reinterpret_cast<E*>(slice + offset); };
    const auto bytes = [&](size_t offset) { return reinterpret_cast<uint8_t*>(slice + offset); };
    const bool relative = plan_.attributes.relative;
    const bool dropout = plan_.attributes.dropout > 0;
    float* state = floats(at_.state);
    return {factors(at_.keys),
            factors(at_.values),
            relative ? factors(at_.positions) : nullptr,
            floats(at_.strip) + StripLayout::kFirst,
            factors(at_.content_queries),
            relative ? factors(at_.position_queries) : nullptr,
            floats(at_.sums),
            {state, state + tile_rows_, state + 2 * tile_rows_},
            dropout ? bytes(at_.draws) : nullptr,
            dropout ? bytes(at_.keep) : nullptr};
  }

  // Takes the next item until there is none: the slower of two threads gets fewer. Heads are the
  // outer order: a part packs the positions of a head once for all its sequences.
  void RunPart(const Call& call, int64_t part, std::atomic<int64_t>& next) const {
    const Scratch s = ScratchOf(call.workspace, part);
    int64_t packed_head = -1;
    for (int64_t item = next++; item < plan_.Items(); item = next++) {
      const int64_t head = item / plan_.sizes.batch;
      if (call.r != nullptr && head != packed_head) {
        PackPositions<T, E>(plan_, call.r, head, s.positions, nullptr);
      }
      packed_head = head;
      RunHead(call, s, item % plan_.sizes.batch, head);
    }
  }

  void RunHead(const Call& call, const Scratch& s, int64_t sequence, int64_t head) const {
    const HeadViews<const T> sources = ViewsOf(plan_, call.query, call.key_value, sequence, head);
    PackKeys<T, E>(plan_, sources.key, sources.key_stride, s.keys, nullptr);
    PackKeys<T, E>(plan_, sources.value, sources.key_stride, nullptr, s.values);
    for (int64_t c = 0; c < plan_.query_classes; ++c) {
      for (int64_t first = 0; first < plan_.base; first += tile_rows_) {
        const QueryTile tile{first, std::min(tile_rows_, plan_.base - first)};
        PackTile(call, s, sources, sequence, head, c, tile);
        RunTile(s, c, tile);
        WriteTile(call, s, sequence, head, c, tile);
      }
    }
  }

  void PackTile(const Call& call, const Scratch& s, const HeadViews<const T>& sources,
                int64_t sequence, int64_t head, int64_t query_class, QueryTile tile) const {
    const int64_t bias = head * plan_.sizes.head_width;
    const bool relative = call.r != nullptr;
    PackQueries(plan_, sources, query_class, tile, relative ? call.u + bias : nullptr,
                s.content_queries);
    if (relative) {
      PackQueries(plan_, sources, query_class, tile, call.v + bias, s.position_queries);
    }
    if (s.keep != nullptr) {
      DrawKeptTile(plan_, RngOf(plan_, call.random, sequence), head, query_class, tile, s.draws,
                   s.keep);
    }
  }

  void RunTile(const Scratch& s, int64_t query_class, QueryTile tile) const {
    std::memset(s.sums, 0, static_cast<size_t>(tile.rows * plan_.padded) * sizeof(float));
    bool first_block = true;
    for (int64_t c = 0; c < plan_.key_classes; ++c) {
      const E* positions =
          s.positions == nullptr
              ? nullptr
              : s.positions + AttentionPlan::Class(query_class, c) * plan_.PanelNumbers();
      const ScoreFactors<E> factors{s.content_queries, s.position_queries,
                                    s.keys + c * plan_.PanelNumbers(), positions};
      ForKeyBlocks(tile, kBlockColumns, [&](KeyBlock block) {
        ComputeScores(plan_, tile, block, factors, s.strip, strip_.stride);
        SoftmaxRows(s.strip, strip_.stride, tile.rows, tile.first + 1 - block.first, block.columns,
                    first_block, s.state, KeptBlock(plan_, s.keep, c, block), kPair<E> == 2);
        if (!first_block) Rescale(s, tile);
        AddValues(s, c, tile, block);
        first_block = false;
      });
    }
  }

  void Rescale(const Scratch& s, QueryTile tile) const {
    for (int64_t t = 0; t < tile.rows; ++t) {
      if (s.state.rescale[t] != 1.0f) {
        ScaleRow(plan_.padded, s.state.rescale[t], s.sums + t * plan_.padded);
      }
    }
  }

  void AddValues(const Scratch& s, int64_t key_class, QueryTile tile, KeyBlock block) const {
    const int64_t pair = kPair<E>;
    const int64_t padded = plan_.padded;
    const int64_t stride = strip_.stride * pair;
    const E* probabilities = reinterpret_cast<const E*>(s.strip);
    const E* values =
        s.values + key_class * plan_.template DepthNumbers<E>() + block.first * padded;
    ForKeySums(tile, block, TileRows(padded), pair,
               [&](int64_t row, int64_t rows, int64_t column, int64_t depth) {
                 TileGemm(rows, padded, depth / pair,
                          LeftFactor<E>{probabilities + row * stride + column, stride, pair},
                          values + column * padded, padded * pair, s.sums + row * padded, padded,
                          true);
               });
  }

  int64_t ValueFlops(QueryTile tile, KeyBlock block) const {
    int64_t pairs = 0;
    ForKeySums(tile, block, TileRows(plan_.padded), kPair<E>,
               [&](int64_t, int64_t rows, int64_t, int64_t depth) { pairs += rows * depth; });
    return 2 * pairs * plan_.padded;
  }

  void WriteTile(const Call& call, const Scratch& s, int64_t sequence, int64_t head,
                 int64_t query_class, QueryTile tile) const {
    const int64_t queries = plan_.attributes.geometry.queries;
    const int64_t width = plan_.sizes.head_width;
    for (int64_t t = 0; t < tile.rows; ++t) {
      const int64_t i = (tile.first + t) * plan_.query_classes + query_class;
      UnpackRows(s.sums + t * plan_.padded, nullptr, plan_.padded, 1, width, 1.0f / s.state.sum[t],
                 call.out + (sequence * queries + i) * plan_.sizes.width + head * width,
                 plan_.sizes.width);
      call.log_sum_exp[(sequence * plan_.sizes.heads + head) * queries + i] =
          (s.state.maximum[t] + std::log2(s.state.sum[t])) * kLn2;
    }
  }

  const AttentionPlan plan_;
  const int64_t tile_rows_;
  const StripLayout strip_;
  ScratchLayout layout_;
  Offsets at_;
};

}  // namespace

KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node) {
  const int64_t flops = op.Count(node.inputs, node.outputs).needed;
  HG_ASSIGN_OR_RETURN(const AttentionPlan plan, PlanAttention(op.attributes(), node, flops));
  if (plan.Pairs()) return std::make_unique<AttentionKernel<BFloat16, BFloat16>>(plan);
  if (plan.bf16) return std::make_unique<AttentionKernel<BFloat16, float>>(plan);
  return std::make_unique<AttentionKernel<float, float>>(plan);
}

}  // namespace hourglass::onednn
