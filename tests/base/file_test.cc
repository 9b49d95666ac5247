#include "hourglass/base/file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace hourglass {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "/file_test_" + info->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  size_t FilesInFolder() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  std::string folder_;
};

TEST_F(FileTest, ReadsBackEveryByte) {
  std::string bytes;
  for (int i = 0; i < 3000000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  ASSERT_TRUE(WriteFileAtomically(Path("a"), bytes).ok());
  const auto got = ReadFile(Path("a"));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(*got == bytes);
}

TEST_F(FileTest, ReadsAnEmptyFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "").ok());
  const auto got = ReadFile(Path("a"));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, "");
}

TEST_F(FileTest, MissingFileIsNotFoundWithItsPath) {
  const auto got = ReadFile(Path("missing"));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(got.status().message()).find(Path("missing")), 0u);
}

TEST_F(FileTest, FolderIsNotReadAsAFile) {
  const auto got = ReadFile(folder_);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(FileTest, WritingReplacesTheWholeFileAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "a long first content").ok());
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "short").ok());
  EXPECT_EQ(*ReadFile(Path("a")), "short");
  EXPECT_EQ(FilesInFolder(), 1u);
}

// A reader that has the old file open keeps the old content: the new one is another file that took
// over the name.
TEST_F(FileTest, WritingDoesNotTouchTheOldFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  std::ifstream open_before(Path("a"));
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "new").ok());
  std::string seen;
  open_before >> seen;
  EXPECT_EQ(seen, "old");
}

TEST_F(FileTest, NoFolderIsAnErrorWithThePath) {
  const std::string path = Path("no_folder/a");
  const absl::Status status = WriteFileAtomically(path, "x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(status.message()).find(path), 0u);
  EXPECT_FALSE(fs::exists(Path("no_folder")));
}

TEST_F(FileTest, FailedRenameLeavesNoTemporaryFile) {
  fs::create_directories(Path("taken/inside"));
  const absl::Status status = WriteFileAtomically(Path("taken"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, PiecesBecomeOneFileAtCommit) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  {
    auto file = AtomicFile::Create(Path("a"));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Append("new ").ok());
    ASSERT_TRUE(file->Append("content").ok());
    EXPECT_EQ(*ReadFile(Path("a")), "old");
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(*ReadFile(Path("a")), "new content");
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, AppendedBytesCanBeReplaced) {
  auto file = AtomicFile::Create(Path("a"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("0123456789").ok());
  ASSERT_TRUE(file->Overwrite(3, "abc").ok());
  ASSERT_TRUE(file->Append("!").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(*ReadFile(Path("a")), "012abc6789!");
}

TEST_F(FileTest, WithoutCommitNothingIsReplacedAndNothingLeft) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  {
    auto file = AtomicFile::Create(Path("a"));
    ASSERT_TRUE(file.ok()) << file.status();
    const AtomicFile moved = std::move(*file);
    EXPECT_EQ(FilesInFolder(), 2u);
  }
  EXPECT_EQ(*ReadFile(Path("a")), "old");
  EXPECT_EQ(FilesInFolder(), 1u);
}

// A limit on the size of files stands in for a full disk: the write stops in the middle.
TEST_F(FileTest, AFailedWriteKeepsTheOldFileAndLeavesNothing) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = WriteFileAtomically(Path("a"), std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()).find(Path("a")), 0u) << status;
  EXPECT_EQ(*ReadFile(Path("a")), "old");
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, MakesParentsAndAcceptsWhatExists) {
  EXPECT_TRUE(MakeDirectories(Path("x/y/z")).ok());
  EXPECT_TRUE(fs::is_directory(Path("x/y/z")));
  EXPECT_TRUE(MakeDirectories(Path("x/y/z")).ok());
  EXPECT_TRUE(MakeDirectories("").ok());
}

TEST_F(FileTest, CannotMakeAFolderInsideAFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "x").ok());
  const absl::Status status = MakeDirectories(Path("a/b"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(std::string(status.message()).find(Path("a/b")), 0u);
}

}  // namespace
}  // namespace hourglass
