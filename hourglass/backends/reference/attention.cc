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

// One query of one head: scores become probabilities, masked ones 0. Returns the log-sum-exp.
template <typename T>
T SoftmaxOverVisible(const AttentionGeometry& g, int64_t i, std::vector<T>& scores) {
  T largest = scores[0];  // every query sees key 0
  for (int64_t j = 0; j < g.keys; ++j) {
    if (g.Visible(i, j)) largest = std::max(largest, scores[static_cast<size_t>(j)]);
  }
  T sum = 0;
  for (int64_t j = 0; j < g.keys; ++j) {
    T& score = scores[static_cast<size_t>(j)];
    score = g.Visible(i, j) ? std::exp(score - largest) : 0;
    sum += score;
  }
  for (T& score : scores) score /= sum;
  return largest + std::log(sum);
}

template <typename T>
void RunAttention(const AttentionAttributes& attributes, const AttentionSizes& s, Views in,
                  Views out, Work& work) {
  const AttentionGeometry& g = attributes.geometry;
  const AttentionInputs at = InputsOf(attributes);
  const T keep = static_cast<T>(1.0 - attributes.dropout);
  std::vector<T> scores(static_cast<size_t>(g.keys));
  for (int64_t b = 0; b < s.batch; ++b) {
    std::optional<DropoutMask> mask;
    if (at.random >= 0) {
      mask.emplace(in[static_cast<size_t>(at.random)], attributes.site, attributes.dropout, b);
    }
    for (int64_t h = 0; h < s.heads; ++h) {
      const HeadRows<const T> rows = HeadRowsAt<const T>(attributes, in, b, h);
      const Rows<T> result = RowsAt<T>(out[0], b, h * s.head_width);
      T* log_sum_exp = out[1].As<T>() + (b * s.heads + h) * g.queries;
      for (int64_t i = 0; i < g.queries; ++i) {
        for (int64_t j = 0; j < g.keys; ++j) {
          scores[static_cast<size_t>(j)] = Score(attributes, rows, s.head_width, i, j, work);
        }
        log_sum_exp[i] = SoftmaxOverVisible(g, i, scores);
        std::fill_n(result[i], s.head_width, T(0));
        for (int64_t j = 0; j < g.keys; ++j) {
          T probability = scores[static_cast<size_t>(j)];
          if (mask) {
            probability = mask->Keeps(ProbabilityElement(g, h, i, j)) ? probability / keep : 0;
          }
          AddScaled(probability, rows.value[j], s.head_width, result[i], work);
        }
      }
    }
  }
}

}  // namespace

KernelTable::Result MakeAttention(const AttentionOp& op, const NodeSpecs& node) {
  const AttentionSizes s = SizesOf(op.attributes(), node.inputs);
  return MakeFloatingKernel(node,
                            [a = op.attributes(), s]<typename T>(Views in, Views out, Work& work) {
                              RunAttention<T>(a, s, in, out, work);
                            });
}

}  // namespace hourglass::reference
