#include <atomic>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/onednn/attention.h"
#include "hourglass/backends/onednn/attention_plan.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

// Taller than the forward's tile: the sums over queries are as deep as the tile is tall, and every
// one reads and writes a gradient.
constexpr int64_t kTileRows = 96;
constexpr int64_t kBlockColumns = 512;

// T is the type of queries, keys, values, positions, the output and their gradients; E that of the
// factors of products inside.
template <typename T, typename E>
class AttentionGradKernel : public Kernel {
 public:
  explicit AttentionGradKernel(const AttentionPlan& plan)
      : plan_(plan),
        tile_rows_(std::min(kTileRows, plan.base)),
        strip_(tile_rows_, plan.BlockColumns(kBlockColumns)) {
    const int64_t rows = tile_rows_ * plan.padded;
    const int64_t depth = RoundUp(tile_rows_, kPair<E>) * plan.padded;
    const int64_t key_panels = plan.key_classes * plan.PanelNumbers();
    const int64_t key_rows = plan.key_classes * plan.RowNumbers();
    at_.key_panels = layout_.template Add<E>(key_panels);
    at_.value_panels = layout_.template Add<E>(key_panels);
    at_.key_depth = layout_.template Add<E>(plan.key_classes * plan.template DepthNumbers<E>());
    at_.d_keys = layout_.AddFloats(key_rows);
    at_.d_values = layout_.AddFloats(key_rows);
    at_.strip = layout_.AddFloats(strip_.floats);
    at_.d_strip = layout_.AddFloats(strip_.floats);
    at_.content_queries = layout_.template Add<E>(rows);
    at_.d_content_queries = layout_.AddFloats(rows);
    at_.d_out = layout_.template Add<E>(rows);
    at_.statistics = layout_.AddFloats(2 * tile_rows_);
    if (plan.attributes.relative) {
      at_.position_panels = layout_.template Add<E>(plan.Classes() * plan.PanelNumbers());
      at_.position_depth =
          layout_.template Add<E>(plan.Classes() * plan.template DepthNumbers<E>());
      at_.d_positions = layout_.AddFloats(PositionSums());
      at_.position_queries = layout_.template Add<E>(rows);
      at_.d_position_queries = layout_.AddFloats(rows);
    }
    if (kPair<E> == 2) {
      at_.content_depth = layout_.template Add<E>(depth);
      at_.position_depth_queries = layout_.template Add<E>(depth);
      at_.d_out_depth = layout_.template Add<E>(depth);
      at_.pairs = layout_.template Add<E>(3 * PairNumbers());
    }
    if (plan.attributes.dropout > 0) {
      at_.draws = layout_.AddBytes(KeptTile().DrawBytes(plan));
      at_.keep = layout_.AddBytes(KeptTile().Bytes(plan, tile_rows_));
    }
  }

  size_t WorkspaceBytes() const override {
    return static_cast<size_t>(plan_.parts) * (layout_.bytes() + PartialBytes());
  }
  int64_t Executed() const override {
    return SumOverBlocks(plan_, tile_rows_, kBlockColumns, [&](QueryTile tile, KeyBlock block) {
      return ScoreFlops(plan_, tile, block) + GradientFlops(tile, block);
    });
  }
  std::string Implementation() const override {
    return absl::StrCat("hourglass:attention_grad:", TileGemmTarget(),
                        kPair<E> == 2 ? "_bf16" : "");
  }

  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    const Call call = CallOf(in, out, workspace);
    std::atomic<int64_t> next{0};
    ParallelFor(plan_.parts, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t part = begin; part < end; ++part) RunPart(call, part, next);
    });
    if (plan_.attributes.relative) AddPartials(call);
    return absl::OkStatus();
  }

 private:
  struct Call {
    const T *query, *key_value, *r;
    const float *u, *v;
    const uint32_t* random;
    const T* out;
    const float* log_sum_exp;
    const T* d_out;
    T *d_query, *d_key_value, *d_r;
    float *d_u, *d_v;
    std::byte* workspace;
  };
  // Byte offsets in a part's slice of the workspace.
  struct Offsets {
    size_t key_panels = 0, value_panels = 0, key_depth = 0, d_keys = 0, d_values = 0, strip = 0,
           d_strip = 0, content_queries = 0, position_queries = 0, d_content_queries = 0,
           d_position_queries = 0, d_out = 0, statistics = 0, position_panels = 0,
           position_depth = 0, d_positions = 0, content_depth = 0, position_depth_queries = 0,
           d_out_depth = 0, pairs = 0, draws = 0, keep = 0;
  };
  struct Scratch {
    E *key_panels, *value_panels, *key_depth;
    float *d_keys, *d_values, *strip, *d_strip;
    E* content_queries;
    float* d_content_queries;
    E* d_out;
    float *log_sum, *delta;
    // Null without relative positions.
    E *position_panels, *position_depth;
    float* d_positions;
    E* position_queries;
    float* d_position_queries;
    uint8_t *draws, *keep;  // null without dropout
    // Factors whose depth are the tile's rows. Of floats they are those above; bf16 is paired.
    E *content_depth = nullptr, *position_depth_queries = nullptr, *d_out_depth = nullptr;
    E *probabilities = nullptr, *d_scores = nullptr, *d_scores_by_distance = nullptr;
  };
  // Where a tile is.
  struct Place {
    int64_t sequence, head, query_class;
    QueryTile tile;
  };

  // The gradients of r, of u and of v for one head, behind each other.
  int64_t PositionFloats() const { return plan_.Classes() * plan_.RowNumbers(); }
  // One strip whose rows are paired.
  int64_t PairNumbers() const {
    return RoundUp(strip_.floats + strip_.stride + 2 * StripLayout::kFirst, 32);
  }
  int64_t PositionSums() const { return PositionFloats() + 2 * plan_.padded; }

  Call CallOf(std::span<const TensorView> in, std::span<const TensorView> out,
              std::span<std::byte> workspace) const {
    const AttentionInputs& at = plan_.at;
    return {TensorAt<T>(in, at.query),
            TensorAt<T>(in, at.key_value),
            TensorAt<T>(in, at.r),
            TensorAt<float>(in, at.u),
            TensorAt<float>(in, at.v),
            TensorAt<uint32_t>(in, at.random),
            TensorAt<T>(in, at.count),
            TensorAt<float>(in, at.count + 1),
            TensorAt<T>(in, at.count + 2),
            TensorAt<T>(out, at.query),
            TensorAt<T>(out, at.key_value),
            TensorAt<T>(out, at.r),
            TensorAt<float>(out, at.u),
            TensorAt<float>(out, at.v),
            workspace.data()};
  }

  Scratch ScratchOf(std::byte* workspace, int64_t part) const {
    std::byte* slice = workspace + static_cast<size_t>(part) * layout_.bytes();
    const bool relative = plan_.attributes.relative;
    const bool dropout = plan_.attributes.dropout > 0;
    const auto floats = [&](size_t offset) { return reinterpret_cast<float*>(slice + offset); };
    const auto if_relative = [&](size_t offset) { return relative ? floats(offset) : nullptr; };
    const auto if_dropout = [&](size_t offset) {
      return dropout ? reinterpret_cast<uint8_t*>(slice + offset) : nullptr;
    };
    const auto factors = [&](size_t offset) { return reinterpret_cast<E*>(slice + offset); };
    Scratch s{factors(at_.key_panels),
              factors(at_.value_panels),
              factors(at_.key_depth),
              floats(at_.d_keys),
              floats(at_.d_values),
              floats(at_.strip) + StripLayout::kFirst,
              floats(at_.d_strip) + StripLayout::kFirst,
              factors(at_.content_queries),
              floats(at_.d_content_queries),
              factors(at_.d_out),
              floats(at_.statistics),
              floats(at_.statistics) + tile_rows_,
              relative ? factors(at_.position_panels) : nullptr,
              relative ? factors(at_.position_depth) : nullptr,
              if_relative(at_.d_positions),
              relative ? factors(at_.position_queries) : nullptr,
              if_relative(at_.d_position_queries),
              if_dropout(at_.draws),
              if_dropout(at_.keep)};
    if constexpr (kPair<E> == 2) {
      s.content_depth = factors(at_.content_depth);
      s.position_depth_queries = factors(at_.position_depth_queries);
      s.d_out_depth = factors(at_.d_out_depth);
      s.probabilities = factors(at_.pairs) + 2 * StripLayout::kFirst;
      s.d_scores = s.probabilities + PairNumbers();
      s.d_scores_by_distance = s.d_scores + PairNumbers();
    } else {
      s.content_depth = s.content_queries;
      s.position_depth_queries = s.position_queries;
      s.d_out_depth = s.d_out;
      s.probabilities = s.strip;
      s.d_scores = s.d_scores_by_distance = s.d_strip;
    }
    return s;
  }

  // Heads whose sequences are spread over parts. The gradients of r, u and v sum over the batch. A
  // part owns a range of (head, sequence), heads outermost; a head that it shares with another part
  // goes to a partial sum: the first and the last head of a part at most. The partial sums are
  // added in the order of parts, so the result depends on the number of parts alone.

  bool Shared(int64_t part, int64_t head) const {
    const int64_t first = head * plan_.sizes.batch;
    return first < plan_.PartBegin(part) || first + plan_.sizes.batch > plan_.PartBegin(part + 1);
  }
  size_t PartialBytes() const {
    if (!plan_.attributes.relative) return 0;
    bool any = false;
    for (int64_t part = 1; part < plan_.parts; ++part) {
      any = any || plan_.PartBegin(part) % plan_.sizes.batch != 0;
    }
    return any ? 2 * static_cast<size_t>(PositionSums()) * sizeof(float) : 0;
  }
  float* Partial(const Call& call, int64_t part, int64_t head) const {
    const int64_t slot = head == plan_.PartBegin(part) / plan_.sizes.batch ? 0 : 1;
    std::byte* partials = call.workspace + static_cast<size_t>(plan_.parts) * layout_.bytes();
    return reinterpret_cast<float*>(partials + static_cast<size_t>(part) * PartialBytes()) +
           slot * PositionSums();
  }

  void AddPartials(const Call& call) const {
    int64_t open_head = -1;
    float* sum = nullptr;
    for (int64_t part = 0; part < plan_.parts; ++part) {
      const int64_t begin = plan_.PartBegin(part), end = plan_.PartBegin(part + 1);
      for (int64_t head = begin / plan_.sizes.batch; head * plan_.sizes.batch < end; ++head) {
        if (!Shared(part, head)) continue;
        float* partial = Partial(call, part, head);
        if (head != open_head) {
          if (sum != nullptr) WritePositions(call, open_head, sum);
          open_head = head;
          sum = partial;
        } else {
          AddRowSum(partial, 0, 1, PositionSums(), 1.0f, sum);
        }
      }
    }
    if (sum != nullptr) WritePositions(call, open_head, sum);
  }

  void WritePositions(const Call& call, int64_t head, const float* sum) const {
    const int64_t width = plan_.sizes.head_width;
    for (int64_t c = 0; c < plan_.Classes(); ++c) {
      // Packed queries carry 1 / ln 2, which is taken away again here.
      UnpackRows(sum + c * plan_.RowNumbers(), nullptr, plan_.padded, plan_.base, width, kLn2,
                 call.d_r + plan_.FirstPositionRow(c) * plan_.sizes.width + head * width,
                 plan_.PositionStep() * plan_.sizes.width);
    }
    const float* biases = sum + PositionFloats();
    UnpackRows(biases, nullptr, 0, 1, width, 1.0f, call.d_u + head * width, 0);
    UnpackRows(biases + plan_.padded, nullptr, 0, 1, width, 1.0f, call.d_v + head * width, 0);
  }

  // One part.

  // Without sums over the batch a part takes the next item until there is none: the slower of two
  // threads gets fewer.
  void RunPart(const Call& call, int64_t part, std::atomic<int64_t>& next) const {
    const Scratch s = ScratchOf(call.workspace, part);
    // What lies between the rows of d_strip is read as zero by the products over distances.
    std::memset(s.d_strip - StripLayout::kFirst, 0,
                static_cast<size_t>(strip_.floats) * sizeof(float));
    if (!plan_.attributes.relative) {
      for (int64_t item = next++; item < plan_.Items(); item = next++) {
        RunHead(call, s, item % plan_.sizes.batch, item / plan_.sizes.batch);
      }
      return;
    }
    const int64_t begin = plan_.PartBegin(part), end = plan_.PartBegin(part + 1);
    for (int64_t item = begin; item < end; ++item) {
      const int64_t head = item / plan_.sizes.batch;
      const bool first = item == begin || item % plan_.sizes.batch == 0;
      const bool last = item + 1 == end || (item + 1) % plan_.sizes.batch == 0;
      if (first) BeginPositions(call, s, head);
      RunHead(call, s, item % plan_.sizes.batch, head);
      if (last) EndPositions(call, s, part, head);
    }
  }

  void BeginPositions(const Call& call, const Scratch& s, int64_t head) const {
    PackPositions(plan_, call.r, head, s.position_panels, s.position_depth);
    Clear(s.d_positions, PositionSums());
  }

  void EndPositions(const Call& call, const Scratch& s, int64_t part, int64_t head) const {
    if (Shared(part, head)) {
      std::memcpy(Partial(call, part, head), s.d_positions,
                  static_cast<size_t>(PositionSums()) * sizeof(float));
    } else {
      WritePositions(call, head, s.d_positions);
    }
  }

  static void Clear(float* to, int64_t count) {
    std::memset(to, 0, static_cast<size_t>(count) * sizeof(float));
  }

  // One head of one sequence.

  void RunHead(const Call& call, const Scratch& s, int64_t sequence, int64_t head) const {
    const HeadViews<const T> sources = ViewsOf(plan_, call.query, call.key_value, sequence, head);
    PackKeys(plan_, sources.key, sources.key_stride, s.key_panels, s.key_depth);
    PackKeys<T, E>(plan_, sources.value, sources.key_stride, s.value_panels, nullptr);
    Clear(s.d_keys, plan_.key_classes * plan_.RowNumbers());
    Clear(s.d_values, plan_.key_classes * plan_.RowNumbers());
    for (int64_t c = 0; c < plan_.query_classes; ++c) {
      for (int64_t first = 0; first < plan_.base; first += tile_rows_) {
        const Place place{sequence, head, c,
                          QueryTile{first, std::min(tile_rows_, plan_.base - first)}};
        PackTile(call, s, sources, place);
        RunTile(s, place);
        WriteTile(call, s, place);
      }
    }
    WriteKeys(call, s, sequence, head);
  }

  void PackTile(const Call& call, const Scratch& s, const HeadViews<const T>& sources,
                const Place& p) const {
    const int64_t width = plan_.sizes.head_width;
    const bool relative = plan_.attributes.relative;
    PackQueries(plan_, sources, p.query_class, p.tile, relative ? call.u + p.head * width : nullptr,
                s.content_queries);
    if (relative) {
      PackQueries(plan_, sources, p.query_class, p.tile, call.v + p.head * width,
                  s.position_queries);
    }
    const int64_t queries = plan_.attributes.geometry.queries;
    const int64_t step = plan_.query_classes;
    const int64_t i = p.tile.first * step + p.query_class;
    const int64_t row = (p.sequence * queries + i) * plan_.sizes.width + p.head * width;
    PackRows(call.d_out + row, step * plan_.sizes.width, p.tile.rows, width, plan_.padded, nullptr,
             1.0f, s.d_out);
    const float* log_sum_exp =
        call.log_sum_exp + (p.sequence * plan_.sizes.heads + p.head) * queries + i;
    RowDots(call.d_out + row, call.out + row, step * plan_.sizes.width, p.tile.rows, width,
            s.delta);
    PackDepths(s, p.tile);
    for (int64_t t = 0; t < p.tile.rows; ++t) s.log_sum[t] = log_sum_exp[t * step] * kLog2E;
    if (s.keep != nullptr) {
      DrawKeptTile(plan_, RngOf(plan_, call.random, p.sequence), p.head, p.query_class, p.tile,
                   s.draws, s.keep);
    }
  }

  // The tile's rows as depth; floats need no other order.
  void PackDepths(const Scratch& s, QueryTile tile) const {
    if constexpr (kPair<E> == 2) {
      const auto pack = [&](const E* rows, E* depth) {
        PackDepth(rows, plan_.padded, tile.rows, plan_.padded, plan_.padded, depth);
      };
      pack(s.content_queries, s.content_depth);
      pack(s.d_out, s.d_out_depth);
      if (s.position_queries != nullptr) pack(s.position_queries, s.position_depth_queries);
    }
  }

  // Pairs of rows of the strips, the second row of those by distance one column further.
  void PairStrips(const Scratch& s, QueryTile tile, KeyBlock block) const {
    if constexpr (kPair<E> == 2) {
      constexpr int64_t kMargin = kTileColumns;  // on both sides, of zeros
      const int64_t stride = 2 * strip_.stride;
      const E* probabilities = reinterpret_cast<const E*>(s.strip);
      const E* d_scores = reinterpret_cast<const E*>(s.d_strip);
      for (int64_t t = 0; t < tile.rows; t += 2) {
        const int64_t to = t / 2 * stride;
        const int64_t columns = RoundUp(VisibleColumns(tile, block, t), kTileColumns) + kMargin;
        const E* p = probabilities + t * stride;
        const E* d = d_scores + t * stride;
        const bool last = t + 1 == tile.rows;
        PairRows(p, last ? nullptr : p + stride, columns, s.probabilities + to);
        PairRows(d, last ? nullptr : d + stride, columns, s.d_scores + to);
        if (!plan_.attributes.relative) continue;
        PairRows(d - kMargin, last ? nullptr : d + stride + 1 - kMargin, columns + kMargin,
                 s.d_scores_by_distance + to - 2 * kMargin);
      }
    }
  }

  void RunTile(const Scratch& s, const Place& p) const {
    Clear(s.d_content_queries, p.tile.rows * plan_.padded);
    if (s.d_position_queries != nullptr) {
      Clear(s.d_position_queries, p.tile.rows * plan_.padded);
    }
    for (int64_t c = 0; c < plan_.key_classes; ++c) {
      const int64_t pair = AttentionPlan::Class(p.query_class, c);
      const E* positions =
          s.position_panels == nullptr ? nullptr : s.position_panels + pair * plan_.PanelNumbers();
      const ScoreFactors<E> factors{s.content_queries, s.position_queries,
                                    s.key_panels + c * plan_.PanelNumbers(), positions};
      ForKeyBlocks(p.tile, kBlockColumns, [&](KeyBlock block) {
        ComputeScores(plan_, p.tile, block, factors, s.strip, strip_.stride);
        ComputeProbabilityGradients(s, c, p.tile, block);
        SoftmaxGradientRows(s.strip, s.d_strip, strip_.stride, p.tile.rows,
                            p.tile.first + 1 - block.first, block.columns, s.log_sum, s.delta,
                            KeptBlock(plan_, s.keep, c, block), kPair<E> == 2);
        PairStrips(s, p.tile, block);
        AddContent(s, c, p.tile, block);
        if (plan_.attributes.relative) AddPositions(s, pair, p.tile, block);
      });
    }
  }

  // d_strip = d_out values^T
  void ComputeProbabilityGradients(const Scratch& s, int64_t key_class, QueryTile tile,
                                   KeyBlock block) const {
    const int64_t pair = kPair<E>;
    const int64_t width = plan_.sizes.head_width;
    const E* values = s.value_panels + key_class * plan_.PanelNumbers();
    ForContentScores(tile, block, [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
      TileGemm(rows, columns, width / pair,
               LeftFactor<E>{s.d_out + row * plan_.padded, plan_.padded, pair},
               values + (block.first + column) * width, kPanelColumns * pair,
               s.d_strip + row * strip_.stride + column, strip_.stride, false);
    });
  }

  // sums[column] += strip^T x queries, for a strip whose rows are the depth.
  void AddKeyGradients(const E* strip, const E* queries, QueryTile tile, KeyBlock block,
                       float* sums) const {
    const int64_t pair = kPair<E>;
    const int64_t padded = plan_.padded, stride = strip_.stride * pair;
    ForKeyGradients(
        tile, block, TileRows(padded), pair,
        [&](int64_t column, int64_t columns, int64_t row, int64_t depth) {
          TileGemm(columns, padded, depth / pair,
                   LeftFactor<E>{strip + row / pair * stride + column * pair, pair, stride},
                   queries + row * padded, padded * pair, sums + column * padded, padded, true);
        });
  }

  // d_values += probabilities^T d_out, d_keys += d_scores^T queries, d_queries += d_scores keys.
  void AddContent(const Scratch& s, int64_t key_class, QueryTile tile, KeyBlock block) const {
    const int64_t pair = kPair<E>;
    const int64_t padded = plan_.padded, stride = strip_.stride * pair;
    const int64_t first = key_class * plan_.RowNumbers() + block.first * padded;
    AddKeyGradients(s.probabilities, s.d_out_depth, tile, block, s.d_values + first);
    AddKeyGradients(s.d_scores, s.content_depth, tile, block, s.d_keys + first);
    const E* d_scores = reinterpret_cast<const E*>(s.d_strip);
    const E* keys =
        s.key_depth + key_class * plan_.template DepthNumbers<E>() + block.first * padded;
    ForKeySums(tile, block, TileRows(padded), pair,
               [&](int64_t row, int64_t rows, int64_t column, int64_t depth) {
                 TileGemm(rows, padded, depth / pair,
                          LeftFactor<E>{d_scores + row * stride + column, stride, pair},
                          keys + column * padded, padded * pair, s.d_content_queries + row * padded,
                          padded, true);
               });
  }

  // d_positions += d_scores^T queries, d_queries += d_scores positions; d_scores by distance.
  void AddPositions(const Scratch& s, int64_t pair_of_classes, QueryTile tile,
                    KeyBlock block) const {
    const int64_t pair = kPair<E>;
    const int64_t padded = plan_.padded, stride = strip_.stride * pair;
    const int64_t zero_place = plan_.base - 1;      // of distance 0
    const int64_t skew = tile.first - block.first;  // column of row 0, distance 0
    float* d_positions = s.d_positions + pair_of_classes * plan_.RowNumbers() + zero_place * padded;
    ForPositionGradients(tile, block, TileRows(padded), pair,
                         [&](int64_t distance, int64_t distances, int64_t row, int64_t depth) {
                           TileGemm(distances, padded, depth / pair,
                                    LeftFactor<E>{s.d_scores_by_distance + row / pair * stride +
                                                      (skew + row + distance) * pair,
                                                  pair, stride + pair * pair},
                                    s.position_depth_queries + row * padded, padded * pair,
                                    d_positions + distance * padded, padded, true);
                         });
    const E* d_scores = reinterpret_cast<const E*>(s.d_strip) + skew;
    const E* positions =
        s.position_depth + pair_of_classes * plan_.template DepthNumbers<E>() + zero_place * padded;
    ForPositionSums(tile, block, TileRows(padded), pair, zero_place,
                    [&](int64_t row, int64_t rows, int64_t distance, int64_t depth) {
                      TileGemm(
                          rows, padded, depth / pair,
                          LeftFactor<E>{d_scores + row * (stride + 1) + distance, stride + 1, pair},
                          positions + distance * padded, padded * pair,
                          s.d_position_queries + row * padded, padded, true);
                    });
  }

  int64_t GradientFlops(QueryTile tile, KeyBlock block) const {
    int64_t score_pairs = 0;  // products that are head_width deep
    int64_t pairs = 0;        // products that are `padded` wide
    ForContentScores(tile, block, [&](int64_t, int64_t rows, int64_t, int64_t columns) {
      score_pairs += rows * columns;
    });
    const auto add = [&](int64_t, int64_t m, int64_t, int64_t k) { pairs += m * k; };
    const int64_t grain = TileRows(plan_.padded);
    ForKeyGradients(tile, block, grain, kPair<E>, add);
    ForKeyGradients(tile, block, grain, kPair<E>, add);
    ForKeySums(tile, block, grain, kPair<E>, add);
    if (plan_.attributes.relative) {
      ForPositionGradients(tile, block, grain, kPair<E>, add);
      ForPositionSums(tile, block, grain, kPair<E>, plan_.base - 1, add);
    }
    return 2 * (score_pairs * plan_.sizes.head_width + pairs * plan_.padded);
  }

  void WriteTile(const Call& call, const Scratch& s, const Place& p) const {
    const int64_t width = plan_.sizes.head_width;
    const HeadViews<T> d = ViewsOf(plan_, call.d_query, call.d_key_value, p.sequence, p.head);
    const int64_t i = p.tile.first * plan_.query_classes + p.query_class;
    UnpackRows(s.d_content_queries, s.d_position_queries, plan_.padded, p.tile.rows, width,
               plan_.scale, d.query + i * d.query_stride, plan_.query_classes * d.query_stride);
    if (!plan_.attributes.relative) return;
    float* d_u = s.d_positions + PositionFloats();
    AddRowSum(s.d_content_queries, plan_.padded, p.tile.rows, width, plan_.scale, d_u);
    AddRowSum(s.d_position_queries, plan_.padded, p.tile.rows, width, plan_.scale,
              d_u + plan_.padded);
  }

  void WriteKeys(const Call& call, const Scratch& s, int64_t sequence, int64_t head) const {
    const int64_t width = plan_.sizes.head_width;
    const HeadViews<T> d = ViewsOf(plan_, call.d_query, call.d_key_value, sequence, head);
    for (int64_t c = 0; c < plan_.key_classes; ++c) {
      const int64_t stride = plan_.key_classes * d.key_stride;
      UnpackRows(s.d_keys + c * plan_.RowNumbers(), nullptr, plan_.padded, plan_.base, width, kLn2,
                 d.key + c * d.key_stride, stride);
      UnpackRows(s.d_values + c * plan_.RowNumbers(), nullptr, plan_.padded, plan_.base, width,
                 1.0f, d.value + c * d.key_stride, stride);
    }
  }

  const AttentionPlan plan_;
  const int64_t tile_rows_;
  const StripLayout strip_;
  ScratchLayout layout_;
  Offsets at_;
};

}  // namespace

KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node) {
  const int64_t flops = op.Count(node.inputs, node.outputs).needed;
  HG_ASSIGN_OR_RETURN(const AttentionPlan plan, PlanAttention(op.attributes(), node, flops));
  if (plan.Pairs()) return std::make_unique<AttentionGradKernel<BFloat16, BFloat16>>(plan);
  if (plan.bf16) return std::make_unique<AttentionGradKernel<BFloat16, float>>(plan);
  return std::make_unique<AttentionGradKernel<float, float>>(plan);
}

}  // namespace hourglass::onednn
