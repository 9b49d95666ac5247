#include "hourglass/base/runfiles.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace hourglass {
namespace {

namespace fs = std::filesystem;

// Works in an empty folder, without the variables that Bazel sets for a test.
class RunfilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"RUNFILES_DIR", "TEST_SRCDIR", "RUNFILES_MANIFEST_FILE"}) {
      ::unsetenv(name);
    }
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    before_ = fs::current_path();
    fs::current_path(folder_);
    SetProgramPath((folder_ / "program").string());
  }
  void TearDown() override {
    fs::current_path(before_);
    SetProgramPath("");
  }

  std::string Make(const std::string& path) {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << "x";
    return (folder_ / path).string();
  }

  fs::path folder_, before_;
};

TEST_F(RunfilesTest, FoundInTheRunfilesFolder) {
  const std::string want = Make("r/hourglass/a/b");
  ::setenv("RUNFILES_DIR", (folder_ / "r").c_str(), 1);
  EXPECT_EQ(FindRunfile("a/b").value(), want);
}

TEST_F(RunfilesTest, FoundInTheFolderOfATest) {
  const std::string want = Make("t/hourglass/a/b");
  ::setenv("TEST_SRCDIR", (folder_ / "t").c_str(), 1);
  EXPECT_EQ(FindRunfile("a/b").value(), want);
}

TEST_F(RunfilesTest, FoundBesideTheProgram) {
  const std::string want = Make("program.runfiles/hourglass/a/b");
  EXPECT_EQ(FindRunfile("a/b").value(), want);
}

TEST_F(RunfilesTest, FoundThroughTheManifest) {
  const std::string want = Make("elsewhere");
  std::ofstream(folder_ / "manifest") << "hourglass/a/bc /no\nhourglass/a/b " << want << "\n";
  ::setenv("RUNFILES_MANIFEST_FILE", (folder_ / "manifest").c_str(), 1);
  EXPECT_EQ(FindRunfile("a/b").value(), want);
}

TEST_F(RunfilesTest, FoundInTheCurrentFolder) {
  Make("a/b");
  EXPECT_EQ(FindRunfile("a/b").value(), "./a/b");
}

TEST_F(RunfilesTest, NotFoundListsThePlaces) {
  ::setenv("RUNFILES_DIR", "/some/where", 1);
  const auto found = FindRunfile("a/b");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  const std::string message(found.status().message());
  EXPECT_NE(message.find("/some/where/hourglass/a/b"), std::string::npos) << message;
  EXPECT_NE(message.find("program.runfiles"), std::string::npos) << message;
}

}  // namespace
}  // namespace hourglass
