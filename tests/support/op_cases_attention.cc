#include "hourglass/ops/attention.h"
#include "tests/support/generators.h"

namespace hourglass::testing {
namespace {

AttentionGeometry Self(int64_t n) { return {.queries = n, .keys = n}; }
AttentionGeometry Down(int64_t k, int64_t coarse) {
  return {.queries = coarse, .keys = k * coarse, .query_step = k};
}
AttentionGeometry Up(int64_t k, int64_t coarse) {
  return {.queries = k * coarse, .keys = coarse, .key_step = k};
}

struct Case {
  const char* name;
  AttentionGeometry geometry;
  int64_t heads, head_width;
  bool relative = false, packed = false;
  double dropout = 0.0;
  int64_t batch = 2;
  bool slow = false;
  double zeros = 0.0;  // in the output: rows whose visible keys are all dropped
};

// Sizes on both sides of 16, 32, 64 and 128, which tiles are made of.
const Case kCases[] = {
    {.name = "self_n1", .geometry = Self(1), .heads = 1, .head_width = 4, .packed = true},
    {.name = "self_n1_relative", .geometry = Self(1), .heads = 2, .head_width = 8, .relative = true,
     .packed = true},
    {.name = "self_n2", .geometry = Self(2), .heads = 1, .head_width = 4, .packed = true, .batch = 1},
    {.name = "self_n7", .geometry = Self(7), .heads = 1, .head_width = 8, .packed = true},
    {.name = "self_n9_split", .geometry = Self(9), .heads = 2, .head_width = 4},
    {.name = "self_n13_relative", .geometry = Self(13), .heads = 2, .head_width = 4,
     .relative = true, .packed = true},
    {.name = "self_n6_relative_split", .geometry = Self(6), .heads = 2, .head_width = 4,
     .relative = true},
    {.name = "self_n13_dropout", .geometry = Self(13), .heads = 2, .head_width = 4, .packed = true,
     .dropout = 0.5, .zeros = 0.15},
    {.name = "self_n11_relative_dropout", .geometry = Self(11), .heads = 2, .head_width = 8,
     .relative = true, .packed = true, .dropout = 0.1},
    {.name = "self_n16_heads8", .geometry = Self(16), .heads = 8, .head_width = 4, .packed = true,
     .slow = true},
    {.name = "self_n33_relative_width64", .geometry = Self(33), .heads = 1, .head_width = 64,
     .relative = true, .packed = true, .slow = true},
    {.name = "self_n64_relative_heads8", .geometry = Self(64), .heads = 8, .head_width = 16,
     .relative = true, .packed = true, .batch = 1, .slow = true},
    {.name = "self_n130_relative_width64", .geometry = Self(130), .heads = 2, .head_width = 64,
     .relative = true, .packed = true, .slow = true},
    {.name = "self_n130_relative_dropout", .geometry = Self(130), .heads = 2, .head_width = 16,
     .relative = true, .packed = true, .dropout = 0.1, .slow = true},
    {.name = "self_n200", .geometry = Self(200), .heads = 2, .head_width = 16, .packed = true,
     .slow = true},
    {.name = "self_n300_relative", .geometry = Self(300), .heads = 1, .head_width = 16,
     .relative = true, .packed = true, .batch = 1, .slow = true},
    {.name = "down_k2_m4", .geometry = Down(2, 4), .heads = 2, .head_width = 4},
    {.name = "down_k2_m3_relative", .geometry = Down(2, 3), .heads = 2, .head_width = 4,
     .relative = true},
    {.name = "down_k3_m1_relative", .geometry = Down(3, 1), .heads = 1, .head_width = 8,
     .relative = true},
    {.name = "down_k3_m5_relative", .geometry = Down(3, 5), .heads = 1, .head_width = 4,
     .relative = true},
    {.name = "down_k4_m4_relative_heads8", .geometry = Down(4, 4), .heads = 8, .head_width = 4,
     .relative = true, .slow = true},
    {.name = "down_k2_m6_relative_dropout", .geometry = Down(2, 6), .heads = 2, .head_width = 4,
     .relative = true, .dropout = 0.25},
    {.name = "down_k3_m50_relative", .geometry = Down(3, 50), .heads = 2, .head_width = 16,
     .relative = true, .slow = true},
    {.name = "down_k4_m33_relative_width64", .geometry = Down(4, 33), .heads = 1, .head_width = 64,
     .relative = true, .batch = 1, .slow = true},
    {.name = "up_k2_m4", .geometry = Up(2, 4), .heads = 2, .head_width = 4},
    {.name = "up_k2_m3_relative", .geometry = Up(2, 3), .heads = 2, .head_width = 4,
     .relative = true},
    {.name = "up_k3_one_key_relative", .geometry = Up(3, 1), .heads = 1, .head_width = 8,
     .relative = true},
    {.name = "up_k3_m5_relative", .geometry = Up(3, 5), .heads = 1, .head_width = 4,
     .relative = true},
    {.name = "up_k4_m4_relative_heads8", .geometry = Up(4, 4), .heads = 8, .head_width = 4,
     .relative = true, .slow = true},
    {.name = "up_k2_m6_relative_dropout", .geometry = Up(2, 6), .heads = 2, .head_width = 4,
     .relative = true, .dropout = 0.25},
    {.name = "up_k3_m50_relative", .geometry = Up(3, 50), .heads = 2, .head_width = 16,
     .relative = true, .slow = true},
    {.name = "up_k4_m33_relative_width64", .geometry = Up(4, 33), .heads = 1, .head_width = 64,
     .relative = true, .batch = 1, .slow = true},
};

AttentionAttributes AttributesOf(const Case& c) {
  return {.geometry = c.geometry,
          .heads = c.heads,
          .relative = c.relative,
          .packed = c.packed,
          .dropout = c.dropout,
          .site = MakeRandomSite("test.attention")};
}

std::vector<CaseInput> ForwardInputs(const Case& c) {
  const AttentionGeometry& g = c.geometry;
  const int64_t width = c.heads * c.head_width;
  std::vector<CaseInput> inputs;
  if (c.packed) {
    inputs = {Floats({c.batch, g.queries, 3 * width})};
  } else {
    inputs = {Floats({c.batch, g.queries, width}), Floats({c.batch, g.keys, 2 * width})};
  }
  if (c.relative) {
    inputs.push_back(Floats({g.Positions(), width}));
    inputs.push_back(Floats({c.heads, c.head_width}, Normal(0.5)));
    inputs.push_back(Floats({c.heads, c.head_width}, Normal(0.5)));
  }
  if (c.dropout > 0) inputs.push_back(RandomInput());
  return inputs;
}

// A row of n scores is a sum of products of dh, an exponential and a weighted mean; errors of single
// scores average out over the keys.
const ErrorBound kForward{16.0, ErrorScale::kLargest,
                          "scores of size up to 10 carry their roundings through exp"};
const ErrorBound kBackward{16.0, ErrorScale::kLargestOfAll,
                           "as forward, then sums over queries; rows of one key are zero but for "
                           "rounding"};

OpCase ForwardCase(const Case& c) {
  const int floating = InputsOf(AttributesOf(c)).count - (c.dropout > 0 ? 1 : 0);
  OpCase op_case{.name = std::string("attention/") + c.name,
                 .make = Makes<AttentionOp>(AttributesOf(c)),
                 .inputs = ForwardInputs(c),
                 .bound = kForward,
                 .outputs = {{.zeros = c.zeros}, {}},
                 .slow = c.slow};
  for (int i = 0; i < floating; ++i) op_case.differentiable.push_back(i);
  return op_case;
}

// A query that sees one key gives gradient to values alone: its probability is 1 whatever the score.
std::vector<OutputTraits> GradientTraits(const Case& c, size_t outputs) {
  const AttentionGeometry& g = c.geometry;
  std::vector<OutputTraits> traits(outputs);
  if (g.keys == 1) {
    for (OutputTraits& output : traits) output.zeros = 1.0;
    traits[c.packed ? 0 : 1].zeros = c.packed ? 2.0 / 3 : 0.5;
    return traits;
  }
  int64_t single = 0;
  while (single < g.queries && g.VisibleKeys(single) == 1) ++single;
  const double zero_queries = static_cast<double>(single) / static_cast<double>(g.queries);
  traits[0].zeros = c.packed ? zero_queries / 3 : zero_queries;
  return traits;
}

OpCase BackwardCase(const Case& c) {
  const auto forward = std::make_shared<AttentionOp>(AttributesOf(c));
  std::vector<CaseInput> inputs = ForwardInputs(c);
  const size_t count = inputs.size();
  const Shape out{c.batch, c.geometry.queries, c.heads * c.head_width};
  inputs.push_back(Floats(out, ForwardOutput(forward, count, 0)));
  inputs.push_back(Floats({c.batch, c.heads, c.geometry.queries},
                          ForwardOutput(forward, count, 1)));
  inputs.push_back(Floats(out));
  const size_t outputs = count - (c.dropout > 0 ? 1 : 0);
  return {.name = std::string("attention_grad/") + c.name,
          .make = Makes<AttentionGradOp>(AttributesOf(c)),
          .inputs = std::move(inputs),
          .bound = kBackward,
          .outputs = GradientTraits(c, outputs),
          .slow = c.slow};
}

}  // namespace

void AddAttentionCases(std::vector<OpCase>& cases) {
  for (const Case& c : kCases) cases.push_back(ForwardCase(c));
  for (const Case& c : kCases) cases.push_back(BackwardCase(c));
}

}  // namespace hourglass::testing
