#include "tests/support/attention_composition.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/graph/core_ops.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "hourglass/runtime/kernel_table.h"
#include "tests/support/backends.h"

namespace hourglass::testing {
namespace {

using reference::MakeFloatingKernel;
using reference::Views;
using reference::Work;
using Gradients = std::vector<std::optional<Value>>;
using OutputGradients = std::span<const std::optional<Value>>;

// --- The ops that the engine does not have ---------------------------------------------

// to[e] = from[source[e]], or 0 where source[e] is negative.
struct Selection {
  Shape from, to;
  std::vector<int64_t> source;
};

// Takes the elements of a selection, or adds them back to where they come from: each is the other's
// gradient.
class SelectOp : public Op {
 public:
  SelectOp(std::shared_ptr<const Selection> selection, bool back)
      : selection_(std::move(selection)), back_(back) {}
  const std::shared_ptr<const Selection>& selection() const { return selection_; }
  bool back() const { return back_; }

  std::string_view Name() const override { return back_ ? "select_back" : "select"; }
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override {
    if (in.size() != 1 || !(in[0].shape == (back_ ? selection_->to : selection_->from))) {
      return absl::InvalidArgumentError("select: not the tensor of the selection");
    }
    return std::vector<TensorSpec>{{back_ ? selection_->from : selection_->to, in[0].dtype}};
  }
  Gradients Gradient(Graph& graph, const Node&, OutputGradients d_out,
                     const std::vector<bool>&) const override {
    return {graph.Add1(std::make_shared<SelectOp>(selection_, !back_), {*d_out[0]})};
  }
  bool Differentiable() const override { return true; }

 private:
  std::shared_ptr<const Selection> selection_;
  bool back_;
};

class ElementwiseOp : public Op {
 public:
  absl::StatusOr<std::vector<TensorSpec>> Infer(std::span<const TensorSpec> in) const override {
    if (in.empty() || !(in.back() == in[0])) {
      return absl::InvalidArgumentError("elementwise: inputs differ");
    }
    return std::vector<TensorSpec>{in[0]};
  }
  bool Differentiable() const override { return true; }
};

class MultiplyOp : public ElementwiseOp {
 public:
  std::string_view Name() const override { return "multiply"; }
  Gradients Gradient(Graph& graph, const Node& node, OutputGradients d_out,
                     const std::vector<bool>&) const override;
};

Value Multiply(Graph& graph, Value a, Value b) {
  return graph.Add1(std::make_shared<MultiplyOp>(), {a, b});
}

Value Scale(Graph& graph, Value x, double factor) {
  return Multiply(graph, x, Fill(graph, graph.spec(x), factor));
}

Gradients MultiplyOp::Gradient(Graph& graph, const Node& node, OutputGradients d_out,
                               const std::vector<bool>&) const {
  return {Multiply(graph, *d_out[0], node.inputs[1]), Multiply(graph, *d_out[0], node.inputs[0])};
}

class ExpOp : public ElementwiseOp {
 public:
  std::string_view Name() const override { return "exp"; }
  Gradients Gradient(Graph& graph, const Node& node, OutputGradients d_out,
                     const std::vector<bool>&) const override {
    return {Multiply(graph, *d_out[0], node.outputs[0])};
  }
};

class ReciprocalOp : public ElementwiseOp {
 public:
  std::string_view Name() const override { return "reciprocal"; }
  Gradients Gradient(Graph& graph, const Node& node, OutputGradients d_out,
                     const std::vector<bool>&) const override {
    const Value y = node.outputs[0];
    return {Scale(graph, Multiply(graph, *d_out[0], Multiply(graph, y, y)), -1)};
  }
};

// --- Their kernels ---------------------------------------------------------------------

KernelTable::Result MakeSelect(const SelectOp& op, const NodeSpecs& node) {
  const bool back = op.back();
  return MakeFloatingKernel(
      node, [back, selection = op.selection()]<typename T>(Views in, Views out, Work&) {
        const std::span<const T> x = in[0].Span<T>();
        const std::span<T> y = out[0].Span<T>();
        std::ranges::fill(y, T(0));
        for (size_t e = 0; e < selection->source.size(); ++e) {
          if (selection->source[e] < 0) continue;
          const size_t source = static_cast<size_t>(selection->source[e]);
          y[back ? source : e] += x[back ? e : source];
        }
      });
}

template <typename F>
KernelTable::Result MakeElementwise(const NodeSpecs& node, F f) {
  return MakeFloatingKernel(node, [f]<typename T>(Views in, Views out, Work&) {
    const std::span<const T> a = in[0].Span<T>(), b = in.back().Span<T>();
    const std::span<T> y = out[0].Span<T>();
    for (size_t e = 0; e < y.size(); ++e) y[e] = f(a[e], b[e]);
  });
}

class CompositionBackend : public HostBackend {
 public:
  CompositionBackend() {
    table_.Add<SelectOp>(MakeSelect);
    table_.Add<MultiplyOp>([](const MultiplyOp&, const NodeSpecs& node) {
      return MakeElementwise(node, [](auto a, auto b) { return a * b; });
    });
    table_.Add<ExpOp>([](const ExpOp&, const NodeSpecs& node) {
      return MakeElementwise(node, [](auto a, auto) { return std::exp(a); });
    });
    table_.Add<ReciprocalOp>([](const ReciprocalOp&, const NodeSpecs& node) {
      return MakeElementwise(node, [](auto a, auto) { return 1 / a; });
    });
  }
  std::string_view Name() const override { return "composition"; }
  std::map<std::string, std::string> Describe() const override { return Reference()->Describe(); }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) override {
    KernelTable::Result own = table_.Compile(Name(), node);
    return absl::IsUnimplemented(own.status()) ? Reference()->Compile(node) : std::move(own);
  }

 private:
  KernelTable table_;
};

// --- The formula -----------------------------------------------------------------------

using Source = std::function<int64_t(int64_t b, int64_t h, int64_t i, int64_t c)>;

// Element (b, h, i, c) of the tensor `to` comes from the element of `from` that `source` gives.
std::shared_ptr<const Selection> MakeSelection(const Shape& from, const Shape& to,
                                               const Source& source) {
  auto selection = std::make_shared<Selection>(Selection{from, to, {}});
  for (int64_t b = 0; b < to[0]; ++b) {
    for (int64_t h = 0; h < to[1]; ++h) {
      for (int64_t i = 0; i < to[2]; ++i) {
        for (int64_t c = 0; c < to[3]; ++c) selection->source.push_back(source(b, h, i, c));
      }
    }
  }
  return selection;
}

Value Select(Graph& graph, Value x, std::shared_ptr<const Selection> selection, bool back = false) {
  return graph.Add1(std::make_shared<SelectOp>(std::move(selection), back), {x});
}

// All but the last axis as one.
Value AsMatrix(Graph& graph, Value x) {
  const Shape& shape = graph.spec(x).shape;
  return Reshape(graph, x, Shape{shape.Rows(), shape[-1]});
}

// a [.., k] x b [.., k] -> [rows of a, rows of b]
Value TimesTransposed(Graph& graph, Value a, Value b) {
  return graph.Add1(std::make_shared<MatmulOp>(false, true, false),
                    {AsMatrix(graph, a), AsMatrix(graph, b)});
}

class Composition {
 public:
  Composition(Graph& graph, const AttentionAttributes& attributes, const std::vector<Value>& in)
      : graph_(graph),
        in_(in),
        attributes_(attributes),
        at_(InputsOf(attributes)),
        g_(attributes.geometry),
        s_(SizesOf(attributes, std::span(&graph.spec(in[0]), 1))),
        pairs_{s_.batch, s_.heads, g_.queries, g_.keys},
        query_(Select(graph, in[0], HeadColumns(graph.spec(in[0]).shape, 0))) {}

  ComposedAttention Record() {
    const Value keys = Input(at_.key_value);
    const Shape shape = graph_.spec(keys).shape;
    const int64_t first = attributes_.packed ? s_.width : 0;
    const Value key = Select(graph_, keys, HeadColumns(shape, first));
    const Value value = Select(graph_, keys, HeadColumns(shape, first + s_.width));

    Value scores = Select(graph_, TimesTransposed(graph_, Biased(at_.u), key), SameHead());
    if (attributes_.relative) scores = Add(graph_, scores, PositionScores());
    const auto [probabilities, sum_exp] = Softmax(scores);
    Value weights = Reshape(graph_, probabilities, pairs_);
    if (attributes_.dropout > 0) {
      weights = graph_.Add1(std::make_shared<DropoutOp>(attributes_.dropout, attributes_.site),
                            {weights, Input(at_.random)});
    }
    const Value mixed =
        Matmul(graph_, Select(graph_, weights, SameHead(), /*back=*/true), AsMatrix(graph_, value));
    return {Select(graph_, Reshape(graph_, mixed, graph_.spec(query_).shape),
                   HeadColumns(Shape{s_.batch, g_.queries, s_.width}, 0), /*back=*/true),
            sum_exp};
  }

 private:
  Value Input(int place) const { return in_[static_cast<size_t>(place)]; }

  // In fine positions key j starts at key_step j and query i takes query_step positions from
  // query_step i on: it sees every key that starts before it ends.
  bool Visible(int64_t i, int64_t j) const { return g_.key_step * j < g_.query_step * (i + 1); }

  // Columns of all heads, from column `first` on: [B, rows, columns] -> [B, H, rows, dh].
  std::shared_ptr<const Selection> HeadColumns(const Shape& from, int64_t first) const {
    return MakeSelection(from, Shape{from[0], s_.heads, from[1], s_.head_width},
                         [&](int64_t b, int64_t h, int64_t i, int64_t c) {
                           return (b * from[1] + i) * from[2] + first + h * s_.head_width + c;
                         });
  }

  // The row of a query in a matrix with the queries of all heads of all sequences.
  int64_t Row(int64_t b, int64_t h, int64_t i) const { return (b * s_.heads + h) * g_.queries + i; }

  // From the products of all queries with all keys.
  std::shared_ptr<const Selection> SameHead() const {
    const int64_t rows = Row(s_.batch, 0, 0), columns = s_.batch * s_.heads * g_.keys;
    return MakeSelection(Shape{rows, columns}, pairs_,
                         [&](int64_t b, int64_t h, int64_t i, int64_t j) {
                           return Row(b, h, i) * columns + (b * s_.heads + h) * g_.keys + j;
                         });
  }

  // From the products of all queries with all positions. The last query is farthest from key 0:
  // that pair has row 0 of r.
  Value PositionScores() {
    const int64_t positions = graph_.spec(Input(at_.r)).shape[0];
    const int64_t rows = Row(s_.batch, 0, 0), columns = s_.heads * positions;
    const Value r = Reshape(graph_, Input(at_.r), Shape{1, positions, s_.width});
    const Value by_head = Select(graph_, r, HeadColumns(graph_.spec(r).shape, 0));
    return Select(graph_, TimesTransposed(graph_, Biased(at_.v), by_head),
                  MakeSelection(Shape{rows, columns}, pairs_,
                                [&](int64_t b, int64_t h, int64_t i, int64_t j) -> int64_t {
                                  if (!Visible(i, j)) return -1;
                                  const int64_t later = g_.queries - 1 - i;
                                  return Row(b, h, i) * columns + h * positions + g_.key_step * j +
                                         g_.query_step * later;
                                }));
  }

  // The queries plus u or v [H, dh], if there is one.
  Value Biased(int place) {
    if (place < 0) return query_;
    const auto to_all = MakeSelection(
        Shape{s_.heads, s_.head_width}, graph_.spec(query_).shape,
        [&](int64_t, int64_t h, int64_t, int64_t c) { return h * s_.head_width + c; });
    return Add(graph_, query_, Select(graph_, Input(place), to_all));
  }

  // Over the visible keys: probabilities [B H queries, keys], sums of exponentials [.., 1].
  std::pair<Value, Value> Softmax(Value scores) {
    const double scale = 1 / std::sqrt(static_cast<double>(s_.head_width));
    const Value exp = graph_.Add1(std::make_shared<ExpOp>(), {Scale(graph_, scores, scale)});
    const auto visible =
        MakeSelection(pairs_, pairs_, [&](int64_t b, int64_t h, int64_t i, int64_t j) {
          return Visible(i, j) ? Row(b, h, i) * g_.keys + j : -1;
        });
    const Value masked = AsMatrix(graph_, Select(graph_, exp, visible));
    const Value ones = Fill(graph_, {Shape{g_.keys, 1}, graph_.spec(exp).dtype}, 1);
    const Value sum_exp = Matmul(graph_, masked, ones);
    const Value inverse = graph_.Add1(std::make_shared<ReciprocalOp>(), {sum_exp});
    return {Multiply(graph_, masked, TimesTransposed(graph_, inverse, ones)), sum_exp};
  }

  Graph& graph_;
  const std::vector<Value>& in_;
  const AttentionAttributes attributes_;
  const AttentionInputs at_;
  const AttentionGeometry g_;
  const AttentionSizes s_;
  const Shape pairs_;  // [B, H, queries, keys]
  const Value query_;  // [B, H, queries, dh]
};

}  // namespace

ComposedAttention ComposeAttention(Graph& graph, const AttentionAttributes& attributes,
                                   const std::vector<Value>& in) {
  return Composition(graph, attributes, in).Record();
}

std::shared_ptr<Backend> MakeCompositionBackend() { return std::make_shared<CompositionBackend>(); }

}  // namespace hourglass::testing
