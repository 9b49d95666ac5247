#include "hourglass/base/counter_rng.h"

#include <gtest/gtest.h>

#include <set>

namespace hourglass {
namespace {

using Words = std::array<uint32_t, 4>;

// The three vectors "philox4x32 10" of the file kat_vectors that comes with Random123 (Salmon et
// al. 2011): counter, key, result.
TEST(CounterRng, KnownAnswerOfZeros) {
  const CounterRng rng;
  EXPECT_EQ(rng.Quad(0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(CounterRng, KnownAnswerOfOnes) {
  const CounterRng rng{
      .seed = 0xffffffffffffffff, .site = 0xffffffff, .step = 0xffffffff, .sequence = 0xffffffff};
  EXPECT_EQ(rng.Quad(0xffffffff), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

// Digits of pi: all words differ, so the place of seed, site, step, sequence and element is fixed.
TEST(CounterRng, KnownAnswerOfPi) {
  const CounterRng rng{
      .seed = 0x299f31d0a4093822, .site = 0x243f6a88, .step = 0x85a308d3, .sequence = 0x13198a2e};
  EXPECT_EQ(rng.Quad(0x03707344), (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(CounterRng, DrawIsTheLaneOfItsQuad) {
  const CounterRng rng{.seed = 7, .site = 8, .step = 9, .sequence = 10};
  for (uint32_t element = 0; element < 40; ++element) {
    EXPECT_EQ(rng.Draw(element), rng.Quad(element / 4)[element % 4]);
  }
}

TEST(CounterRng, DrawsOfZerosAreTheKnownAnswer) {
  const CounterRng rng;
  EXPECT_EQ(rng.Draw(0), 0x6627e8d5u);
  EXPECT_EQ(rng.Draw(1), 0xe169c58du);
  EXPECT_EQ(rng.Draw(2), 0xbc57ac4cu);
  EXPECT_EQ(rng.Draw(3), 0x9b00dbd8u);
}

TEST(CounterRng, EveryCoordinateMatters) {
  std::set<Words> seen;
  seen.insert(CounterRng{}.Quad(0));
  seen.insert(CounterRng{.seed = 1}.Quad(0));
  seen.insert(CounterRng{.seed = uint64_t{1} << 32}.Quad(0));
  seen.insert(CounterRng{.site = 1}.Quad(0));
  seen.insert(CounterRng{.step = 1}.Quad(0));
  seen.insert(CounterRng{.sequence = 1}.Quad(0));
  seen.insert(CounterRng{}.Quad(1));
  EXPECT_EQ(seen.size(), 7u);
}

TEST(DropoutThreshold, SplitsTheRangeAtTheRate) {
  EXPECT_EQ(DropoutThreshold(0.0), 0u);
  EXPECT_EQ(DropoutThreshold(0.5), 0x80000000u);
  EXPECT_EQ(DropoutThreshold(0.25), 0x40000000u);
}

// 100,000 draws at rate 0.1: the share of dropped ones is within five standard deviations.
TEST(DropoutThreshold, DropsTheRate) {
  const CounterRng rng{.seed = 1, .site = MakeRandomSite("pre.0.attention")};
  const uint32_t threshold = DropoutThreshold(0.1);
  int dropped = 0;
  for (uint64_t element = 0; element < 100000; ++element) dropped += rng.Draw(element) < threshold;
  EXPECT_NEAR(dropped, 10000, 475);
}

TEST(UniformFromDraws, CoversTheUnitIntervalFromBelow) {
  EXPECT_EQ(UniformFromDraws(0, 0), 0.0);
  EXPECT_EQ(UniformFromDraws(0x80000000, 0), 0.5);
  EXPECT_EQ(UniformFromDraws(0xffffffff, 0xffffffff), 1.0 - 0x1.0p-53);
}

TEST(MakeRandomSite, FoldsTheHashOfThePath) {
  // FNV-1a of "" is its offset basis cbf29ce484222325.
  EXPECT_EQ(MakeRandomSite(""), 0xcbf29ce4u ^ 0x84222325u);
  EXPECT_NE(MakeRandomSite("pre.0"), MakeRandomSite("pre.1"));
}

}  // namespace
}  // namespace hourglass
