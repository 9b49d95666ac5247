#include "hourglass/model/hierarchy.h"

#include <gtest/gtest.h>

namespace hourglass {
namespace {

TEST(Hierarchy, ParsesNestedLevels) {
  const auto hierarchy = Hierarchy::Parse("3@1 1@2 4@4 1@2 2@1");
  ASSERT_TRUE(hierarchy.ok()) << hierarchy.status();
  ASSERT_EQ(hierarchy->levels().size(), 3u);
  EXPECT_EQ(hierarchy->levels()[0].pre_layers, 3);
  EXPECT_EQ(hierarchy->levels()[0].post_layers, 2);
  EXPECT_EQ(hierarchy->levels()[1].factor, 2);
  EXPECT_EQ(hierarchy->levels()[2].pre_layers, 4);
  EXPECT_EQ(hierarchy->Step(1), 2);
  EXPECT_EQ(hierarchy->Step(2), 2);
  EXPECT_EQ(hierarchy->TotalFactor(), 4);
  EXPECT_EQ(hierarchy->ToString(), "3@1 1@2 4@4 1@2 2@1");
}

TEST(Hierarchy, VanillaHasOneLevel) {
  const auto hierarchy = Hierarchy::Parse(" 12@1 ");
  ASSERT_TRUE(hierarchy.ok());
  EXPECT_TRUE(hierarchy->IsVanilla());
  EXPECT_EQ(hierarchy->PaddedLength(13), 13);
}

TEST(Hierarchy, PadsToTheInnermostFactor) {
  const auto hierarchy = Hierarchy::Parse("2@1 8@3 2@1");
  ASSERT_TRUE(hierarchy.ok());
  EXPECT_EQ(hierarchy->PaddedLength(2048), 2049);
  EXPECT_EQ(hierarchy->PaddedLength(2049), 2049);
}

TEST(Hierarchy, AllowsZeroLayersAndEqualFactors) {
  EXPECT_TRUE(Hierarchy::Parse("0@1 4@3 2@1").ok());
  EXPECT_TRUE(Hierarchy::Parse("1@1 2@1 1@1").ok());
  EXPECT_TRUE(Hierarchy::Parse("1@1 0@2 1@2 0@2 1@1").ok());
}

TEST(Hierarchy, RefusesWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "even number"},
      {"2@1 2@1", "even number"},
      {"2@1 8@3 2@2", "factors do not read the same"},
      {"2@2", "outermost factor"},
      {"2@1 1@2 4@3 1@2 2@1", "not divisible"},
      {"2@1 1@2 4@4 3@2 2@1", "inner layer counts"},
      {"2@1 x@3 2@1", "\"x@3\" is not"},
      {"2@1 8 2@1", "\"8\" is not"},
      {"2@1 8@0 2@1", "\"8@0\" is not"},
      {"2@1 -8@3 2@1", "\"-8@3\" is not"},
      {"2@1 8@3@3 2@1", "\"8@3@3\" is not"},
      {"99999999999999999999@1", "is not layers@factor"},
      {"1000000@1", "at most 4096 layers"},
  };
  for (const auto& [text, reason] : cases) {
    const auto hierarchy = Hierarchy::Parse(text);
    ASSERT_FALSE(hierarchy.ok()) << text;
    EXPECT_EQ(hierarchy.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(hierarchy.status().message().find(reason), absl::string_view::npos)
        << text << ": " << hierarchy.status();
  }
}

}  // namespace
}  // namespace hourglass
