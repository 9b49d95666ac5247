#include "hourglass/nn/parameter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hourglass {
namespace {

Parameter Packed() {
  return {"a.query_key.weight",
          Shape{40, 120},
          {{"a.query.weight", Shape{40, 60}, 0, Initializer::kGlorotUniform},
           {"a.key.weight", Shape{40, 60}, 60, Initializer::kGlorotUniform}}};
}

Parameter Alone(const std::string& name, Shape shape, Initializer initializer) {
  return {name, shape, {{name, shape, 0, initializer}}};
}

TEST(InitialValues, APackedPartStartsAsIfStoredAlone) {
  const Parameter packed = Packed();
  const std::vector<double> stored = InitialValues(packed, 3);
  for (const ParameterPart& part : packed.parts) {
    const auto alone = InitialValues(Alone(part.name, part.shape, part.initializer), 3);
    std::vector<double> cut(alone.size());
    CopyPartOut(packed, part, stored.data(), cut.data());
    EXPECT_EQ(cut, alone) << part.name;
  }
}

TEST(InitialValues, DependOnSeedAndNameOnly) {
  const Shape shape{8, 8};
  const auto values = InitialValues(Alone("a", shape, Initializer::kGlorotUniform), 1);
  EXPECT_EQ(values, InitialValues(Alone("a", shape, Initializer::kGlorotUniform), 1));
  EXPECT_NE(values, InitialValues(Alone("a", shape, Initializer::kGlorotUniform), 2));
  EXPECT_NE(values, InitialValues(Alone("b", shape, Initializer::kGlorotUniform), 1));
}

// Moments of the published distributions (A6): Glorot-uniform has variance 2 / (in + out), the
// embedding 1 / d, biases 1e-12.
TEST(InitialValues, HaveThePaperMoments) {
  const struct {
    Shape shape;
    Initializer initializer;
    double variance, limit;
  } cases[] = {
      {Shape{300, 200}, Initializer::kGlorotUniform, 2.0 / 500, std::sqrt(6.0 / 500)},
      {Shape{256, 128}, Initializer::kEmbeddingUniform, 1.0 / 128, std::sqrt(3.0 / 128)},
      {Shape{40000}, Initializer::kTinyNormal, 1e-12, 6e-6},
  };
  for (const auto& c : cases) {
    const auto values = InitialValues(Alone("x", c.shape, c.initializer), 5);
    double sum = 0, squares = 0;
    for (const double value : values) {
      sum += value;
      squares += value * value;
      ASSERT_LE(std::fabs(value), c.limit);
    }
    const double n = static_cast<double>(values.size());
    // Five standard errors.
    EXPECT_NEAR(sum / n, 0.0, 5 * std::sqrt(c.variance / n));
    EXPECT_NEAR(squares / n / c.variance, 1.0, 5 * std::sqrt(2.0 / n));
  }
  EXPECT_EQ(InitialValues(Alone("s", Shape{3}, Initializer::kOnes), 1),
            std::vector<double>(3, 1.0));
  EXPECT_EQ(InitialValues(Alone("z", Shape{3}, Initializer::kZeros), 1),
            std::vector<double>(3, 0.0));
}

TEST(CopyPart, RoundTrips) {
  const Parameter packed = Packed();
  std::vector<float> stored(static_cast<size_t>(packed.shape.Elements()), -1.0f);
  std::vector<float> in(static_cast<size_t>(packed.parts[1].shape.Elements()));
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  CopyPartIn(packed, packed.parts[1], in.data(), stored.data());
  EXPECT_EQ(stored[0], -1.0f);
  EXPECT_EQ(stored[60], 0.0f);
  EXPECT_EQ(stored[120 + 61], 61.0f);
  std::vector<float> out(in.size());
  CopyPartOut(packed, packed.parts[1], stored.data(), out.data());
  EXPECT_EQ(out, in);
}

}  // namespace
}  // namespace hourglass
