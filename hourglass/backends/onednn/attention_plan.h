#pragma once
// What the forward and the backward kernel of attention share.
//
// Resampling by k splits the longer side into k classes, of queries i = k a + rho (up) or of keys
// j = k b + sigma (down). Each pair of classes is an ordinary causal square of side `base`: query a
// sees key b iff b <= a, and its positions depend on b - a alone. Self-attention is the case k = 1.

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "hourglass/backends/onednn/attention_rows.h"
#include "hourglass/backends/onednn/attention_tiles.h"
#include "hourglass/ops/attention.h"
#include "hourglass/runtime/backend.h"

namespace hourglass::onednn {

inline constexpr float kLog2E = 1.4426950408889634f;
inline constexpr float kLn2 = 0.6931471805599453f;

struct AttentionPlan {
  AttentionAttributes attributes;
  AttentionInputs at;
  AttentionSizes sizes;
  int64_t base = 0;
  int64_t query_classes = 1, key_classes = 1;
  int64_t padded = 0;  // head width, rounded up to kTileColumns
  int64_t parts = 1;   // ranges of (head, sequence) that run at the same time
  float scale = 1.0f;  // of the scores
  bool bf16 = false;   // queries, keys, values and positions; else they are f32

  // Whether bf16 is multiplied as it is, in pairs along the head width and along rows.
  bool Pairs() const;

  int64_t Items() const { return sizes.batch * sizes.heads; }
  int64_t PartBegin(int64_t part) const { return Items() * part / parts; }
  // Columns of packed keys and positions of one class.
  int64_t Places() const { return RoundUp(base, kPanelColumns); }
  // Numbers of one class: packed in panels, in rows, as the depth of a sum.
  int64_t PanelNumbers() const { return Places() * sizes.head_width; }
  int64_t RowNumbers() const { return base * padded; }
  template <typename E>
  int64_t DepthNumbers() const {
    return RoundUp(base, kPair<E>) * padded;
  }
  // Only one side has several classes, so their pairs have one index.
  int64_t Classes() const { return query_classes * key_classes; }
  static int64_t Class(int64_t query_class, int64_t key_class) { return query_class + key_class; }
  // The row of r for distance 1 - base of a class; distances follow at steps of PositionStep().
  int64_t FirstPositionRow(int64_t a_class) const;
  int64_t PositionStep() const { return query_classes * key_classes; }
  // The largest block of keys that is scored at once, if at most `limit`.
  int64_t BlockColumns(int64_t limit) const { return std::min(limit, Places()); }
  int64_t KeptColumns() const { return Places() + kPanelColumns; }
};

// Unimplemented, naming the node, for tensors other than f32 and bf16. `flops` is the size of the
// work: small work is not spread over threads.
absl::StatusOr<AttentionPlan> PlanAttention(const AttentionAttributes& attributes,
                                            const NodeSpecs& node, int64_t flops);

// Data of the tensor at a place of AttentionInputs; null where it is absent.
template <typename T>
T* TensorAt(std::span<const TensorView> tensors, int place) {
  return place < 0 ? nullptr : tensors[static_cast<size_t>(place)].As<T>();
}

// One head of one sequence, in the inputs (T = const float or const BFloat16) or in their
// gradients.
template <typename T>
struct HeadViews {
  T* query = nullptr;  // [queries, head width], rows query_stride apart
  T* key = nullptr;    // [keys, head width], rows key_stride apart
  T* value = nullptr;
  int64_t query_stride = 0, key_stride = 0;
};

template <typename T>
HeadViews<T> ViewsOf(const AttentionPlan& plan, T* query, T* key_value, int64_t sequence,
                     int64_t head) {
  const AttentionGeometry& g = plan.attributes.geometry;
  const int64_t width = plan.sizes.width;
  const int64_t column = head * plan.sizes.head_width;
  HeadViews<T> s;
  s.query_stride = plan.attributes.packed ? 3 * width : width;
  s.key_stride = plan.attributes.packed ? 3 * width : 2 * width;
  s.query = query + sequence * g.queries * s.query_stride + column;
  s.key = key_value + sequence * g.keys * s.key_stride + column;
  if (plan.attributes.packed) s.key += width;
  s.value = s.key + width;
  return s;
}

// Places in a workspace, 64-byte aligned.
class ScratchLayout {
 public:
  size_t AddFloats(int64_t count) { return Add<float>(count); }
  template <typename E>
  size_t Add(int64_t count) {
    return AddBytes(static_cast<size_t>(count) * sizeof(E));
  }
  size_t AddBytes(size_t bytes) {
    const size_t offset = bytes_;
    bytes_ += (bytes + 63) / 64 * 64;
    return offset;
  }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

// Memory for a strip of scores: rows far enough apart for kStripReach on both sides, and not a
// multiple of 4 KiB apart, where all rows would share one set of the cache.
struct StripLayout {
  StripLayout(int64_t rows, int64_t columns);
  int64_t stride;
  int64_t floats;
  static constexpr int64_t kFirst = kPanelColumns;  // where row 0, column 0 lies
};

// Every class: panels [class][places][head width] and, if depth is not null, what PackDepth makes.
template <typename T, typename E>
void PackPositions(const AttentionPlan& plan, const T* r, int64_t head, E* panels, E* depth) {
  const int64_t width = plan.sizes.head_width;
  const int64_t stride = plan.sizes.width * plan.PositionStep();
  for (int64_t c = 0; c < plan.Classes(); ++c) {
    const T* first = r + plan.FirstPositionRow(c) * plan.sizes.width + head * width;
    PackTransposed(first, stride, plan.base, width, plan.Places() - plan.base, plan.Places(),
                   panels + c * plan.PanelNumbers());
    if (depth != nullptr) {
      PackDepth(first, stride, plan.base, width, plan.padded,
                depth + c * plan.template DepthNumbers<E>());
    }
  }
}

// Every key class, keys or values: as PackPositions, but columns begin at 0. Either may be null.
template <typename T, typename E>
void PackKeys(const AttentionPlan& plan, const T* src, int64_t src_stride, E* panels, E* depth) {
  const int64_t stride = src_stride * plan.key_classes;
  for (int64_t c = 0; c < plan.key_classes; ++c) {
    const T* first = src + c * src_stride;
    if (panels != nullptr) {
      PackTransposed(first, stride, plan.base, plan.sizes.head_width, 0, plan.Places(),
                     panels + c * plan.PanelNumbers());
    }
    if (depth != nullptr) {
      PackDepth(first, stride, plan.base, plan.sizes.head_width, plan.padded,
                depth + c * plan.template DepthNumbers<E>());
    }
  }
}

// The tile's queries [rows, padded], with bias, times scale / ln 2: scores come out to the base 2.
template <typename T, typename E>
void PackQueries(const AttentionPlan& plan, const HeadViews<const T>& head, int64_t query_class,
                 QueryTile tile, const float* bias, E* dst) {
  const int64_t i = tile.first * plan.query_classes + query_class;
  PackRows(head.query + i * head.query_stride, plan.query_classes * head.query_stride, tile.rows,
           plan.sizes.head_width, plan.padded, bias, plan.scale * kLog2E, dst);
}

// The factors of a strip of scores; position factors are null without relative positions.
template <typename E>
struct ScoreFactors {
  const E* content_queries = nullptr;   // [rows, padded]
  const E* position_queries = nullptr;  // [rows, padded]
  const E* keys = nullptr;              // panels of the key class
  const E* positions = nullptr;         // panels of the class
};

template <typename E>
void ComputeScores(const AttentionPlan& plan, QueryTile tile, KeyBlock block,
                   const ScoreFactors<E>& factors, float* strip, int64_t stride) {
  const int64_t pair = kPair<E>;
  const int64_t width = plan.sizes.head_width;
  const int64_t places = plan.Places();
  const bool relative = factors.position_queries != nullptr;
  if (relative) {
    // First, because it reaches beyond the rows' ends and its stores are the unaligned ones.
    const int64_t skew = tile.first - (places - 1) - block.first;
    ForPositionScores(
        tile, block, places, [&](int64_t row, int64_t rows, int64_t place, int64_t count) {
          const int64_t panel = RoundDown(place, kPanelColumns);
          TileGemm(rows, count, width / pair,
                   LeftFactor<E>{factors.position_queries + row * plan.padded, plan.padded, pair},
                   factors.positions + panel * width + (place - panel) * pair, kPanelColumns * pair,
                   strip + row * (stride + 1) + place + skew, stride + 1, false);
        });
  }
  ForContentScores(tile, block, [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    TileGemm(rows, columns, width / pair,
             LeftFactor<E>{factors.content_queries + row * plan.padded, plan.padded, pair},
             factors.keys + (block.first + column) * width, kPanelColumns * pair,
             strip + row * stride + column, stride, relative);
  });
}
// FLOPs of that.
int64_t ScoreFlops(const AttentionPlan& plan, QueryTile tile, KeyBlock block);

// Dropout of a tile: bytes for every key class of every row.
struct KeptTile {
  size_t Bytes(const AttentionPlan& plan, int64_t rows) const {
    return static_cast<size_t>(rows * plan.key_classes * plan.KeptColumns());
  }
  size_t DrawBytes(const AttentionPlan& plan) const {
    return static_cast<size_t>(plan.attributes.geometry.keys) + 128;
  }
};
void DrawKeptTile(const AttentionPlan& plan, const CounterRng& rng, int64_t head,
                  int64_t query_class, QueryTile tile, uint8_t* draws, uint8_t* keep);
// What SoftmaxRows takes for a block of it; nothing if keep is null.
KeptRows KeptBlock(const AttentionPlan& plan, const uint8_t* keep, int64_t key_class,
                   KeyBlock block);
CounterRng RngOf(const AttentionPlan& plan, const uint32_t* random, int64_t sequence);

// FLOPs of f(tile, block), summed over everything the kernel does.
template <typename F>
int64_t SumOverBlocks(const AttentionPlan& plan, int64_t tile_rows, int64_t block_columns, F&& f) {
  int64_t flops = 0;
  for (int64_t first = 0; first < plan.base; first += tile_rows) {
    const QueryTile tile{first, std::min(tile_rows, plan.base - first)};
    ForKeyBlocks(tile, block_columns, [&](KeyBlock block) { flops += f(tile, block); });
  }
  return flops * plan.Classes() * plan.Items();
}

}  // namespace hourglass::onednn
