#include "experiments/data_sets/unzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <string>

#include "hourglass/base/file.h"
#include "tests/data_sets/make_zip.h"

namespace hourglass {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Two members, "notes.txt" and "data", written by Python's zipfile.
constexpr char kByPython[] =
    "\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x63\x34\xbd\x46\x4a\x85\x0f\x00\x00\x00"
    "\x0d\x00\x00\x00\x09\x00\x00\x00\x6e\x6f\x74\x65\x73\x2e\x74\x78\x74\xcb\xcb\x2f\x51\x28"
    "\xc9\xc8\x2c\x56\xc8\xcf\x4b\xe5\x02\x00\x50\x4b\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00"
    "\x63\x34\x54\x97\x5c\x32\x17\x00\x00\x00\x27\x00\x00\x00\x04\x00\x00\x00\x64\x61\x74\x61"
    "\x2b\xc9\x57\x48\x4a\x55\xc8\x2f\x52\xc8\xcb\x2f\x51\x28\x01\x71\x74\x20\x14\x8a\x18\x17"
    "\x00\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00\x63\x34\xbd\x46\x4a\x85\x0f"
    "\x00\x00\x00\x0d\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00"
    "\x00\x00\x00\x6e\x6f\x74\x65\x73\x2e\x74\x78\x74\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00"
    "\x08\x00\x00\x00\x63\x34\x54\x97\x5c\x32\x17\x00\x00\x00\x27\x00\x00\x00\x04\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x36\x00\x00\x00\x64\x61\x74\x61\x50\x4b\x05\x06"
    "\x00\x00\x00\x00\x02\x00\x02\x00\x69\x00\x00\x00\x6f\x00\x00\x00\x00\x00";

struct Unzipped {
  absl::Status status;
  std::string bytes;
};

std::string Write(const std::string& zip) {
  std::string path = ::testing::TempDir() + "/unzip_test.zip";
  EXPECT_TRUE(WriteFileAtomically(path, zip).ok());
  return path;
}

Unzipped Unzip(const std::string& path, const std::string& member) {
  Unzipped result;
  result.status = UnzipMember(path, member, [&](std::string_view bytes) {
    result.bytes.append(bytes);
    return absl::OkStatus();
  });
  return result;
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(UnzipTest, ReadsWhatAnotherProgramWrote) {
  const std::string path = Write({kByPython, std::size(kByPython) - 1});
  const Unzipped data = Unzip(path, "data");
  ASSERT_TRUE(data.status.ok()) << data.status;
  EXPECT_EQ(data.bytes, "to be or not to be, to be or not to be\n");
  EXPECT_EQ(Unzip(path, "notes.txt").bytes, "not this one\n");
}

TEST(UnzipTest, LargeMembersComeInPieces) {
  std::string bytes;
  for (int i = 0; bytes.size() < 1000000; ++i) bytes += std::to_string(i * 7919);
  const Unzipped result = Unzip(Write(MakeZip({{"data", bytes}})), "data");
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(result.bytes == bytes);
}

TEST(UnzipTest, AMissingMemberIsDataLossThatNamesThoseThereAre) {
  const Unzipped result = Unzip(Write(MakeZip({{"one", "x"}, {"two", "y"}})), "data");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(result.status), HasSubstr("no member called data, only: one, two"));
}

// Names of an archive are never paths: only the exact name counts, and nothing but bytes comes out.
TEST(UnzipTest, APathThatLeavesTheFolderIsJustAnotherName) {
  const std::string path = Write(MakeZip({{"../data", "evil"}, {"/tmp/data", "evil"}}));
  const Unzipped result = Unzip(path, "data");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(result.status), HasSubstr("../data"));
  EXPECT_EQ(result.bytes, "");
}

TEST(UnzipTest, DamagedBytesAreDataLoss) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += std::to_string(i);
  const std::string path = Write(DamageZip(MakeZip({{"data", bytes}})));
  const Unzipped result = Unzip(path, "data");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(result.status), StartsWith(path + ": is no intact zip archive: "));
}

// The compressed data is whole, only the checksum beside it is another: last byte of a CRC, which
// follows the central directory's signature by 19 bytes.
TEST(UnzipTest, AWrongCrcIsDataLoss) {
  std::string zip(kByPython, std::size(kByPython) - 1);
  for (const std::string signature : {"PK\x03\x04", "PK\x01\x02"}) {
    const size_t header = zip.rfind(signature);
    ASSERT_NE(header, std::string::npos);
    zip[header + (signature[2] == 1 ? 19 : 17)] ^= 1;
  }
  const Unzipped result = Unzip(Write(zip), "data");
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << result.status;
}

TEST(UnzipTest, TruncatedOrForeignFilesAreDataLoss) {
  const std::string zip = MakeZip({{"data", std::string(5000, 'x')}});
  for (const std::string& bytes :
       {zip.substr(0, zip.size() / 2), std::string("<html>log in</html>"), std::string()}) {
    const Unzipped result = Unzip(Write(bytes), "data");
    EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << result.status;
  }
}

TEST(UnzipTest, AMissingArchiveIsNotFound) {
  EXPECT_EQ(Unzip("/no/such.zip", "data").status.code(), absl::StatusCode::kNotFound);
}

TEST(UnzipTest, WhatTheSinkRefusesEndsIt) {
  const std::string path = Write(MakeZip({{"data", std::string(500000, 'x')}}));
  int calls = 0;
  const absl::Status status = UnzipMember(path, "data", [&](std::string_view) {
    ++calls;
    return absl::CancelledError("enough");
  });
  EXPECT_EQ(status, absl::CancelledError("enough"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace hourglass
