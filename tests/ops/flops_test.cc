// The three names of FLOPs (design, section 4): what Op::Count says against what kernels do.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "hourglass/backends/reference/kernel.h"
#include "hourglass/ops/attention.h"
#include "tests/support/backends.h"
#include "tests/support/op_case.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

class FlopsTest : public ::testing::TestWithParam<OpCase> {};

INSTANTIATE_TEST_SUITE_P(Ops, FlopsTest, ::testing::ValuesIn(AllOpCases()),
                         [](const auto& info) { return TestName(info.param.name); });

bool IsView(const OpRun& run) { return run.kernel() == nullptr; }

TEST_P(FlopsTest, ReferenceLoopsCountDense) {
  const auto run = OpRun::Prepare(Reference(), GetParam().make(DType::kF32),
                                  MakeInputs(GetParam(), DType::kF32));
  ASSERT_TRUE(run.ok()) << run.status();
  if (IsView(**run)) {
    EXPECT_EQ((*run)->Count().dense, 0);
    return;
  }
  ASSERT_TRUE((*run)->Run().ok());
  const auto* kernel = dynamic_cast<const reference::ReferenceKernel*>((*run)->kernel());
  ASSERT_NE(kernel, nullptr);
  const Cost cost = (*run)->Count();
  EXPECT_EQ(kernel->CountedFlops(), cost.dense + cost.recompute);
  EXPECT_EQ(kernel->Executed(), kernel->CountedFlops());
}

// Kernels work in tiles. A side shorter than a tile is filled up, and the work on the filling
// counts as executed; so the upper limit of attention on less than a tile is the dense work of a
// whole tile.
constexpr int64_t kLargestTile = 32;

std::shared_ptr<const Op> OnWholeTiles(std::shared_ptr<const Op> op) {
  const auto* forward = dynamic_cast<const AttentionOp*>(op.get());
  const auto* backward = dynamic_cast<const AttentionGradOp*>(op.get());
  if (forward == nullptr && backward == nullptr) return op;
  AttentionAttributes attributes = forward ? forward->attributes() : backward->attributes();
  AttentionGeometry& g = attributes.geometry;
  const int64_t shorter = std::min(g.queries, g.keys);
  if (shorter >= kLargestTile) return op;
  g.queries = g.queries / shorter * kLargestTile;
  g.keys = g.keys / shorter * kLargestTile;
  // Count reads batch and width alone; the lengths come from the geometry.
  if (forward != nullptr) return std::make_shared<AttentionOp>(attributes);
  return std::make_shared<AttentionGradOp>(attributes);
}

TEST_P(FlopsTest, ExecutedLiesBetweenNeededAndDense) {
  for (const BackendUnderTest& backend : AllBackends()) {
    for (const DType dtype : backend.dtypes) {
      SCOPED_TRACE(backend.name + " " + std::string(Name(dtype)));
      const auto run =
          OpRun::Prepare(backend.make(), GetParam().make(dtype), MakeInputs(GetParam(), dtype));
      if (run.status().code() == absl::StatusCode::kUnimplemented) continue;
      ASSERT_TRUE(run.ok()) << run.status();
      if (IsView(**run)) continue;
      const NodeSpecs& specs = (*run)->specs();
      const Cost limit = OnWholeTiles(GetParam().make(dtype))->Count(specs.inputs, specs.outputs);
      EXPECT_LE((*run)->Count().needed, (*run)->kernel()->Executed());
      EXPECT_LE((*run)->kernel()->Executed(), limit.dense + limit.recompute);
    }
  }
}

TEST_P(FlopsTest, OnlyAMaskMakesNeededSmaller) {
  const std::shared_ptr<const Op> op = GetParam().make(DType::kF32);
  const auto run = OpRun::Prepare(Reference(), op, MakeInputs(GetParam(), DType::kF32));
  ASSERT_TRUE(run.ok()) << run.status();
  const Cost cost = (*run)->Count();
  const std::set<std::string_view> masked = {"attention", "attention_grad"};
  const std::set<std::string_view> products = {"matmul", "attention", "attention_grad"};
  EXPECT_EQ(cost.needed > 0, products.contains(op->Name()));
  EXPECT_LE(cost.dense, cost.dense_trax);
  if (!masked.contains(op->Name())) {
    EXPECT_EQ(cost.needed, cost.dense);
    EXPECT_EQ(cost.recompute, 0);
  }
}

// Counted by hand. d = 6, B = 2; a multiply-add counts 2.
TEST(AttentionCost, TriangleAndSquareByHand) {
  const auto count = [](AttentionGeometry geometry, bool relative) {
    const AttentionOp op({.geometry = geometry, .heads = 2, .relative = relative});
    std::vector<TensorSpec> in = {{Shape{2, geometry.queries, 6}}, {Shape{2, geometry.keys, 12}}};
    if (relative) {
      in.push_back({Shape{geometry.Positions(), 6}});
      in.push_back({Shape{2, 3}});
      in.push_back({Shape{2, 3}});
    }
    const auto out = op.Infer(in);
    EXPECT_TRUE(out.ok()) << out.status();
    return op.Count(in, *out);
  };
  // Self, n = 4: 10 pairs of 16. Scores and values.
  EXPECT_EQ(count({.queries = 4, .keys = 4}, false).needed, 2 * 2 * 2 * 6 * 10);
  EXPECT_EQ(count({.queries = 4, .keys = 4}, false).dense, 2 * 2 * 2 * 6 * 16);
  // Down, k = 3: rows 111000 and 111111. Scores, positions and values.
  EXPECT_EQ(count({.queries = 2, .keys = 6, .query_step = 3}, true).needed, 2 * 3 * 2 * 6 * 9);
  EXPECT_EQ(count({.queries = 2, .keys = 6, .query_step = 3}, true).dense, 2 * 3 * 2 * 6 * 12);
  // Up, k = 3: rows 10 10 10 11 11 11.
  EXPECT_EQ(count({.queries = 6, .keys = 2, .key_step = 3}, true).needed, 2 * 3 * 2 * 6 * 9);
  EXPECT_EQ(count({.queries = 6, .keys = 2, .key_step = 3}, true).dense, 2 * 3 * 2 * 6 * 12);
}

}  // namespace
}  // namespace hourglass::testing
