#include "hourglass/ops/attention.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/ops/dropout.h"
#include "hourglass/ops/infer.h"

namespace hourglass {
namespace {

std::string Describe(const AttentionAttributes& a) {
  return absl::StrCat("heads=", a.heads, " query_step=", a.geometry.query_step,
                      " key_step=", a.geometry.key_step, " relative=", a.relative,
                      " packed=", a.packed, " dropout=", a.dropout);
}

absl::Status ValidateSources(const AttentionAttributes& a, std::span<const TensorSpec> in) {
  const AttentionGeometry& g = a.geometry;
  const AttentionInputs at = InputsOf(a);
  HG_RETURN_IF_ERROR(ExpectFloating("attention", "query", in[0]));
  HG_RETURN_IF_ERROR(ExpectRank("attention", "query", in[0], 3));
  const int64_t batch = in[0].shape[0];
  const int64_t width = SizesOf(a, in).width;
  if (a.heads < 1 || width < a.heads || width % a.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: width ", width, " is not divisible by ", a.heads, " heads"));
  }
  if (a.packed) {
    if (g.queries != g.keys) {
      return absl::InvalidArgumentError("attention: packed input wants as many keys as queries");
    }
    return ExpectShape("attention", "query_key_value", in[0], Shape{batch, g.queries, 3 * width});
  }
  HG_RETURN_IF_ERROR(ExpectShape("attention", "query", in[0], Shape{batch, g.queries, width}));
  HG_RETURN_IF_ERROR(ExpectShape("attention", "key_value", in[static_cast<size_t>(at.key_value)],
                                 Shape{batch, g.keys, 2 * width}));
  return ExpectDType("attention", "key_value", in[static_cast<size_t>(at.key_value)], in[0].dtype);
}

absl::Status ValidateInputs(const AttentionAttributes& a, std::span<const TensorSpec> in) {
  HG_RETURN_IF_ERROR(a.geometry.Validate());
  const AttentionInputs at = InputsOf(a);
  HG_RETURN_IF_ERROR(ValidateSources(a, in));
  const AttentionSizes s = SizesOf(a, in);
  if (a.relative) {
    HG_RETURN_IF_ERROR(ExpectShape("attention", "r", in[static_cast<size_t>(at.r)],
                                   Shape{a.geometry.Positions(), s.width}));
    const Shape bias{s.heads, s.head_width};
    HG_RETURN_IF_ERROR(ExpectShape("attention", "u", in[static_cast<size_t>(at.u)], bias));
    HG_RETURN_IF_ERROR(ExpectShape("attention", "v", in[static_cast<size_t>(at.v)], bias));
    const DType wide = WideType(in[0].dtype);
    HG_RETURN_IF_ERROR(ExpectDType("attention", "r", in[static_cast<size_t>(at.r)], in[0].dtype));
    HG_RETURN_IF_ERROR(ExpectDType("attention", "u", in[static_cast<size_t>(at.u)], wide));
    HG_RETURN_IF_ERROR(ExpectDType("attention", "v", in[static_cast<size_t>(at.v)], wide));
  }
  if (at.random >= 0) {
    HG_RETURN_IF_ERROR(ExpectRandom("attention", in[static_cast<size_t>(at.random)]));
  }
  return absl::OkStatus();
}

// Products of one pass: `products` matrix products over the pairs, each 2 d FLOPs a pair.
Cost PairCost(const AttentionAttributes& a, const AttentionSizes& s, int64_t products) {
  const AttentionGeometry& g = a.geometry;
  Cost cost;
  cost.needed = 2 * products * s.batch * s.width * g.VisiblePairs();
  cost.dense = 2 * products * s.batch * s.width * g.queries * g.keys;
  cost.dense_trax = cost.dense;
  return cost;
}

// The authors' resamplers build 2n - 1 offsets (counted as 2n) where n are visible: twice the
// position projection (n more rows, d^2 each) and position scores over all 2n offsets.
int64_t ExtraOfTrax(const AttentionAttributes& a, const AttentionSizes& s) {
  const AttentionGeometry& g = a.geometry;
  if (!a.relative || a.packed) return 0;
  const int64_t positions = g.Positions();
  const int64_t projection = 2 * positions * s.width * s.width;
  const int64_t scores = 2 * s.batch * s.width * g.queries * (2 * positions - g.keys);
  return projection + scores;
}

}  // namespace

int64_t AttentionGeometry::VisibleKeys(int64_t i) const {
  return std::min(keys, (query_step * i + query_step - 1) / key_step + 1);
}

int64_t AttentionGeometry::VisiblePairs() const {
  int64_t pairs = 0;
  for (int64_t i = 0; i < queries; ++i) pairs += VisibleKeys(i);
  return pairs;
}

absl::Status AttentionGeometry::Validate() const {
  if (queries >= 1 && keys >= 1 && query_step >= 1 && key_step >= 1 &&
      (query_step == 1 || key_step == 1) && queries * query_step == keys * key_step) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("attention: ", queries, " queries of step ",
                                                 query_step, " and ", keys, " keys of step ",
                                                 key_step, " do not cover the same positions"));
}

AttentionInputs InputsOf(const AttentionAttributes& a) {
  AttentionInputs at;
  at.key_value = a.packed ? 0 : 1;
  int next = a.packed ? 1 : 2;
  if (a.relative) {
    at.r = next++;
    at.u = next++;
    at.v = next++;
  }
  if (a.dropout > 0) at.random = next++;
  at.count = next;
  return at;
}

AttentionSizes SizesOf(const AttentionAttributes& a, std::span<const TensorSpec> in) {
  AttentionSizes s;
  s.batch = in[0].shape[0];
  s.width = a.packed ? in[0].shape[2] / 3 : in[0].shape[2];
  s.heads = a.heads;
  s.head_width = s.width / std::max<int64_t>(a.heads, 1);
  return s;
}

std::string AttentionOp::Attributes() const { return Describe(attributes_); }
std::string AttentionGradOp::Attributes() const { return Describe(attributes_); }

absl::StatusOr<std::vector<TensorSpec>> AttentionOp::Infer(std::span<const TensorSpec> in) const {
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, static_cast<size_t>(InputsOf(attributes_).count)));
  HG_RETURN_IF_ERROR(ValidateInputs(attributes_, in));
  const AttentionSizes s = SizesOf(attributes_, in);
  const int64_t queries = attributes_.geometry.queries;
  const DType statistic = WideType(in[0].dtype);
  return std::vector<TensorSpec>{{Shape{s.batch, queries, s.width}, in[0].dtype},
                                 {Shape{s.batch, s.heads, queries}, statistic}};
}

Cost AttentionOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  const AttentionSizes s = SizesOf(attributes_, in);
  Cost cost = PairCost(attributes_, s, attributes_.relative ? 3 : 2);
  cost.dense_trax += ExtraOfTrax(attributes_, s);
  cost.elementwise = 5 * s.batch * s.heads * attributes_.geometry.VisiblePairs();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

std::vector<std::optional<Value>> AttentionOp::Gradient(Graph& graph, const Node& node,
                                                        std::span<const std::optional<Value>> d_out,
                                                        const std::vector<bool>&) const {
  std::vector<std::optional<Value>> d_in(node.inputs.size());
  ExpectNoGradientOfLastOutputs(graph, node, d_out, {"log_sum_exp"});
  if (!d_out[0]) return d_in;
  std::vector<Value> in = node.inputs;
  in.insert(in.end(), {node.outputs[0], node.outputs[1], *d_out[0]});
  const std::vector<Value> grads =
      graph.Add(std::make_shared<AttentionGradOp>(attributes_), std::move(in));
  // After an error the graph gives more placeholders than there are inputs.
  for (size_t i = 0; i < std::min(grads.size(), d_in.size()); ++i) d_in[i] = grads[i];
  return d_in;
}

absl::StatusOr<std::vector<TensorSpec>> AttentionGradOp::Infer(
    std::span<const TensorSpec> in) const {
  const AttentionInputs at = InputsOf(attributes_);
  HG_RETURN_IF_ERROR(ExpectInputs(Name(), in, static_cast<size_t>(at.count) + 3));
  HG_RETURN_IF_ERROR(ValidateInputs(attributes_, in));
  const AttentionSizes s = SizesOf(attributes_, in);
  const size_t after = static_cast<size_t>(at.count);
  const Shape out{s.batch, attributes_.geometry.queries, s.width};
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "out", in[after], out));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "log_sum_exp", in[after + 1],
                                 Shape{s.batch, s.heads, attributes_.geometry.queries}));
  HG_RETURN_IF_ERROR(ExpectShape(Name(), "d_out", in[after + 2], out));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "out", in[after], in[0].dtype));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "log_sum_exp", in[after + 1], WideType(in[0].dtype)));
  HG_RETURN_IF_ERROR(ExpectDType(Name(), "d_out", in[after + 2], in[0].dtype));
  const int gradients = at.random >= 0 ? at.count - 1 : at.count;
  return std::vector<TensorSpec>(in.begin(), in.begin() + gradients);
}

Cost AttentionGradOp::Count(std::span<const TensorSpec> in, std::span<const TensorSpec> out) const {
  const AttentionSizes s = SizesOf(attributes_, in);
  // Model FLOPs of the backward pass are twice the forward's; the scores built again are recompute.
  Cost cost = PairCost(attributes_, s, attributes_.relative ? 6 : 4);
  cost.dense_trax += 2 * ExtraOfTrax(attributes_, s);
  cost.recompute = PairCost(attributes_, s, attributes_.relative ? 2 : 1).dense;
  cost.elementwise = 9 * s.batch * s.heads * attributes_.geometry.VisiblePairs();
  cost.bytes = TotalBytes(in) + TotalBytes(out);
  return cost;
}

}  // namespace hourglass
