#include "hourglass/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hourglass {
namespace {

float Round(float x) { return static_cast<float>(BFloat16(x)); }

TEST(Shape, CountsElementsAndRows) {
  EXPECT_EQ((Shape{4, 1026, 512}).Elements(), 4 * 1026 * 512);
  EXPECT_EQ((Shape{4, 1026, 512}).Rows(), 4 * 1026);
  EXPECT_EQ(Shape{7}.Rows(), 1);
  EXPECT_EQ(Shape().Elements(), 1);
  EXPECT_EQ(Shape().Rows(), 1);
  EXPECT_EQ((Shape{3, 0}).Elements(), 0);
}

TEST(Shape, CountsInSixtyFourBits) {
  EXPECT_EQ((Shape{1 << 20, 1 << 20}).Elements(), int64_t{1} << 40);
}

TEST(Shape, NegativeAxesCountFromTheEnd) {
  Shape shape{4, 5, 6};
  EXPECT_EQ(shape[-1], 6);
  EXPECT_EQ(shape[-3], 4);
  shape.Set(-2, 9);
  EXPECT_EQ(shape, (Shape{4, 9, 6}));
}

TEST(Shape, DifferentRanksDiffer) {
  EXPECT_NE((Shape{4, 1}), Shape{4});
  EXPECT_NE(Shape{1}, Shape());
}

TEST(Shape, AxisOutOfRangeStopsTheProgram) {
  EXPECT_DEATH((void)(Shape{4, 5}[2]), "broken promise");
}

TEST(Shape, PrintsItsExtents) {
  EXPECT_EQ((Shape{4, 1026, 512}).ToString(), "[4, 1026, 512]");
  EXPECT_EQ(Shape().ToString(), "[]");
}

TEST(TensorSpec, BytesFollowTheDType) {
  EXPECT_EQ((TensorSpec{{3, 5}, DType::kF32}).Bytes(), 60);
  EXPECT_EQ((TensorSpec{{3, 5}, DType::kBF16}).Bytes(), 30);
  EXPECT_EQ((TensorSpec{{3, 5}, DType::kF64}).Bytes(), 120);
  EXPECT_EQ((TensorSpec{{3, 5}, DType::kI32}).Bytes(), 60);
}

TEST(TensorSpec, PrintsDTypeAndShape) {
  EXPECT_EQ((TensorSpec{{3, 5}, DType::kBF16}).ToString(), "bf16[3, 5]");
}

TEST(TensorView, SpanCoversTheElements) {
  float data[6] = {};
  const TensorView view{{{2, 3}, DType::kF32}, data};
  EXPECT_EQ(view.Span<float>().size(), 6u);
  EXPECT_EQ(view.As<float>(), data);
}

TEST(TensorView, AnotherTypeStopsTheProgram) {
  float data[6] = {};
  const TensorView view{{{2, 3}, DType::kF32}, data};
  EXPECT_DEATH((void)view.As<int32_t>(), "broken promise");
}

TEST(BFloat16, IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(BFloat16(-2.0f).bits, 0xc000);
  EXPECT_EQ(BFloat16(0.0f).bits, 0);
}

TEST(BFloat16, RoundsToNearestEven) {
  const float ulp = 0x1.0p-7f;  // of numbers in [1, 2)
  EXPECT_EQ(Round(1.0f + 0.49f * ulp), 1.0f);
  EXPECT_EQ(Round(1.0f + 0.5f * ulp), 1.0f);
  EXPECT_EQ(Round(1.0f + 0.51f * ulp), 1.0f + ulp);
  EXPECT_EQ(Round(1.0f + 1.5f * ulp), 1.0f + 2 * ulp);
  EXPECT_EQ(Round(-1.0f - 1.5f * ulp), -1.0f - 2 * ulp);
}

TEST(BFloat16, KeepsInfinityAndNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Round(infinity), infinity);
  EXPECT_EQ(Round(std::numeric_limits<float>::max()), infinity);
  EXPECT_TRUE(std::isnan(Round(std::numeric_limits<float>::quiet_NaN())));
  // A NaN whose payload lies in the lower half must not become infinity.
  EXPECT_TRUE(std::isnan(Round(__builtin_bit_cast(float, 0x7f800001u))));
}

}  // namespace
}  // namespace hourglass
