#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "hourglass/backends/reference/attention_heads.h"
#include "hourglass/backends/reference/dropout_mask.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"

namespace hourglass::reference {
namespace {

// With P the probabilities, M the dropout factors (0 or 1 / keep), y = (P M) V:
//   d_V = (P M)' d_y
//   d_P = (d_y V') M
//   d_S = P (d_P - rowsum(P d_P)) / sqrt(dh),  rowsum(P d_P) = d_y . y
//   d_Q = d_S K + d_S R,  d_K = d_S' (Q + u),  d_R = d_S' (Q + v),
//   d_u = columnsum(d_S K),  d_v = columnsum(d_S R)
// where R stands for the row of each pair's delta.
template <typename T>
class AttentionGradient {
 public:
  AttentionGradient(const AttentionAttributes& attributes, const AttentionSizes& sizes, Views in,
                    Views out, Work& work)
      : attributes_(attributes),
        g_(attributes.geometry),
        s_(sizes),
        in_(in),
        out_(out),
        work_(work),
        probabilities_(static_cast<size_t>(g_.keys)),
        d_scores_(static_cast<size_t>(g_.keys)),
        content_(static_cast<size_t>(s_.head_width)),
        position_(static_cast<size_t>(s_.head_width)) {}

  void Run() {
    for (const TensorView& view : out_) {
      std::ranges::fill(view.Span<T>(), T(0));
    }
    for (int64_t b = 0; b < s_.batch; ++b) {
      for (int64_t h = 0; h < s_.heads; ++h) {
        EnterHead(b, h);
        for (int64_t i = 0; i < g_.queries; ++i) RunQuery(h, i);
      }
    }
  }

 private:
  void EnterHead(int64_t b, int64_t h) {
    const AttentionInputs at = InputsOf(attributes_);
    const size_t count = static_cast<size_t>(at.count);
    rows_ = HeadRowsAt<const T>(attributes_, in_, b, h);
    d_rows_ = HeadRowsAt<T>(attributes_, out_, b, h);
    log_sum_exp_ = in_[count + 1].As<T>() + (b * s_.heads + h) * g_.queries;
    y_ = RowsAt<const T>(in_[count], b, h * s_.head_width);
    d_y_ = RowsAt<const T>(in_[count + 2], b, h * s_.head_width);
    if (at.random >= 0) {
      mask_.emplace(in_[static_cast<size_t>(at.random)], attributes_.site, attributes_.dropout, b);
    }
  }

  // What dropout multiplies the probability of a pair with.
  T Factor(int64_t h, int64_t i, int64_t j) const {
    if (!mask_) return 1;
    if (!mask_->Keeps(ProbabilityElement(g_, h, i, j))) return 0;
    return 1 / static_cast<T>(1.0 - attributes_.dropout);
  }

  void RunQuery(int64_t h, int64_t i) {
    Work not_counted;  // one row: no product of matrices
    const T row_sum = Dot(d_y_[i], y_[i], s_.head_width, not_counted);
    for (int64_t j = 0; j < g_.keys; ++j) {
      const T score = Score(attributes_, rows_, s_.head_width, i, j, work_);
      const T probability = g_.Visible(i, j) ? std::exp(score - log_sum_exp_[i]) : 0;
      const T factor = Factor(h, i, j);
      AddScaled(probability * factor, d_y_[i], s_.head_width, d_rows_.value[j], work_);
      const T d_probability = factor * Dot(d_y_[i], rows_.value[j], s_.head_width, work_);
      probabilities_[static_cast<size_t>(j)] = probability;
      d_scores_[static_cast<size_t>(j)] = d_probability;
    }
    const T scale = 1 / std::sqrt(static_cast<T>(s_.head_width));
    for (int64_t j = 0; j < g_.keys; ++j) {
      T& d_score = d_scores_[static_cast<size_t>(j)];
      d_score = probabilities_[static_cast<size_t>(j)] * (d_score - row_sum) * scale;
    }
    SpreadToContent(i);
    if (attributes_.relative) SpreadToPositions(i);
  }

  void SpreadToContent(int64_t i) {
    std::ranges::fill(content_, T(0));
    const std::vector<T> query = WithOffset(rows_.query[i], rows_.u);
    for (int64_t j = 0; j < g_.keys; ++j) {
      const T d_score = d_scores_[static_cast<size_t>(j)];
      AddScaled(d_score, rows_.key[j], s_.head_width, content_.data(), work_);
      AddScaled(d_score, query.data(), s_.head_width, d_rows_.key[j], work_);
    }
    AddTo(content_, d_rows_.query[i]);
    if (attributes_.relative) AddTo(content_, d_rows_.u);
  }

  void SpreadToPositions(int64_t i) {
    std::ranges::fill(position_, T(0));
    const std::vector<T> query = WithOffset(rows_.query[i], rows_.v);
    for (int64_t j = 0; j < g_.keys; ++j) {
      const T d_score = d_scores_[static_cast<size_t>(j)];
      const int64_t row = PositionRow(g_, i, j);
      AddScaled(d_score, rows_.r[row], s_.head_width, position_.data(), work_);
      AddScaled(d_score, query.data(), s_.head_width, d_rows_.r[row], work_);
    }
    AddTo(position_, d_rows_.query[i]);
    AddTo(position_, d_rows_.v);
  }

  // The query plus u or v, which are null where attention is not relative.
  std::vector<T> WithOffset(const T* query, const T* offset) const {
    std::vector<T> sum(query, query + s_.head_width);
    for (size_t i = 0; offset != nullptr && i < sum.size(); ++i) sum[i] += offset[i];
    return sum;
  }

  static void AddTo(const std::vector<T>& x, T* y) {
    for (size_t i = 0; i < x.size(); ++i) y[i] += x[i];
  }

  const AttentionAttributes& attributes_;
  const AttentionGeometry& g_;
  const AttentionSizes s_;
  const Views in_, out_;
  Work& work_;
  HeadRows<const T> rows_;
  HeadRows<T> d_rows_;
  const T* log_sum_exp_ = nullptr;  // [queries]
  Rows<const T> y_, d_y_;           // [queries, dh]
  std::optional<DropoutMask> mask_;
  std::vector<T> probabilities_, d_scores_;  // [keys], of one query
  std::vector<T> content_, position_;        // [dh], the two parts of d_query
};

}  // namespace

KernelTable::Result MakeAttentionGrad(const AttentionGradOp& op, const NodeSpecs& node) {
  const AttentionSizes s = SizesOf(op.attributes(), node.inputs);
  return MakeFloatingKernel(node,
                            [a = op.attributes(), s]<typename T>(Views in, Views out, Work& work) {
                              AttentionGradient<T>(a, s, in, out, work).Run();
                            });
}

}  // namespace hourglass::reference
