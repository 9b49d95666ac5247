#include "results_db/ulid.h"

#include "gtest/gtest.h"

namespace hourglass::results {
namespace {

TEST(Ulid, EncodesTimeThenRandomInCrockfordBase32) {
  // 1469918176385 ms = 01ARYZ6S41 is the example of the ULID specification.
  EXPECT_EQ(EncodeUlid(1469918176385, {}), "01ARYZ6S410000000000000000");
  // Every 5 bits of 00..00 11111 is the last digit; all ones is all Z.
  EXPECT_EQ(EncodeUlid(0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), "00000000000000000000000001");
  EXPECT_EQ(EncodeUlid((uint64_t{1} << 48) - 1, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  // 0x08 0x42 0x10 0x84 0x21 = eight groups 00001.
  EXPECT_EQ(EncodeUlid(0, {0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21}),
            "00000000001111111111111111");
}

TEST(Ulid, EachIsGreaterThanTheOneBefore) {
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = NewUlid();
    ASSERT_LT(last, id);
    last = id;
  }
}

}  // namespace
}  // namespace hourglass::results
