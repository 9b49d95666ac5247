#include "experiments/data_sets/part_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "hourglass/base/file.h"

namespace hourglass {
namespace {

namespace fs = std::filesystem;

class PartFileTest : public ::testing::Test {
 protected:
  PartFileTest() {
    folder_ = ::testing::TempDir() + "/part_file_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ + "/a.part";
  }
  std::string folder_, path_;
};

TEST_F(PartFileTest, AnotherProcessGoesOnWithBytesAndSource) {
  {
    auto part = PartFile::Open(path_);
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(part->size(), 0);
    EXPECT_EQ(part->url(), "");
    ASSERT_TRUE(part->Restart("http://x/a", "\"v1\"").ok());
    ASSERT_TRUE(part->Append("first ").ok());
  }
  {
    auto part = PartFile::Open(path_);
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(part->size(), 6);
    EXPECT_EQ(part->url(), "http://x/a");
    EXPECT_EQ(part->version(), "\"v1\"");
    ASSERT_TRUE(part->Append("second").ok());
    ASSERT_TRUE(part->Sync().ok());
    ASSERT_TRUE(part->MoveTo(folder_ + "/a").ok());
  }
  EXPECT_EQ(ReadFile(folder_ + "/a").value_or(""), "first second");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(PartFileTest, RestartDropsTheOldBytes) {
  auto part = PartFile::Open(path_);
  ASSERT_TRUE(part.ok());
  ASSERT_TRUE(part->Restart("http://x/a", "1").ok());
  ASSERT_TRUE(part->Append("old and long").ok());
  ASSERT_TRUE(part->Restart("http://x/b", "2").ok());
  EXPECT_EQ(part->size(), 0);
  ASSERT_TRUE(part->Append("new").ok());
  EXPECT_EQ(ReadFile(path_).value_or(""), "new");
}

TEST_F(PartFileTest, BytesOfUnknownSourceHaveNoVersion) {
  ASSERT_TRUE(WriteFileAtomically(path_, "bytes").ok());
  for (const std::string source : {"", "http://x/a", "http://x/a\n", "http://x/a\n\"v1\""}) {
    ASSERT_TRUE(WriteFileAtomically(path_ + ".source", source).ok());
    const auto part = PartFile::Open(path_);
    ASSERT_TRUE(part.ok());
    EXPECT_EQ(part->size(), 5);
    EXPECT_EQ(part->version(), "") << source;
  }
}

TEST_F(PartFileTest, OnlyOneAtATime) {
  const auto first = PartFile::Open(path_);
  ASSERT_TRUE(first.ok());
  const auto second = PartFile::Open(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAborted);
  EXPECT_NE(std::string(second.status().message()).find(path_), std::string::npos);
}

TEST_F(PartFileTest, DiscardLeavesNothing) {
  auto part = PartFile::Open(path_);
  ASSERT_TRUE(part.ok());
  ASSERT_TRUE(part->Restart("http://x/a", "1").ok());
  part->Discard();
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PartFileTest, AFolderThatIsNotThereIsAnErrorWithThePath) {
  const auto part = PartFile::Open(folder_ + "/none/a.part");
  EXPECT_EQ(part.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(part.status().message()).find("/none/a.part"), std::string::npos);
}

}  // namespace
}  // namespace hourglass
