#include "hourglass/base/hash.h"

#include <gtest/gtest.h>

#include <string>

#include "hourglass/base/file.h"

namespace hourglass {
namespace {

// FIPS 180-2, appendix B, and the empty message of the NIST test vectors.
constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kTwoBlocks[] = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr char kMillionA[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, NistVectors) {
  EXPECT_EQ(Sha256Hex(""), kEmpty);
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), kTwoBlocks);
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')), kMillionA);
}

TEST(Sha256, FileIsHashedAsItsBytes) {
  const std::string folder = ::testing::TempDir();
  for (const auto& [content, digest] : {std::pair<std::string, std::string>{"", kEmpty},
                                        {"abc", kAbc},
                                        {std::string(1000000, 'a'), kMillionA}}) {
    const std::string path = folder + "/hash_test.bin";
    ASSERT_TRUE(WriteFileAtomically(path, content).ok());
    const auto got = Sha256FileHex(path);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, digest);
  }
}

// More than the pieces it is read in, and not a multiple of them.
TEST(Sha256, LargeFileAgreesWithMemory) {
  std::string content;
  for (int i = 0; content.size() < 3'000'001; ++i) content += std::to_string(i);
  const std::string path = ::testing::TempDir() + "/hash_test_large.bin";
  ASSERT_TRUE(WriteFileAtomically(path, content).ok());
  const auto got = Sha256FileHex(path);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, Sha256Hex(content));
}

TEST(Sha256, MissingFileIsNotFoundWithItsPath) {
  const auto got = Sha256FileHex("/no/such/file");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(got.status().message()).find("/no/such/file"), std::string::npos);
}

TEST(Sha256, FolderIsNotHashed) {
  const auto got = Sha256FileHex(::testing::TempDir());
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(Sha256, PiecesGiveTheHashOfTheWhole) {
  Sha256 hash;
  for (const char* piece : {"", "a", "", "bc"}) hash.Update(piece);
  EXPECT_EQ(hash.Hex(), kAbc);
}

// Vectors of draft-eastlake-fnv, appendix C.
TEST(Fnv1a64, PublishedVectors) {
  EXPECT_EQ(Fnv1a64(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(Fnv1a64("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(Fnv1a64("foobar"), 0x85944171f73967e8ull);
}

}  // namespace
}  // namespace hourglass
