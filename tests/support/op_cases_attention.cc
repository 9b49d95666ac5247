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

enum Flag : int { kPlain = 0, kPacked = 1, kRelative = 2, kSlow = 4 };

struct Case {
  const char* name;
  AttentionGeometry geometry;
  int64_t heads, head_width;
  int flags;
  int64_t batch = 2;
  double dropout = 0.0;
  double zeros = 0.0;  // in the output: rows whose visible keys are all dropped

  bool packed() const { return (flags & kPacked) != 0; }
  bool relative() const { return (flags & kRelative) != 0; }
  bool slow() const { return (flags & kSlow) != 0; }
};

// Sizes on both sides of 16, 32, 64 and 128, which tiles are made of. Where single keys are seen
// the rate is a half: then 1 / (1 - rate) times a value is a bf16 number too, and the gradients
// that vanish do so in every type.
const Case kCases[] = {
    {"self_n1", Self(1), 1, 4, kPacked},
    {"self_n1_relative", Self(1), 2, 8, kPacked | kRelative},
    {"self_n2", Self(2), 1, 4, kPacked, 1},
    {"self_n7", Self(7), 1, 8, kPacked},
    {"self_n9_split", Self(9), 2, 4, kPlain},
    {"self_n13_relative", Self(13), 2, 4, kPacked | kRelative},
    {"self_n6_relative_split", Self(6), 2, 4, kRelative},
    {"self_n13_dropout", Self(13), 2, 4, kPacked, 2, 0.5, 0.15},
    {"self_n11_relative_dropout", Self(11), 2, 8, kPacked | kRelative, 2, 0.1},
    {"self_n16_heads8", Self(16), 8, 4, kPacked | kSlow},
    {"self_n33_relative_width64", Self(33), 1, 64, kPacked | kRelative | kSlow},
    {"self_n64_relative_heads8", Self(64), 8, 16, kPacked | kRelative | kSlow, 1},
    {"self_n130_relative_width64", Self(130), 2, 64, kPacked | kRelative | kSlow},
    {"self_n130_relative_dropout", Self(130), 2, 16, kPacked | kRelative | kSlow, 2, 0.1},
    {"self_n200", Self(200), 2, 16, kPacked | kSlow},
    {"self_n300_relative", Self(300), 1, 16, kPacked | kRelative | kSlow, 1},
    {"down_k2_m4", Down(2, 4), 2, 4, kPlain},
    {"down_k2_m3_relative", Down(2, 3), 2, 4, kRelative},
    {"down_k3_m1_relative", Down(3, 1), 1, 8, kRelative},
    {"down_k3_m5_relative", Down(3, 5), 1, 4, kRelative},
    {"down_k4_m4_relative_heads8", Down(4, 4), 8, 4, kRelative | kSlow},
    {"down_k2_m6_relative_dropout", Down(2, 6), 2, 4, kRelative, 2, 0.25},
    {"down_k3_m50_relative", Down(3, 50), 2, 16, kRelative | kSlow},
    {"down_k4_m33_relative_width64", Down(4, 33), 1, 64, kRelative | kSlow, 1},
    {"up_k2_m4", Up(2, 4), 2, 4, kPlain},
    {"up_k2_m3_relative", Up(2, 3), 2, 4, kRelative},
    {"up_k3_one_key_relative", Up(3, 1), 1, 8, kRelative},
    {"up_k3_m5_relative", Up(3, 5), 1, 4, kRelative},
    {"up_k4_m4_relative_heads8", Up(4, 4), 8, 4, kRelative | kSlow},
    {"up_k2_m9_relative_dropout", Up(2, 9), 2, 4, kRelative, 2, 0.5, 0.15},
    {"up_k3_m50_relative", Up(3, 50), 2, 16, kRelative | kSlow},
    {"up_k4_m33_relative_width64", Up(4, 33), 1, 64, kRelative | kSlow, 1},
};

AttentionAttributes AttributesOf(const Case& c) {
  return {.geometry = c.geometry,
          .heads = c.heads,
          .relative = c.relative(),
          .packed = c.packed(),
          .dropout = c.dropout,
          .site = MakeRandomSite("test.attention")};
}

std::vector<CaseInput> ForwardInputs(const Case& c) {
  const AttentionGeometry& g = c.geometry;
  const int64_t width = c.heads * c.head_width;
  std::vector<CaseInput> inputs;
  if (c.packed()) {
    inputs = {Floats({c.batch, g.queries, 3 * width})};
  } else {
    inputs = {Floats({c.batch, g.queries, width}), Floats({c.batch, g.keys, 2 * width})};
  }
  if (c.relative()) {
    inputs.push_back(Floats({g.Positions(), width}));
    inputs.push_back(WideFloats({c.heads, c.head_width}, Normal(0.5)));
    inputs.push_back(WideFloats({c.heads, c.head_width}, Normal(0.5)));
  }
  if (c.dropout > 0) inputs.push_back(RandomInput());
  return inputs;
}

// A row of n scores is a sum of products of dh, an exponential and a weighted mean; errors of
// single scores average out over the keys.
const ErrorBound kForward{16.0, ErrorScale::kLargest,
                          "scores of size up to 10 carry their roundings through exp", 1.5};
const ErrorBound kBackward{16.0, ErrorScale::kLargestOfAll,
                           "as forward, then sums over queries; rows of one key are zero but for "
                           "rounding",
                           2.75};

OpCase ForwardCase(const Case& c) {
  const int floating = InputsOf(AttributesOf(c)).count - (c.dropout > 0 ? 1 : 0);
  OpCase op_case{.name = std::string("attention/") + c.name,
                 .make = Makes<AttentionOp>(AttributesOf(c)),
                 .inputs = ForwardInputs(c),
                 .bound = kForward,
                 .outputs = {{.zeros = c.zeros}, {}},
                 .slow = c.slow()};
  for (int i = 0; i < floating; ++i) op_case.differentiable.push_back(i);
  return op_case;
}

// A query that sees one key gives gradient to values alone: its probability is 1 whatever the
// score.
std::vector<OutputTraits> GradientTraits(const Case& c, size_t outputs) {
  const AttentionGeometry& g = c.geometry;
  std::vector<OutputTraits> traits(outputs);
  if (g.keys == 1) {
    for (OutputTraits& output : traits) output.zeros = 1.0;
    traits[c.packed() ? 0 : 1].zeros = c.packed() ? 2.0 / 3 : 0.5;
    return traits;
  }
  int64_t single = 0;
  while (single < g.queries && g.VisibleKeys(single) == 1) ++single;
  const double zero_queries = static_cast<double>(single) / static_cast<double>(g.queries);
  traits[0].zeros = c.packed() ? zero_queries / 3 : zero_queries;
  return traits;
}

OpCase BackwardCase(const Case& c) {
  const auto forward = std::make_shared<AttentionOp>(AttributesOf(c));
  std::vector<CaseInput> inputs = ForwardInputs(c);
  const size_t count = inputs.size();
  const Shape out{c.batch, c.geometry.queries, c.heads * c.head_width};
  inputs.push_back(Floats(out, ForwardOutput(forward, count, 0)));
  inputs.push_back(
      WideFloats({c.batch, c.heads, c.geometry.queries}, ForwardOutput(forward, count, 1)));
  inputs.push_back(Floats(out));
  const size_t outputs = count - (c.dropout > 0 ? 1 : 0);
  return {.name = std::string("attention_grad/") + c.name,
          .make = Makes<AttentionGradOp>(AttributesOf(c)),
          .inputs = std::move(inputs),
          .bound = kBackward,
          .outputs = GradientTraits(c, outputs),
          .slow = c.slow()};
}

}  // namespace

void AddAttentionCases(std::vector<OpCase>& cases) {
  for (const Case& c : kCases) cases.push_back(ForwardCase(c));
  for (const Case& c : kCases) cases.push_back(BackwardCase(c));
}

}  // namespace hourglass::testing
