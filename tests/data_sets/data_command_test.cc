// `hourglass data`: what it prints, and the exit code of everything that can go wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/cli/command.h"
#include "experiments/data_sets/data_set.h"
#include "hourglass/base/file.h"
#include "nlohmann/json.hpp"
#include "tests/support/http_server.h"

namespace hourglass {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

struct Result {
  int code = 0;
  std::string out, err;
  nlohmann::json Json() const { return nlohmann::json::parse(out); }
};

class DataCommandTest : public ::testing::Test {
 protected:
  DataCommandTest() {
    for (const char* variable : {"http_proxy", "all_proxy"}) ::unsetenv(variable);
    folder_ = ::testing::TempDir() + "/data_command_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ::setenv("HOURGLASS_DATA", folder_.c_str(), 1);
  }
  ~DataCommandTest() override { ::unsetenv("HOURGLASS_DATA"); }

  Result Call(std::vector<std::string> args) const {
    args.insert(args.begin(), "data");
    std::ostringstream out, err;
    CliContext context;
    context.out = &out;
    context.err = &err;
    context.args = std::move(args);
    context.stop = stop_;
    const int code = RunCli(context);
    return {code, out.str(), err.str()};
  }

  std::string folder_;
  std::function<bool()> stop_;
};

TEST_F(DataCommandTest, HelpTeachesByExample) {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"--help"},
                                               {"list", "--help"},
                                               {"fetch", "--help"},
                                               {"verify", "--help"}}) {
    const Result result = Call(args);
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out,
                AllOf(HasSubstr("Example"), HasSubstr("hourglass data "), HasSubstr("--json")));
  }
}

TEST_F(DataCommandTest, WrongUseIsUsage) {
  EXPECT_EQ(Call({}).code, 64);
  const Result verb = Call({"remove", "enwik8"});
  EXPECT_EQ(verb.code, 64);
  EXPECT_EQ(verb.err, "hourglass: no verb \"data remove\"; there are: list, fetch, verify\n");
  EXPECT_EQ(Call({"fetch"}).code, 64);
  EXPECT_EQ(Call({"verify"}).code, 64);
  EXPECT_EQ(Call({"list", "--colour"}).code, 64);
  const Result scheme = Call({"fetch", "enwik8", "--from", "/tmp/enwik8.zip"});
  EXPECT_EQ(scheme.code, 64);
  EXPECT_THAT(scheme.err, HasSubstr("http:// or https://"));
}

TEST_F(DataCommandTest, ListTellsWhatIsThere) {
  const Result text = Call({"list"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, AllOf(HasSubstr("enwik8: missing"), HasSubstr("enwik8-3500k: verified"),
                              HasSubstr("https://mattmahoney.net/dc/enwik8.zip"),
                              HasSubstr("train 0 .. 90000000, valid 90000000 .. 95000000"),
                              HasSubstr("every 512 bytes"), HasSubstr("Attribution-ShareAlike")));
  const nlohmann::json json = Call({"list", "--json"}).Json();
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["name"], "enwik8");
  EXPECT_EQ(json[0]["state"], "missing");
  EXPECT_EQ(json[0]["path"], folder_ + "/enwik8");
  EXPECT_EQ(json[0]["test"], nlohmann::json({95000000, 100000000}));
  EXPECT_EQ(json[0]["archive"]["bytes"], 36445475);
  EXPECT_EQ(json[1]["state"], "verified");
  EXPECT_FALSE(json[1].contains("archive"));
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/enwik8", "not it").ok());
  const nlohmann::json bad = Call({"list", "--json"}).Json();
  EXPECT_EQ(bad[0]["state"], "bad");
  EXPECT_THAT(bad[0]["detail"].get<std::string>(), HasSubstr("6 bytes"));
}

TEST_F(DataCommandTest, Verify) {
  const Result missing = Call({"verify", "enwik8"});
  EXPECT_EQ(missing.code, 66);
  EXPECT_EQ(missing.out, "");
  EXPECT_THAT(missing.err, StartsWith("hourglass: " + folder_ + "/enwik8: "));
  const Result unknown = Call({"verify", "enwik9"});
  EXPECT_EQ(unknown.code, 66);
  EXPECT_THAT(unknown.err, HasSubstr("no data set is called \"enwik9\""));
  const Result good = Call({"verify", "enwik8-3500k"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("is enwik8-3500k (3500000 bytes, SHA-256 d066168e"));
  const std::string path = PathOfDataSet(**FindDataSet("enwik8-3500k")).value();
  const Result file = Call({"verify", path, "--json"});
  EXPECT_EQ(file.code, 0);
  EXPECT_EQ(file.Json()["ok"], true);
  EXPECT_EQ(file.Json()["data_set"], "enwik8-3500k");
}

TEST_F(DataCommandTest, VerifyOfAWrongFileIsBadDataInBothForms) {
  const std::string path = folder_ + "/enwik8";
  ASSERT_TRUE(WriteFileAtomically(path, "not it").ok());
  EXPECT_EQ(Call({"verify", "enwik8"}).code, 65);
  EXPECT_EQ(Call({"verify", folder_}).code, 65);
  const Result result = Call({"verify", path, "--json"});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.Json()["ok"], false);
  EXPECT_THAT(result.Json()["error"].get<std::string>(), HasSubstr("6 bytes, SHA-256"));
  EXPECT_THAT(result.err, HasSubstr("that is none of"));
}

TEST_F(DataCommandTest, FetchOfWhatIsNoDataSet) {
  const Result result = Call({"fetch", "enwik9"});
  EXPECT_EQ(result.code, 66);
  EXPECT_THAT(result.err, HasSubstr("there are: enwik8, enwik8-3500k"));
}

TEST_F(DataCommandTest, FetchOfWhatShips) {
  const Result result = Call({"fetch", "enwik8-3500k", "--json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.Json()["already_there"], true);
  EXPECT_EQ(result.Json()["downloaded_bytes"], 0);
}

TEST_F(DataCommandTest, FetchOfTheWrongFileAndOfNoFile) {
  const HttpServer server([](const HttpRequest& request) {
    HttpReply reply;
    reply.code = request.target == "/enwik8.zip" ? 200 : 404;
    reply.body = "<html></html>";
    return reply;
  });
  const Result wrong =
      Call({"fetch", "enwik8", "--from", server.Url("/enwik8.zip"), "--to", folder_ + "/new"});
  EXPECT_EQ(wrong.code, 65);
  EXPECT_THAT(wrong.err, HasSubstr("offers 13 bytes instead of 36445475"));
  EXPECT_TRUE(fs::is_empty(folder_ + "/new"));
  const Result none = Call({"fetch", "enwik8", "--from", server.Url("/moved")});
  EXPECT_EQ(none.code, 69);
  EXPECT_THAT(none.err, AllOf(HasSubstr("code 404"), HasSubstr("--from URL")));
  EXPECT_EQ(none.out, "");
  EXPECT_TRUE(fs::exists(folder_ + "/new") && !fs::exists(folder_ + "/enwik8"));
}

TEST_F(DataCommandTest, FetchIntoAFolderThatCannotBe) {
  EXPECT_EQ(Call({"fetch", "enwik8", "--from", "http://127.0.0.1:1/x", "--to", "/proc/none"}).code,
            74);
}

TEST_F(DataCommandTest, ASignalStopsAFetchAndKeepsThePart) {
  const HttpServer server([](const HttpRequest&) {
    HttpReply reply;
    reply.headers.emplace_back("ETag", "\"1\"");
    reply.body = std::string(5'000, 'x');
    reply.announced = 36'445'475;
    reply.hang = true;
    return reply;
  });
  const std::string part = folder_ + "/enwik8.zip.part";
  stop_ = [&] { return fs::exists(part) && fs::file_size(part) == 5'000; };
  const Result result = Call({"fetch", "enwik8", "--from", server.Url("/enwik8.zip")});
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("5000 of 36445475 bytes are in " + part));
  EXPECT_EQ(fs::file_size(part), 5'000u);
}

}  // namespace
}  // namespace hourglass
