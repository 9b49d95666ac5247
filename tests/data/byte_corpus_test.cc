#include "hourglass/data/byte_corpus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "hourglass/base/runfiles.h"

namespace hourglass {
namespace {

std::string Excerpt() {
  const auto path = FindRunfile("experiments/data/enwik8.first3500000");
  EXPECT_TRUE(path.ok()) << path.status();
  return path.value_or("");
}

std::string WriteTemporary(const std::string& name, const std::string& bytes) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

// Checksums of the parts: experiments/data/README.md.
TEST(ByteCorpusTest, TheExcerptIsKnownWithItsParts) {
  const auto corpus = ByteCorpus::Open(Excerpt(), "enwik8-3500k");
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const CorpusIdentity& identity = (*corpus)->identity();
  EXPECT_EQ(identity.name, "enwik8-3500k");
  EXPECT_EQ(identity.bytes, 3500000);
  EXPECT_NE(identity.licence.find("GNU Free Documentation License"), std::string::npos);
  EXPECT_EQ((*corpus)->Range(Split::kTrain), (ByteRange{0, 3150000}));
  EXPECT_EQ((*corpus)->Range(Split::kValid), (ByteRange{3150000, 3325000}));
  EXPECT_EQ((*corpus)->Range(Split::kTest), (ByteRange{3325000, 3500000}));
  EXPECT_EQ((*corpus)->Sha256(Split::kTrain),
            "ce8c062c3b616e0e31c2d219744f3145ef3161bbfead1713e9a4cefe56da3d4e");
  EXPECT_EQ((*corpus)->Sha256(Split::kValid),
            "7ed53db48a60288a8af88e23afd4a9f38b95e216a9cfce650804e8c4768458b9");
  EXPECT_EQ((*corpus)->Sha256(Split::kTest),
            "aaec5700dac6776141f14ef228d8365366486c95f3ce6655603f9c36c8974509");
}

// Entropies of single bytes in the same table; and id 0 is free as start symbol.
TEST(ByteCorpusTest, TheExcerptHasThePublishedByteStatistics) {
  const auto corpus = ByteCorpus::Open(Excerpt());
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const auto entropy = [&](Split split) {
    std::vector<double> counts(256);
    for (const uint8_t byte : (*corpus)->Bytes(split)) ++counts[byte];
    double bits = 0;
    const double total = static_cast<double>((*corpus)->Range(split).size());
    for (const double count : counts) {
      if (count > 0) bits -= count / total * std::log2(count / total);
    }
    return bits;
  };
  EXPECT_NEAR(entropy(Split::kTrain), 5.0715, 5e-5);
  EXPECT_NEAR(entropy(Split::kValid), 5.0295, 5e-5);
  EXPECT_NEAR(entropy(Split::kTest), 5.1218, 5e-5);
  const auto all = (*corpus)->Bytes({0, 3500000});
  EXPECT_EQ(std::count(all.begin(), all.end(), 0), 0);
}

// The full file has the paper's split (C3) and the published checksum.
TEST(ByteCorpusTest, TheFullFileIsSplitAsInThePaper) {
  const auto known = KnownCorpora();
  const auto full = std::find_if(known.begin(), known.end(),
                                 [](const CorpusIdentity& one) { return one.name == "enwik8"; });
  ASSERT_NE(full, known.end());
  EXPECT_EQ(full->bytes, 100000000);
  EXPECT_EQ(full->parts.train, (ByteRange{0, 90000000}));
  EXPECT_EQ(full->parts.valid, (ByteRange{90000000, 95000000}));
  EXPECT_EQ(full->parts.test, (ByteRange{95000000, 100000000}));
  EXPECT_EQ(full->sha256, "2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8");
}

TEST(ByteCorpusTest, APercentSplitCoversEveryByteOfAnySize) {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{19}, int64_t{20}, int64_t{99},
                              int64_t{101}, int64_t{123456789}, int64_t{1} << 62}) {
    const SplitRanges parts = SplitByPercent(bytes);
    EXPECT_EQ(parts.train.begin, 0);
    EXPECT_EQ(parts.train.end, parts.valid.begin);
    EXPECT_EQ(parts.valid.end, parts.test.begin);
    EXPECT_EQ(parts.test.end, bytes);
    // floor(0.9 n) and floor(0.05 n) in arithmetic that cannot overflow.
    const auto wide = static_cast<__int128>(bytes);
    EXPECT_EQ(parts.train.size(), static_cast<int64_t>(wide * 9 / 10)) << bytes;
    EXPECT_EQ(parts.valid.size(), static_cast<int64_t>(wide / 20)) << bytes;
  }
}

TEST(ByteCorpusTest, AnyOtherFileIsSplitByPercent) {
  const auto corpus = ByteCorpus::FromBytes("mine", std::string(1234, 'x'));
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ((*corpus)->identity().name, "mine");
  EXPECT_EQ((*corpus)->Range(Split::kTrain), (ByteRange{0, 1110}));     // floor(1110.6)
  EXPECT_EQ((*corpus)->Range(Split::kValid), (ByteRange{1110, 1171}));  // floor(61.7) bytes
  EXPECT_EQ((*corpus)->Range(Split::kTest), (ByteRange{1171, 1234}));
}

TEST(ByteCorpusTest, AMissingFileSaysWhatToDo) {
  const auto corpus = ByteCorpus::Open("/no/such/file");
  EXPECT_EQ(corpus.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Contains(corpus.status(), "/no/such/file")) << corpus.status();
  EXPECT_TRUE(Contains(corpus.status(), "give the path of a file of bytes")) << corpus.status();
}

TEST(ByteCorpusTest, ATruncatedFileIsDataLossWithBothSizes) {
  const auto whole = ByteCorpus::Open(Excerpt());
  ASSERT_TRUE(whole.ok());
  const auto bytes = (*whole)->Bytes({0, 3499999});
  const std::string path = WriteTemporary("truncated", std::string(bytes.begin(), bytes.end()));
  const auto corpus = ByteCorpus::Open(path, "enwik8-3500k");
  EXPECT_EQ(corpus.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Contains(corpus.status(), path)) << corpus.status();
  EXPECT_TRUE(Contains(corpus.status(), "3499999 bytes instead of 3500000")) << corpus.status();
}

TEST(ByteCorpusTest, AChangedByteIsDataLossWithBothChecksums) {
  const auto whole = ByteCorpus::Open(Excerpt());
  ASSERT_TRUE(whole.ok());
  const auto bytes = (*whole)->Bytes({0, 3500000});
  std::string changed(bytes.begin(), bytes.end());
  changed[1234567] ^= 1;
  const std::string path = WriteTemporary("changed", changed);
  const auto corpus = ByteCorpus::Open(path, "enwik8-3500k");
  EXPECT_EQ(corpus.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Contains(corpus.status(), "d066168e0ccb46603750")) << corpus.status();
  // Without a name to live up to it is just a file.
  const auto other = ByteCorpus::Open(path);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ((*other)->identity().name, "changed");
  EXPECT_EQ((*other)->identity().licence, "unknown");
}

TEST(ByteCorpusTest, UnknownNamesAreRefused) {
  EXPECT_EQ(ByteCorpus::Open(Excerpt(), "enwik9").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseSplit("train").value(), Split::kTrain);
  EXPECT_TRUE(Contains(ParseSplit("dev").status(), "train, valid, test"));
}

TEST(ByteCorpusTest, WhatHoldsNoBytesIsDataLossWithItsPath) {
  const std::string empty = WriteTemporary("empty", "");
  const std::string folder = ::testing::TempDir() + "/a_folder";
  std::filesystem::create_directories(folder);
  for (const auto& [path, reason] : {std::pair<std::string, const char*>{empty, "has no bytes"},
                                     {folder, "is a folder"},
                                     {"/dev/null", "is a device"},
                                     {"/dev/zero", "is a device"}}) {
    const absl::Status status = ByteCorpus::Open(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(Contains(status, path + ": " + reason)) << status;
    EXPECT_TRUE(Contains(status, "give the path")) << status;
  }
  EXPECT_EQ(ByteCorpus::FromBytes("made up", "").status().code(), absl::StatusCode::kDataLoss);
}

class ByteWindowsTest : public ::testing::Test {
 protected:
  ByteWindowsTest() {
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7 % 251);
    corpus_ = ByteCorpus::FromBytes("synthetic", bytes).value();
  }
  std::shared_ptr<const ByteCorpus> corpus_;
};

TEST_F(ByteWindowsTest, ASequenceIsTheBytesAtItsStart) {
  const ByteWindows windows(corpus_, {100, 900});
  std::vector<int32_t> tokens(5 * 20);
  ASSERT_TRUE(windows.Fill(3, 10, 5, 20, tokens.data()).ok());
  for (int s = 0; s < 5; ++s) {
    const int64_t start = windows.Start(3, 10 + s, 20);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(tokens[s * 20 + i], (start + i) * 7 % 251);
  }
}

TEST_F(ByteWindowsTest, ASequenceDependsOnSeedAndIndexAlone) {
  const ByteWindows windows(corpus_, corpus_->Range(Split::kTrain));
  std::vector<int32_t> together(8 * 16), alone(16), other(8 * 16);
  ASSERT_TRUE(windows.Fill(1, 0, 8, 16, together.data()).ok());
  for (int64_t s = 7; s >= 0; --s) {
    ASSERT_TRUE(windows.Fill(1, s, 1, 16, alone.data()).ok());
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + s * 16)) << s;
  }
  ASSERT_TRUE(windows.Fill(2, 0, 8, 16, other.data()).ok());
  EXPECT_NE(together, other);
}

// Values of a separate Philox in Python: a stored (seed, index) means the same bytes for ever.
TEST_F(ByteWindowsTest, StartsAreStable) {
  const ByteWindows windows(corpus_, {0, 1000});
  std::vector<int64_t> starts;
  for (int64_t s = 0; s < 4; ++s) starts.push_back(windows.Start(7, s, 32));
  starts.push_back(windows.Start(7, int64_t{1} << 33, 32));
  EXPECT_EQ(starts, (std::vector<int64_t>{926, 875, 343, 255, 233}));
}

TEST_F(ByteWindowsTest, EveryPlaceOfTheRangeIsUsedAndNoOther) {
  const ByteWindows windows(corpus_, {900, 1000});
  std::set<int64_t> starts;
  for (int64_t s = 0; s < 2000; ++s) starts.insert(windows.Start(5, s, 91));
  std::set<int64_t> all;
  for (int64_t start = 900; start <= 909; ++start) all.insert(start);
  EXPECT_EQ(starts, all);
}

TEST_F(ByteWindowsTest, StrideLeavesMultiples) {
  const ByteWindows windows(corpus_, {100, 200}, 30);
  std::set<int64_t> starts;
  for (int64_t s = 0; s < 500; ++s) starts.insert(windows.Start(5, s, 40));
  EXPECT_EQ(starts, (std::set<int64_t>{100, 130, 160}));
}

TEST_F(ByteWindowsTest, AWindowLongerThanTheRangeIsRefused) {
  const ByteWindows windows(corpus_, {900, 1000});
  std::vector<int32_t> tokens(101);
  EXPECT_TRUE(windows.CheckLength(100).ok());
  EXPECT_TRUE(windows.Fill(1, 0, 1, 100, tokens.data()).ok());
  const absl::Status status = windows.Fill(1, 0, 1, 101, tokens.data());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Contains(status, "synthetic: windows of 101 bytes")) << status;
  EXPECT_TRUE(Contains(status, "100 bytes to take them from")) << status;
  EXPECT_EQ(windows.CheckLength(101), status);
}

// The paper's training windows (C3): 2048 bytes of the first 90,000,000, every 512. Counted by
// hand: floor((90,000,000 - 2,048) / 512) + 1 places.
TEST(WindowPlacesTest, ThePaperTakesEveryByteFourTimes) {
  const WindowPlaces places{{0, 90000000}, 512};
  const int64_t count = places.Count(2048);
  EXPECT_EQ(count, 175778);
  EXPECT_EQ(places.At(0), 0);
  EXPECT_EQ(places.At(1), 512);
  EXPECT_LE(places.At(count - 1) + 2048, 90000000);
  EXPECT_GT(places.At(count) + 2048, 90000000);
  const auto windows_with = [&](int64_t byte) {
    int64_t windows = 0;
    const int64_t near = byte / 512;
    for (int64_t u = std::max<int64_t>(0, near - 8); u < std::min(count, near + 8); ++u) {
      windows += places.At(u) <= byte && byte < places.At(u) + 2048 ? 1 : 0;
    }
    return windows;
  };
  for (int64_t byte = 1536; byte < 90000000 - 2048; byte += 100003) {
    ASSERT_EQ(windows_with(byte), 4) << byte;
  }
  EXPECT_EQ(windows_with(0), 1);
  EXPECT_EQ(windows_with(511), 1);
  EXPECT_EQ(windows_with(1535), 3);
}

TEST(WindowPlacesTest, NoPlaceWhereNoWindowFits) {
  EXPECT_EQ((WindowPlaces{{10, 20}, 512}.Count(11)), 0);
  EXPECT_EQ((WindowPlaces{{10, 20}, 512}.Count(10)), 1);
  EXPECT_EQ((WindowPlaces{{10, 20}, 1}.Count(10)), 1);
  EXPECT_EQ((WindowPlaces{{10, 20}, 1}.Count(1)), 10);
}

}  // namespace
}  // namespace hourglass
