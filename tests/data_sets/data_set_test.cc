#include "experiments/data_sets/data_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "experiments/runner/data_source.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/base/file.h"

namespace hourglass {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class DataSetTest : public ::testing::Test {
 protected:
  DataSetTest() {
    folder_ = ::testing::TempDir() + "/data_set_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ::setenv("HOURGLASS_DATA", folder_.c_str(), 1);
  }
  ~DataSetTest() override {
    for (const char* variable :
         {"HOURGLASS_DATA", "BUILD_WORKSPACE_DIRECTORY", "BUILD_WORKING_DIRECTORY"}) {
      ::unsetenv(variable);
    }
  }
  std::string folder_;
  const DataSet& full_ = **FindDataSet("enwik8");
};

// Published: size and SHA-256 as in experiments/data/README.md.
TEST_F(DataSetTest, TheFullFileIsAsPublished) {
  EXPECT_EQ(full_.address, "https://mattmahoney.net/dc/enwik8.zip");
  EXPECT_EQ(full_.archive.bytes, 36'445'475);
  EXPECT_EQ(full_.archive.sha256,
            "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc");
  EXPECT_EQ(full_.corpus.bytes, 100'000'000);
  EXPECT_EQ(full_.window_stride, 512);
}

TEST_F(DataSetTest, UnknownNamesListThoseThereAre) {
  const absl::Status status = FindDataSet("enwik9").status();
  EXPECT_EQ(ExitCodeFor(status), kExitMissingData);
  EXPECT_THAT(Message(status), HasSubstr("there are: enwik8, enwik8-3500k"));
}

TEST_F(DataSetTest, TheFolderIsOfTheEnvironmentElseOfTheWorkspace) {
  EXPECT_EQ(DefaultDataFolder(), folder_);
  ::setenv("BUILD_WORKING_DIRECTORY", "/caller", 1);
  ::setenv("HOURGLASS_DATA", "sets", 1);
  EXPECT_EQ(DefaultDataFolder(), "/caller/sets");
  ::unsetenv("HOURGLASS_DATA");
  ::setenv("BUILD_WORKSPACE_DIRECTORY", "/project", 1);
  EXPECT_EQ(DefaultDataFolder(), "/project/data");
  EXPECT_EQ(PathOfDataSet(full_).value(), "/project/data/enwik8");
  ::unsetenv("BUILD_WORKSPACE_DIRECTORY");
  EXPECT_EQ(DefaultDataFolder(), "data");
}

TEST_F(DataSetTest, VerifyTellsMissingFromWrong) {
  const std::string path = folder_ + "/enwik8";
  const absl::Status missing = VerifyDataSet(full_, path);
  EXPECT_EQ(ExitCodeFor(missing), kExitMissingData);
  EXPECT_THAT(Message(missing), AllOf(HasSubstr(path), HasSubstr("data fetch enwik8")));
  ASSERT_TRUE(WriteFileAtomically(path, "not it").ok());
  const absl::Status wrong = VerifyDataSet(full_, path);
  EXPECT_EQ(ExitCodeFor(wrong), kExitBadData);
  EXPECT_THAT(Message(wrong), HasSubstr("6 bytes instead of 100000000"));
  const DataSet& excerpt = **FindDataSet("enwik8-3500k");
  EXPECT_TRUE(VerifyDataSet(excerpt, PathOfDataSet(excerpt).value()).ok());
}

// Of the right size, and nothing else: a hole of 100,000,000 bytes.
TEST_F(DataSetTest, TheRightSizeIsNotEnough) {
  const std::string path = folder_ + "/enwik8";
  ASSERT_TRUE(WriteFileAtomically(path, "").ok());
  fs::resize_file(path, 100'000'000);
  const absl::Status status = VerifyDataSet(full_, path);
  EXPECT_EQ(ExitCodeFor(status), kExitBadData);
  EXPECT_THAT(Message(status), HasSubstr("SHA-256"));
}

TEST_F(DataSetTest, AFileIsRecognisedWhateverItIsCalled) {
  const std::string path = folder_ + "/some_bytes";
  const std::string excerpt = PathOfDataSet(**FindDataSet("enwik8-3500k")).value();
  fs::copy_file(excerpt, path);
  const auto known = IdentifyFile(path);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->identity.name, "enwik8-3500k");
  ASSERT_TRUE(WriteFileAtomically(path, "abc").ok());
  const absl::Status unknown = IdentifyFile(path).status();
  EXPECT_EQ(ExitCodeFor(unknown), kExitBadData);
  EXPECT_THAT(Message(unknown), HasSubstr(path + ": 3 bytes, SHA-256 ba7816bf"));
  EXPECT_THAT(Message(unknown), HasSubstr("enwik8.zip: 36445475 bytes"));
}

// The corpus of a spec.
specs::Data Corpus(const std::string& name, const std::string& path = "") {
  specs::Data data;
  data.set_corpus(name);
  if (!path.empty()) data.set_path(path);
  return data;
}

TEST_F(DataSetTest, ASpecFindsTheFetchedFileByItself) {
  const absl::Status missing = OpenCorpus(Corpus("enwik8")).status();
  EXPECT_EQ(ExitCodeFor(missing), kExitMissingData);
  EXPECT_THAT(Message(missing),
              AllOf(HasSubstr(folder_ + "/enwik8"), HasSubstr("hourglass data fetch enwik8"),
                    HasSubstr("--set data.path=FILE"), HasSubstr("--profile cpu")));
  // It is looked at there, and found wrong.
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/enwik8", "not it").ok());
  EXPECT_EQ(ExitCodeFor(OpenCorpus(Corpus("enwik8")).status()), kExitBadData);
  // A path that is given wins.
  const std::string other = folder_ + "/other";
  ASSERT_TRUE(WriteFileAtomically(other, "x").ok());
  EXPECT_THAT(Message(OpenCorpus(Corpus("enwik8", other)).status()), HasSubstr(other));
  EXPECT_TRUE(OpenCorpus(Corpus("enwik8-3500k")).ok());
}

TEST_F(DataSetTest, AFileTooShortForAWindowIsBadData) {
  const std::string path = folder_ + "/short";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(1000, 'x')).ok());
  EXPECT_TRUE(OpenCorpus(Corpus("file", path), 900).ok());
  const absl::Status status = OpenCorpus(Corpus("file", path), 901).status();
  EXPECT_EQ(ExitCodeFor(status), kExitBadData);
  EXPECT_THAT(Message(status), HasSubstr("windows of 901 bytes do not fit into the 900 bytes"));
  ASSERT_TRUE(WriteFileAtomically(path, std::string(19, 'x')).ok());
  const absl::Status tiny = OpenCorpus(Corpus("file", path), 1).status();
  EXPECT_EQ(ExitCodeFor(tiny), kExitBadData);
  EXPECT_THAT(Message(tiny), HasSubstr("too few to split"));
}

}  // namespace
}  // namespace hourglass
