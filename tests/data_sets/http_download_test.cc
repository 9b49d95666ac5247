// Against a server in this process: what is asked for, what is kept, what failures are called.
#include "experiments/data_sets/http_download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "experiments/runner/exit_codes.h"
#include "hourglass/base/file.h"
#include "tests/support/http_server.h"

namespace hourglass {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string SomeBytes(size_t count, int salt) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>((i * 31 + i / 251 + salt) % 251);
  return bytes;
}

class HttpDownloadTest : public ::testing::Test {
 protected:
  HttpDownloadTest() {
    for (const char* variable : {"http_proxy", "all_proxy", "no_proxy"}) ::unsetenv(variable);
    folder_ = ::testing::TempDir() + "/http_download_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ + "/file.part";
    settings_.first_wait_ms = 1;
    settings_.attempts = 3;
  }
  ~HttpDownloadTest() override { ::unsetenv("http_proxy"); }

  // Downloads the way a new process would.
  absl::StatusOr<int64_t> Get(const std::string& url, size_t expected) {
    auto part = PartFile::Open(path_);
    EXPECT_TRUE(part.ok()) << part.status();
    return Download(url, static_cast<int64_t>(expected), settings_, progress_, *part);
  }
  std::string Kept() const { return ReadFile(path_).value_or(""); }

  // As a process that was interrupted after `kept` of the bytes leaves it.
  void LeavePart(const std::string& url, const std::string& version, const std::string& kept) {
    auto part = PartFile::Open(path_);
    ASSERT_TRUE(part.ok());
    ASSERT_TRUE(part->Restart(url, version).ok());
    ASSERT_TRUE(part->Append(kept).ok());
  }

  std::string folder_, path_;
  DownloadSettings settings_;
  DownloadProgress progress_;
  const std::string bytes_ = SomeBytes(300'000, 0);
};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

TEST_F(HttpDownloadTest, TheWholeFile) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  const auto received = Get(server.Url("/dc/file"), bytes_.size());
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, 300'000);
  EXPECT_TRUE(Kept() == bytes_);
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].method, "GET");
  EXPECT_EQ(server.requests()[0].target, "/dc/file");
  EXPECT_EQ(server.requests()[0].Header("range"), "");
}

// The connection breaks in the middle of a try; the next one asks for the rest alone.
TEST_F(HttpDownloadTest, ABrokenConnectionIsResumedWithARange) {
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "\"a\"");
    if (count++ == 0) {
      reply.announced = static_cast<int64_t>(bytes_.size());
      reply.body.resize(100'000);
    }
    return reply;
  });
  const auto received = Get(server.Url("/file"), bytes_.size());
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_TRUE(Kept() == bytes_);
  EXPECT_EQ(*received, 300'000);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].Header("range"), "bytes=100000-");
  EXPECT_EQ(server.requests()[1].Header("if-range"), "\"a\"");
}

TEST_F(HttpDownloadTest, AnEarlierPartIsResumedAndOnlyTheRestReceived) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  LeavePart(server.Url("/file"), "\"a\"", bytes_.substr(0, 299'000));
  const auto received = Get(server.Url("/file"), bytes_.size());
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(*received, 1'000);
  EXPECT_TRUE(Kept() == bytes_);
  EXPECT_EQ(server.requests()[0].Header("range"), "bytes=299000-");
}

TEST_F(HttpDownloadTest, ACompletePartAsksForNothing) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  LeavePart(server.Url("/file"), "\"a\"", bytes_);
  EXPECT_EQ(Get(server.Url("/file"), bytes_.size()).value(), 0);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpDownloadTest, AServerWithoutRangesSendsAllOfItAgain) {
  HttpServer server([&](const HttpRequest&) {
    HttpReply reply;
    reply.headers.emplace_back("ETag", "\"a\"");
    reply.body = bytes_;
    return reply;
  });
  LeavePart(server.Url("/file"), "\"a\"", bytes_.substr(0, 1'000));
  EXPECT_EQ(Get(server.Url("/file"), bytes_.size()).value(), 300'000);
  EXPECT_TRUE(Kept() == bytes_);
}

// The old half must not be glued to the rest of the new file.
TEST_F(HttpDownloadTest, AFileThatChangedMeanwhileIsTakenFromItsBeginning) {
  const std::string changed = SomeBytes(300'000, 7);
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, changed, "\"b\""); });
  LeavePart(server.Url("/file"), "\"a\"", bytes_.substr(0, 200'000));
  EXPECT_EQ(Get(server.Url("/file"), changed.size()).value(), 300'000);
  EXPECT_TRUE(Kept() == changed);
  EXPECT_EQ(server.requests()[0].Header("if-range"), "\"a\"");
}

TEST_F(HttpDownloadTest, WithoutAnETagTheDateIsTheVersion) {
  const std::string date = "Fri, 03 Mar 2006 12:00:00 GMT";
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "");
    reply.headers = {{"Last-Modified", date}};
    if (request.Header("range") == "bytes=5000-" && request.Header("if-range") == date) {
      reply.headers.emplace_back("Content-Range", "bytes 5000-299999/300000");
    }
    if (count++ == 0) {
      reply.announced = static_cast<int64_t>(bytes_.size());
      reply.body.resize(5'000);
    }
    return reply;
  });
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].Header("if-range"), date);
}

// A weak ETag says that two versions are as good as equal, not that their bytes are.
TEST_F(HttpDownloadTest, NothingIsResumedWithoutAVersionThatIsSure) {
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "W/\"a\"");
    if (count++ == 0) {
      reply.announced = static_cast<int64_t>(bytes_.size());
      reply.body.resize(5'000);
    }
    return reply;
  });
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].Header("range"), "");
}

TEST_F(HttpDownloadTest, BytesFromAnotherAddressAreNotResumed) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  LeavePart("http://elsewhere.example/file", "\"a\"", SomeBytes(1'000, 9));
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  EXPECT_EQ(server.requests()[0].Header("range"), "");
}

TEST_F(HttpDownloadTest, ARangeThatWasNotAskedForIsNotAppended) {
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "\"a\"");
    if (count++ == 0) {
      reply.headers.back() = {"Content-Range", "bytes 7-299999/300000"};
      reply.body = bytes_.substr(7);
    }
    return reply;
  });
  LeavePart(server.Url("/file"), "\"a\"", bytes_.substr(0, 1'000));
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].Header("range"), "");
}

TEST_F(HttpDownloadTest, APartLongerThanTheFileStartsAfresh) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  LeavePart(server.Url("/file"), "\"a\"", bytes_ + "more");
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
}

// Each try brings the same half, since this server knows no ranges: given up after three.
TEST_F(HttpDownloadTest, ATruncatedBodyIsNoFile) {
  HttpServer server([&](const HttpRequest&) {
    HttpReply reply;
    reply.headers.emplace_back("ETag", "\"a\"");
    reply.announced = static_cast<int64_t>(bytes_.size());
    reply.body = bytes_.substr(0, 1'000);
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), bytes_.size()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(server.requests().size(), 4u);  // one that got further, three that did not
  EXPECT_EQ(Kept().size(), 1'000u);
}

TEST_F(HttpDownloadTest, ABodyOfUnknownLengthThatEndsEarlyIsResumed) {
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "\"a\"");
    if (count++ == 0) {
      reply.announced = -1;
      reply.body.resize(1'000);
    }
    return reply;
  });
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].Header("range"), "bytes=1000-");
}

TEST_F(HttpDownloadTest, AFileOfAnotherSizeIsRefusedAtItsHead) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  for (const size_t expected : {bytes_.size() + 1, bytes_.size() - 1}) {
    const absl::Status status = Get(server.Url("/file"), expected).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Text(status),
                HasSubstr("offers 300000 bytes instead of " + std::to_string(expected)));
    EXPECT_EQ(Kept(), "");
  }
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpDownloadTest, ABodyOfUnknownLengthStopsWhereTheFileMustEnd) {
  HttpServer server([&](const HttpRequest&) {
    HttpReply reply;
    reply.body = bytes_;
    reply.announced = -1;
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), 1'000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_LE(Kept().size(), 1'000u);
}

TEST_F(HttpDownloadTest, RedirectsAreFollowed) {
  HttpServer server([&](const HttpRequest& request) {
    if (request.target == "/here") return ServeBytes(request, bytes_, "\"a\"");
    HttpReply reply;
    reply.code = 302;
    reply.headers.emplace_back("Location", request.target == "/old" ? "/newer" : "/here");
    reply.body = "<html>moved</html>";
    return reply;
  });
  LeavePart(server.Url("/old"), "\"a\"", bytes_.substr(0, 1'000));
  EXPECT_EQ(Get(server.Url("/old"), bytes_.size()).value(), 299'000);
  EXPECT_TRUE(Kept() == bytes_);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(HttpDownloadTest, ARedirectLoopIsGivenUp) {
  HttpServer server([](const HttpRequest&) {
    HttpReply reply;
    reply.code = 301;
    reply.headers.emplace_back("Location", "/again");
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr("redirects"));
  EXPECT_EQ(server.requests().size(), 11u);  // ten redirects, once
}

TEST_F(HttpDownloadTest, ARedirectLeavesHttpForNothingElse) {
  const std::string secret = folder_ + "/secret";
  ASSERT_TRUE(WriteFileAtomically(secret, "0123456789").ok());
  HttpServer server([&](const HttpRequest&) {
    HttpReply reply;
    reply.code = 302;
    reply.headers.emplace_back("Location", "file://" + secret);
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), 10).status();
  EXPECT_THAT(Text(status), HasSubstr("not supported"));
  EXPECT_EQ(Kept(), "");
}

TEST_F(HttpDownloadTest, NotFoundIsFinalAndItsPageIsNotKept) {
  HttpServer server([](const HttpRequest&) {
    HttpReply reply;
    reply.code = 404;
    reply.body = "<html>no</html>";
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), 15).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr(server.Url("/file") + ": the server answers with code 404"));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(Kept(), "");
}

TEST_F(HttpDownloadTest, AServerErrorIsTriedAgain) {
  int count = 0;
  HttpServer server([&](const HttpRequest& request) {
    if (count++ >= 2) return ServeBytes(request, bytes_, "\"a\"");
    HttpReply reply;
    reply.code = count == 1 ? 500 : 503;
    reply.body = "busy";
    return reply;
  });
  ASSERT_TRUE(Get(server.Url("/file"), bytes_.size()).ok());
  EXPECT_TRUE(Kept() == bytes_);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(HttpDownloadTest, AServerErrorForEverIsGivenUpAndKeepsThePart) {
  HttpServer server([](const HttpRequest&) {
    HttpReply reply;
    reply.code = 500;
    return reply;
  });
  LeavePart(server.Url("/file"), "\"a\"", bytes_.substr(0, 1'000));
  const absl::Status status = Get(server.Url("/file"), bytes_.size()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr("code 500"));
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(Kept().size(), 1'000u);
}

TEST_F(HttpDownloadTest, SilenceIsGivenUpAndKeepsThePart) {
  settings_.stall_timeout_ms = 150;
  settings_.attempts = 1;
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "\"a\"");
    reply.announced = static_cast<int64_t>(reply.body.size());
    reply.body.resize(request.Header("range").empty() ? 1'000 : 0);
    reply.hang = true;
    return reply;
  });
  const absl::Status status = Get(server.Url("/file"), bytes_.size()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(Text(status), HasSubstr("no byte for 0.15 s"));
  EXPECT_EQ(Kept().size(), 1'000u);
  // The first try gets further, so there is a second one.
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpDownloadTest, NoServerIsSaidAtOnce) {
  std::string url;
  {
    const HttpServer server([](const HttpRequest&) { return HttpReply(); });
    url = server.Url("/file");
  }
  settings_.first_wait_ms = 60'000;  // waiting would time the test out
  const absl::Status status = Get(url, 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr(url));
}

TEST_F(HttpDownloadTest, ProgressCanStopItAndThePartIsKept) {
  HttpServer server([&](const HttpRequest& request) {
    HttpReply reply = ServeBytes(request, bytes_, "\"a\"");
    if (request.Header("range").empty()) {
      reply.announced = static_cast<int64_t>(bytes_.size());
      reply.body.resize(1'000);
      reply.hang = true;
    }
    return reply;
  });
  progress_ = [](int64_t done, int64_t total) {
    EXPECT_EQ(total, 300'000);
    return done < 1'000;
  };
  EXPECT_EQ(Get(server.Url("/file"), bytes_.size()).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Kept().size(), 1'000u);
  progress_ = nullptr;
  EXPECT_EQ(Get(server.Url("/file"), bytes_.size()).value(), 299'000);
  EXPECT_TRUE(Kept() == bytes_);
}

TEST_F(HttpDownloadTest, WaitingBetweenTriesCanBeStopped) {
  settings_.first_wait_ms = 60'000;
  HttpServer server([](const HttpRequest&) {
    HttpReply reply;
    reply.code = 503;
    return reply;
  });
  progress_ = [&](int64_t, int64_t) { return server.requests().empty(); };
  EXPECT_EQ(Get(server.Url("/file"), 10).status().code(), absl::StatusCode::kCancelled);
}

// A limit on the size of files stands in for a full disk.
TEST_F(HttpDownloadTest, AFullDiskKeepsWhatFitted) {
  HttpServer server(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Get(server.Url("/file"), bytes_.size()).status();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(Text(status), HasSubstr(path_ + ": cannot write"));
  EXPECT_EQ(Kept().size(), 100'000u);
  EXPECT_EQ(Get(server.Url("/file"), bytes_.size()).value(), 200'000);
  EXPECT_TRUE(Kept() == bytes_);
}

TEST_F(HttpDownloadTest, TheProxyOfTheEnvironmentIsAsked) {
  HttpServer proxy(
      [&](const HttpRequest& request) { return ServeBytes(request, bytes_, "\"a\""); });
  ::setenv("http_proxy", proxy.Url("").c_str(), 1);
  ASSERT_TRUE(Get("http://data.example/file", bytes_.size()).ok());
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_EQ(proxy.requests()[0].target, "http://data.example/file");
}

TEST_F(HttpDownloadTest, OnlyHttpAddresses) {
  for (const std::string url : {"ftp://127.0.0.1/file", "file:///etc/passwd", "no address"}) {
    const absl::Status status = Get(url, 10).status();
    EXPECT_EQ(ExitCodeFor(status), kExitUsage) << status;
    EXPECT_THAT(Text(status), HasSubstr(url));
  }
}

}  // namespace
}  // namespace hourglass
