// Which elements dropout keeps: the same whatever backend, micro-batch or direction.

#include "hourglass/ops/dropout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "hourglass/graph/gradient.h"
#include "hourglass/ops/attention.h"
#include "hourglass/ops/layout.h"
#include "hourglass/ops/matmul.h"
#include "tests/support/backends.h"
#include "tests/support/host_program.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

constexpr RandomSite kSite = MakeRandomSite("pre.0.feed_forward.hidden");

HostTensor Random(uint64_t seed, uint32_t step, uint32_t first_sequence) {
  return {{Shape{kRandomInputSize}, DType::kU32},
          {static_cast<double>(seed & 0xffffffff), static_cast<double>(seed >> 32),
           static_cast<double>(step), static_cast<double>(first_sequence)}};
}

HostTensor Filled(Shape shape, double value) {
  const size_t elements = static_cast<size_t>(shape.Elements());
  return {{std::move(shape), DType::kF32}, std::vector<double>(elements, value)};
}

// Distinct numbers that f32 holds exactly.
HostTensor Counting(Shape shape) {
  HostTensor tensor = Filled(std::move(shape), 0);
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    tensor.values[i] = static_cast<double>((i * 37) % 101) / 64 - 0.75;
  }
  return tensor;
}

HostTensor Rows(const HostTensor& tensor, int64_t first, int64_t count) {
  HostTensor part = tensor;
  part.spec.shape.Set(0, count);
  const int64_t stride = tensor.spec.Elements() / tensor.spec.shape[0];
  part.values.assign(tensor.values.begin() + first * stride,
                     tensor.values.begin() + (first + count) * stride);
  return part;
}

class DropoutTest : public ::testing::TestWithParam<size_t> {
 protected:
  std::shared_ptr<Backend> backend() const { return AllBackends()[GetParam()].make(); }
  std::vector<HostTensor> Run(std::shared_ptr<const Op> op, std::vector<HostTensor> inputs) const {
    const auto outputs = RunOp(backend(), std::move(op), std::move(inputs));
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    return outputs.ok() ? *outputs : std::vector<HostTensor>(1);
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, DropoutTest, ::testing::Range(size_t{0}, AllBackends().size()),
                         [](const auto& info) { return AllBackends()[info.param].name; });

// Counter and key zero give 6627e8d5 e169c58d bc57ac4c 9b00dbd8 (counter_rng_test). The threshold
// of rate 0.5 is 80000000: the first element is dropped, the others are doubled. That of 0.75 is
// c0000000: only the second stays, times 4.
TEST_P(DropoutTest, GoldenVector) {
  const HostTensor ones = Filled({1, 4}, 1.0);
  EXPECT_EQ(Run(std::make_shared<DropoutOp>(0.5, 0), {ones, Random(0, 0, 0)})[0].values,
            (std::vector<double>{0, 2, 2, 2}));
  EXPECT_EQ(Run(std::make_shared<DropoutOp>(0.75, 0), {ones, Random(0, 0, 0)})[0].values,
            (std::vector<double>{0, 4, 0, 0}));
}

// The pi vector of counter_rng_test: site 243f6a88, step 85a308d3, sequence 13198a2e, seed
// 299f31d0a4093822. Its element quad is out of reach here, so the draws come from CounterRng.
TEST_P(DropoutTest, EverySeedWordStepAndSequenceIsUsed) {
  const CounterRng rng{
      .seed = 0x299f31d0a4093822, .site = 0x243f6a88, .step = 0x85a308d3, .sequence = 0x13198a2e};
  const auto out = Run(std::make_shared<DropoutOp>(0.5, rng.site),
                       {Filled({1, 37}, 1.0), Random(rng.seed, rng.step, rng.sequence)});
  for (uint64_t e = 0; e < 37; ++e) {
    EXPECT_EQ(out[0].values[e], rng.Draw(e) >= 0x80000000u ? 2.0 : 0.0) << e;
  }
}

// Sequences of 21 elements do not start at a multiple of four.
TEST_P(DropoutTest, BatchOfEightIsTwoOfFour) {
  const HostTensor x = Counting({8, 3, 7});
  const auto op = std::make_shared<DropoutOp>(0.3, kSite);
  const auto whole = Run(op, {x, Random(11, 2, 0)})[0];
  const auto first = Run(op, {Rows(x, 0, 4), Random(11, 2, 0)})[0];
  const auto second = Run(op, {Rows(x, 4, 4), Random(11, 2, 4)})[0];
  EXPECT_EQ(Rows(whole, 0, 4).values, first.values);
  EXPECT_EQ(Rows(whole, 4, 4).values, second.values);
  EXPECT_NE(first.values, second.values);
}

TEST_P(DropoutTest, AttentionBatchOfEightIsTwoOfFour) {
  const HostTensor x = Counting({8, 5, 24});
  const auto op =
      std::make_shared<AttentionOp>(AttentionAttributes{.geometry = {.queries = 5, .keys = 5},
                                                        .heads = 2,
                                                        .packed = true,
                                                        .dropout = 0.4,
                                                        .site = kSite});
  const auto whole = Run(op, {x, Random(11, 2, 0)})[0];
  const auto first = Run(op, {Rows(x, 0, 4), Random(11, 2, 0)})[0];
  const auto second = Run(op, {Rows(x, 4, 4), Random(11, 2, 4)})[0];
  EXPECT_EQ(Rows(whole, 0, 4).values, first.values);
  EXPECT_EQ(Rows(whole, 4, 4).values, second.values);
}

// All values 1 and one visible key more per query: out_i counts the kept probabilities, so the
// masks of forward can be read from it when all scores are equal.
TEST_P(DropoutTest, AttentionDrawsByHeadQueryAndKey) {
  constexpr int64_t kHeads = 2, kQueries = 6, kKeys = 6, kHeadWidth = 8;
  const CounterRng rng{.seed = 11, .site = kSite, .step = 2, .sequence = 9};
  HostTensor x = Filled({1, kQueries, 3 * kHeads * kHeadWidth}, 0.0);
  // value_j is the unit vector of j, in every head.
  for (int64_t j = 0; j < kKeys; ++j) {
    for (int64_t h = 0; h < kHeads; ++h) {
      const int64_t column = 2 * kHeads * kHeadWidth + h * kHeadWidth + j;
      x.values[static_cast<size_t>(j * 3 * kHeads * kHeadWidth + column)] = 1.0;
    }
  }
  const auto op = std::make_shared<AttentionOp>(
      AttentionAttributes{.geometry = {.queries = kQueries, .keys = kKeys},
                          .heads = kHeads,
                          .packed = true,
                          .dropout = 0.5,
                          .site = kSite});
  const auto out = Run(op, {x, Random(rng.seed, rng.step, rng.sequence)})[0];
  for (int64_t h = 0; h < kHeads; ++h) {
    for (int64_t i = 0; i < kQueries; ++i) {
      for (int64_t j = 0; j < kKeys; ++j) {
        const uint64_t element = static_cast<uint64_t>((h * kQueries + i) * kKeys + j);
        const bool kept = j <= i && rng.Draw(element) >= 0x80000000u;
        const double want = kept ? 2.0 / static_cast<double>(i + 1) : 0.0;
        const double got =
            out.values[static_cast<size_t>(i * kHeads * kHeadWidth + h * kHeadWidth + j)];
        EXPECT_NEAR(got, want, 1e-6) << h << " " << i << " " << j;
      }
    }
  }
}

// d out / d x has the zeros of out.
TEST_P(DropoutTest, GradientHasTheMaskOfForward) {
  Graph graph;
  const Value x = graph.Input("x", {Shape{4, 21}, DType::kF32});
  const Value random = graph.Input("random", {Shape{kRandomInputSize}, DType::kU32});
  const Value weights = graph.Input("weights", {Shape{84, 1}, DType::kF32});
  const Value seed = graph.Input("seed", {Shape{1, 1}, DType::kF32});
  const Value y = graph.Add1(std::make_shared<DropoutOp>(0.3, kSite), {x, random});
  const Value loss = Matmul(graph, Reshape(graph, y, Shape{1, 84}), weights);
  graph.MarkOutput(y, "y");
  const auto gradients = AppendGradients(graph, loss, seed, std::vector<Value>{x});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  graph.MarkOutput(*(*gradients)[0], "d_x");
  auto program = HostProgram::Compile(std::move(graph), backend());
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE(program->Set("x", Filled({4, 21}, 1.0)).ok());
  ASSERT_TRUE(program->Set("weights", Filled({84, 1}, 1.0)).ok());
  ASSERT_TRUE(program->Set("seed", Filled({1, 1}, 1.0)).ok());
  ASSERT_TRUE(program->Set("random", Random(5, 6, 7)).ok());
  ASSERT_TRUE(program->Run().ok());
  const std::vector<double> y_values = program->Get("y")->values;
  EXPECT_EQ(y_values, program->Get("d_x")->values);
  EXPECT_GT(std::count(y_values.begin(), y_values.end(), 0.0), 10);
}

}  // namespace
}  // namespace hourglass::testing
