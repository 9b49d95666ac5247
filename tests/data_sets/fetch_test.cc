// A made-up data set from a server in this process, from nothing to a verified file.
#include "experiments/data_sets/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "experiments/runner/exit_codes.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "tests/data_sets/make_zip.h"
#include "tests/support/http_server.h"

namespace hourglass {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

FileIdentity IdentityOf(const std::string& name, const std::string& bytes) {
  return {name, static_cast<int64_t>(bytes.size()), Sha256Hex(bytes)};
}

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    for (const char* variable : {"http_proxy", "all_proxy"}) ::unsetenv(variable);
    options_.folder = ::testing::TempDir() + "/fetch_test/data";
    fs::remove_all(::testing::TempDir() + "/fetch_test");
    options_.download.first_wait_ms = 1;
    options_.download.attempts = 1;
    for (int i = 0; text_.size() < 200'000; ++i) text_ += std::to_string(i * 7919) + " ";
    Publish(MakeZip({{"mini", text_}}));
  }

  // The archive is on the server and in the registry.
  void Publish(const std::string& zip) {
    served_ = zip;
    static_cast<FileIdentity&>(set_.corpus) = IdentityOf("mini", text_);
    set_.archive = IdentityOf("mini.zip", zip);
    set_.address = server_.Url("/dc/mini.zip");
  }

  absl::StatusOr<Fetched> Fetch() { return FetchDataSet(set_, options_); }
  std::string Path(const std::string& name) const { return options_.folder + "/" + name; }
  std::vector<std::string> Folder() const {
    std::vector<std::string> names;
    if (!fs::exists(options_.folder)) return names;
    for (const auto& entry : fs::directory_iterator(options_.folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  HttpReply Answer(const HttpRequest& request) const {
    HttpReply reply = ServeBytes(request, served_, "\"1\"");
    if (silent_after_ > 0) {
      reply.announced = static_cast<int64_t>(reply.body.size());
      reply.body.resize(silent_after_);
      reply.hang = true;
    }
    return reply;
  }

  std::string text_, served_;
  size_t silent_after_ = 0;  // bytes, if not 0
  HttpServer server_{[this](const HttpRequest& request) { return Answer(request); }};
  DataSet set_;
  FetchOptions options_;
};

TEST_F(FetchTest, TheFileIsThereVerifiedAndNothingElse) {
  const auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->path, Path("mini"));
  EXPECT_FALSE(fetched->already_there);
  EXPECT_EQ(fetched->downloaded, set_.archive.bytes);
  EXPECT_TRUE(ReadFile(Path("mini")).value_or("") == text_);
  EXPECT_THAT(Folder(), ElementsAre("mini"));
}

TEST_F(FetchTest, AVerifiedFileIsNotFetchedAgain) {
  ASSERT_TRUE(Fetch().ok());
  const auto again = Fetch();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_there);
  EXPECT_EQ(again->downloaded, 0);
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(FetchTest, AnInterruptedFetchGoesOn) {
  silent_after_ = 1'000;
  options_.progress = [](int64_t done, int64_t) { return done < 1'000; };
  const absl::Status stopped = Fetch().status();
  EXPECT_EQ(ExitCodeFor(stopped), kExitInterrupted) << stopped;
  EXPECT_THAT(Message(stopped), HasSubstr("the same command goes on from there"));
  EXPECT_THAT(Folder(), ElementsAre("mini.zip.part", "mini.zip.part.source"));
  silent_after_ = 0;
  options_.progress = nullptr;
  const auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->downloaded, set_.archive.bytes - 1'000);
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[1].Header("range"), "bytes=1000-");
  EXPECT_TRUE(ReadFile(Path("mini")).value_or("") == text_);
  EXPECT_THAT(Folder(), ElementsAre("mini"));
}

TEST_F(FetchTest, AWrongChecksumKeepsNothingAndTellsBoth) {
  served_ = MakeZip({{"mini", text_}});
  served_[served_.size() / 2] ^= 1;
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ExitCodeFor(status), kExitBadData);
  EXPECT_THAT(Message(status), HasSubstr(set_.archive.sha256));
  EXPECT_THAT(Message(status), HasSubstr(Sha256Hex(served_)));
  EXPECT_THAT(Message(status), HasSubstr(set_.address));
  EXPECT_THAT(Message(status), HasSubstr("nothing was kept"));
  EXPECT_THAT(Folder(), IsEmpty());
}

TEST_F(FetchTest, AnotherSizeKeepsNothing) {
  served_ = "<html>please log in</html>";
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ExitCodeFor(status), kExitBadData);
  EXPECT_THAT(Message(status), HasSubstr("login page"));
  EXPECT_THAT(Folder(), IsEmpty());
}

// A file that changed on the server between two calls, so that neither half fits the other.
TEST_F(FetchTest, AStalePartIsNotGluedToTheNewFile) {
  {
    auto part = [&] {
      fs::create_directories(options_.folder);
      return PartFile::Open(Path("mini.zip.part"));
    }();
    ASSERT_TRUE(part.ok());
    ASSERT_TRUE(part->Restart(set_.address, "\"0\"").ok());
    ASSERT_TRUE(part->Append(std::string(1'000, 'x')).ok());
  }
  const auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(ReadFile(Path("mini")).value_or("") == text_);
}

TEST_F(FetchTest, AMirrorIsAskedInstead) {
  const std::string zip = served_;
  const HttpServer mirror(
      [&](const HttpRequest& request) { return ServeBytes(request, zip, "\"m\""); });
  options_.address = mirror.Url("/copy");
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(mirror.requests().size(), 1u);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(FetchTest, NoServerSaysWhatToDoAndLeavesNothing) {
  options_.address = "http://127.0.0.1:1/mini.zip";
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ExitCodeFor(status), kExitUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("--from URL"));
  EXPECT_THAT(Message(status), HasSubstr("put mini.zip from elsewhere into " + options_.folder));
  EXPECT_THAT(Folder(), IsEmpty());
}

TEST_F(FetchTest, AnArchiveFromElsewhereIsUnpackedAndLeftAlone) {
  fs::create_directories(options_.folder);
  ASSERT_TRUE(WriteFileAtomically(Path("mini.zip"), served_).ok());
  const auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->downloaded, 0);
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_THAT(Folder(), ElementsAre("mini", "mini.zip"));
}

TEST_F(FetchTest, WhatLiesThereAndIsWrongIsNotTouched) {
  fs::create_directories(options_.folder);
  for (const std::string name : {"mini.zip", "mini"}) {
    ASSERT_TRUE(WriteFileAtomically(Path(name), "precious").ok());
    const absl::Status status = Fetch().status();
    EXPECT_EQ(ExitCodeFor(status), kExitBadData) << status;
    EXPECT_THAT(Message(status), HasSubstr(Path(name) + ": is not " + name));
    EXPECT_THAT(Message(status), HasSubstr("move it away"));
    EXPECT_EQ(ReadFile(Path(name)).value_or(""), "precious");
  }
  EXPECT_TRUE(server_.requests().empty());
}

// The archive is what the registry says, its content is not.
TEST_F(FetchTest, AnArchiveWithoutTheFileKeepsNothing) {
  for (const std::string& zip :
       {MakeZip({{"other", text_}}), MakeZip({{"../mini", text_}}), MakeZip({{"mini", "short"}}),
        MakeZip({{"mini", text_ + "more"}}), MakeZip({{"mini", std::string(text_.size(), 'x')}}),
        DamageZip(MakeZip({{"mini", text_}}))}) {
    Publish(zip);
    const absl::Status status = Fetch().status();
    EXPECT_EQ(ExitCodeFor(status), kExitBadData) << status;
    EXPECT_THAT(Message(status), HasSubstr("mini.zip"));
    EXPECT_THAT(Folder(), IsEmpty());
    EXPECT_FALSE(fs::exists(options_.folder + "/../mini"));
  }
}

// The archive fits, the unpacked file does not; with room again nothing is fetched twice.
TEST_F(FetchTest, AFullDiskWhileUnpackingKeepsTheArchive) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_LT(served_.size(), 150'000u);
  const rlimit small{.rlim_cur = 150'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Fetch().status();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(ExitCodeFor(status), kExitIoError) << status;
  EXPECT_THAT(Folder(), ElementsAre("mini.zip"));
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(FetchTest, AFolderThatCannotBeMadeIsAnIoError) {
  options_.folder = "/proc/none/data";
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ExitCodeFor(status), kExitIoError) << status;
  EXPECT_THAT(Message(status), HasSubstr("/proc/none/data"));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(FetchTest, OneAtATime) {
  fs::create_directories(options_.folder);
  const auto other = PartFile::Open(Path("mini.zip.part"));
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(ExitCodeFor(Fetch().status()), kExitTryAgain);
  EXPECT_TRUE(server_.requests().empty());
}

TEST(FetchShippedTest, TheExcerptNeedsNoFetching) {
  const auto set = FindDataSet("enwik8-3500k");
  ASSERT_TRUE(set.ok());
  const auto fetched = FetchDataSet(**set, FetchOptions());
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(fetched->already_there);
  EXPECT_THAT(fetched->path, HasSubstr("experiments/data/enwik8.first3500000"));
}

}  // namespace
}  // namespace hourglass
