#include "hourglass/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace hourglass {
namespace {

TEST(RandomTokensTest, TokensAreInTheVocabularyAndNeverZero) {
  const RandomTokens tokens(5);
  std::vector<int32_t> got(4 * 50);
  ASSERT_TRUE(tokens.Fill(1, 0, 4, 50, got.data()).ok());
  EXPECT_EQ(std::set<int32_t>(got.begin(), got.end()), (std::set<int32_t>{1, 2, 3, 4}));
}

TEST(RandomTokensTest, ASequenceDependsOnSeedAndIndexAlone) {
  const RandomTokens tokens(256);
  std::vector<int32_t> together(4 * 9), alone(9), other(4 * 9);
  ASSERT_TRUE(tokens.Fill(1, 5, 4, 9, together.data()).ok());
  ASSERT_TRUE(tokens.Fill(1, 7, 1, 9, alone.data()).ok());
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 2 * 9));
  ASSERT_TRUE(tokens.Fill(2, 5, 4, 9, other.data()).ok());
  EXPECT_NE(together, other);
}

TEST(RandomTokensTest, AVocabularyOfOneIsRefused) {
  int32_t token = 0;
  EXPECT_EQ(RandomTokens(1).Fill(1, 0, 1, 1, &token).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hourglass
