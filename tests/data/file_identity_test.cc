#include "hourglass/data/file_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "hourglass/base/file.h"

namespace hourglass {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// FIPS 180-2, appendix B.1.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(FileIdentityTest, IsNameSizeAndChecksum) {
  const std::string path = ::testing::TempDir() + "/identity_abc";
  ASSERT_TRUE(WriteFileAtomically(path, "abc").ok());
  const auto identity = IdentityOfFile(path);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(*identity, (FileIdentity{"identity_abc", 3, kAbc}));
}

TEST(FileIdentityTest, DifferencesAreToldWithBothSides) {
  const FileIdentity expected{"data", 3, kAbc};
  EXPECT_TRUE(ExpectIdentity("/p", {"other name", 3, kAbc}, expected).ok());
  const absl::Status size = ExpectIdentity("/p", {"data", 4, kAbc}, expected);
  EXPECT_EQ(size.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(size.message()), "/p: is not data: it has 4 bytes instead of 3");
  const absl::Status sum = ExpectIdentity("/p", {"data", 3, "00"}, expected);
  EXPECT_EQ(sum.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(sum.message()),
            std::string("/p: is not data: its SHA-256 is 00 instead of ") + kAbc);
}

TEST(FileIdentityTest, WhatIsNoFileOfBytes) {
  EXPECT_EQ(IdentityOfFile("/no/such/file").status().code(), absl::StatusCode::kNotFound);
  const absl::Status folder = IdentityOfFile(::testing::TempDir()).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(folder.message()), HasSubstr("is a folder"));
  const absl::Status device = IdentityOfFile("/dev/null").status();
  EXPECT_EQ(device.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(device.message()), StartsWith("/dev/null: is a device"));
}

// A pipe may carry data: `--data <(head -c 1000000 text)`.
TEST(FileIdentityTest, APipeIsAccepted) {
  const std::string path = ::testing::TempDir() + "/identity_pipe";
  ::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(ExpectDataFile(path).ok());
}

}  // namespace
}  // namespace hourglass
