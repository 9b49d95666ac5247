// The verbs about databases: db, show, list --db; and that a dirty tree must be allowed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "experiments/cli/command.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "nlohmann/json.hpp"
#include "tests/results_db/database_test.h"

namespace hourglass {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kSpec[] = R"(name: "one"
title: "one small model"
data { corpus: "synthetic" }
backend: "onednn"
replicas: 1
model { d_model: 8 d_ff: 16 n_heads: 1 dropout: 0 hierarchy: "1@1" }
training {
  batch: 1 micro_batches: 1 length: 16 steps: 2
  schedule: "warmup_cosine_once" peak_rate: 1e-2 warmup_steps: 1 log_every: 1
}
evaluation { every_steps: 2 max_windows: 1 }
cells { label: "1@1" }
)";

class DatabaseCliTest : public results::DatabaseTest {
 protected:
  int Call(const std::vector<std::string>& args) {
    out_.str("");
    err_.str("");
    CliContext context;
    context.out = &out_;
    context.err = &err_;
    context.stamp.dirty = dirty_;
    context.args = args;
    return RunCli(context);
  }
  nlohmann::json Json() const { return nlohmann::json::parse(out_.str()); }

  bool dirty_ = false;
  std::ostringstream out_, err_;
};

TEST_F(DatabaseCliTest, InitCreatesAndLeavesAlone) {
  EXPECT_EQ(Call({"db", "init", path_}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("created, schema"));
  const std::string sha256 = Sha256FileHex(path_).value();
  EXPECT_EQ(Call({"db", "init", path_, "--json"}), 0);
  EXPECT_FALSE(Json()["created"].get<bool>());
  EXPECT_EQ(Sha256FileHex(path_).value(), sha256);
  EXPECT_EQ(Call({"db", "init", folder_ / "no" / "folder.db"}), 66);
  EXPECT_EQ(Call({"db", "init", folder_}), 74);
  EXPECT_EQ(Call({"db"}), 64);
  EXPECT_EQ(Call({"db", "init"}), 64);
}

TEST_F(DatabaseCliTest, CheckSaysCleanOrNot) {
  FillSample(path_);
  EXPECT_EQ(Call({"db", "check", path_}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("note: unfinished: run "));
  EXPECT_THAT(out_.str(), HasSubstr(": clean, schema"));
  EXPECT_EQ(Call({"db", "check", path_, "--json"}), 0);
  EXPECT_TRUE(Json()["clean"].get<bool>());
  EXPECT_EQ(Json()["runs"], 6);
  Execute(path_, "DROP TRIGGER run_final_update; UPDATE run SET threads = 64 WHERE status = 'ok'");
  EXPECT_EQ(Call({"db", "check", path_}), 17);
  EXPECT_THAT(out_.str(), HasSubstr("error: hash: run 01"));
  EXPECT_THAT(out_.str(), HasSubstr("error: schema: trigger run_final_update: is missing"));
  EXPECT_THAT(out_.str(), HasSubstr("NOT CLEAN"));
}

TEST_F(DatabaseCliTest, OtherSchemasAreBadDataForEveryVerb) {
  FillSample(path_);
  const std::vector<std::vector<std::string>> calls = {
      {"db", "check", path_},
      {"db", "export", path_, "--output", folder_ / "tables"},
      {"db", "init", path_},
      {"show", "01", "--db", path_},
      {"list", "--db", path_},
      {"report", "--db", path_},
      {"run", "quickstart", "--profile", "smoke", "--db", path_, "--quiet"}};
  const struct {
    int version;
    std::string advice;
  } cases[] = {{1, "run hourglass db migrate " + path_}, {99, "update the program"}};
  for (const auto& [version, advice] : cases) {
    Execute(path_, "PRAGMA user_version = " + std::to_string(version));
    const std::string sha256 = Sha256FileHex(path_).value();
    for (const auto& call : calls) {
      EXPECT_EQ(Call(call), 65) << call[0];
      EXPECT_THAT(err_.str(), HasSubstr(advice)) << call[0];
      EXPECT_EQ(out_.str(), "") << call[0];
    }
    EXPECT_EQ(Sha256FileHex(path_).value(), sha256);
  }
  EXPECT_EQ(Call({"db", "migrate", path_}), 65) << "a newer file";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tables"));
}

TEST_F(DatabaseCliTest, MigratePrintsWhatItDid) {
  FillSample(path_);
  EXPECT_EQ(Call({"db", "migrate", path_, "--json"}), 0) << err_.str();
  EXPECT_EQ(Json()["from"], results::kSchemaVersion);
  EXPECT_TRUE(Json()["backup"].is_null());
  EXPECT_EQ(Call({"db", "migrate", folder_ / "none.db"}), 66);
}

TEST_F(DatabaseCliTest, ExportAsksBeforeItOverwrites) {
  FillSample(path_);
  const std::string tables = folder_ / "deep" / "tables";
  EXPECT_EQ(Call({"db", "export", path_, "--output", tables}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("v_result.csv  6 rows"));
  EXPECT_EQ(Call({"db", "export", path_, "--output", tables}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("--force"));
  EXPECT_EQ(Call({"db", "export", path_, "--output", tables, "--force", "--json"}), 0);
  EXPECT_EQ(Call({"db", "export", path_, "--output", tables, "--format", "xml"}), 64);
  EXPECT_EQ(Call({"db", "export", path_}), 64);
}

TEST_F(DatabaseCliTest, ShowsARunACellAndAnExperimentByPrefix) {
  FillSample(path_);
  const std::string run = Ask(path_, "SELECT run FROM v_result WHERE model = '4@1' LIMIT 1");
  ASSERT_EQ(Call({"show", run, "--db", path_, "--json"}), 0) << err_.str();
  const nlohmann::json json = Json();
  EXPECT_EQ(json["kind"], "run");
  EXPECT_EQ(json["result"]["model"], "4@1");
  EXPECT_EQ(json["provenance"]["deps_json"]["oneDNN"], "3.2.0");
  EXPECT_EQ(json["curves"][0]["last_step"], 1);
  EXPECT_EQ(json["evaluations"][0]["blocks"], 2);
  EXPECT_EQ(json["evaluations"][0]["units"], 20);
  EXPECT_EQ(json["timings"], 1);
  ASSERT_EQ(Call({"show", run, "--db", path_}), 0);
  EXPECT_THAT(out_.str(), HasSubstr(std::string(64, 'c')));
  EXPECT_THAT(out_.str(), HasSubstr("valid_bits_per_byte"));

  const std::string cell = Ask(path_, "SELECT cell FROM v_cell WHERE done_run IS NULL LIMIT 1");
  ASSERT_EQ(Call({"show", cell.substr(0, 12), "--db", path_, "--json"}), 0) << err_.str();
  EXPECT_EQ(Json()["kind"], "cell");
  EXPECT_EQ(Json()["runs"].size(), 1u);

  ASSERT_EQ(Call({"show", "sample", "--db", path_, "--json"}), 0) << err_.str();
  EXPECT_EQ(Json()["kind"], "experiment");
  EXPECT_EQ(Json()["scores"].size(), 2u);
  EXPECT_EQ(Json()["cells"].size(), 6u);
  ASSERT_EQ(Call({"show", "sample", "--db", path_}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("name: \"sample\""));
}

TEST_F(DatabaseCliTest, AnIdThatFitsSeveralOrNothingIsNotGuessed) {
  FillSample(path_);
  EXPECT_EQ(Call({"show", "01000", "--db", path_}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("fits 6 objects"));
  EXPECT_THAT(err_.str(), HasSubstr("run 01000000000000000000000003  sample, "));
  EXPECT_EQ(Call({"show", "zz", "--db", path_}), 66);
  EXPECT_EQ(Call({"show", "01", "--db", folder_ / "none.db"}), 66);
  EXPECT_EQ(Call({"show"}), 64);
}

TEST_F(DatabaseCliTest, ListsTheRunsOfADatabase) {
  FillSample(path_);
  ASSERT_EQ(Call({"list", "--db", path_, "--json"}), 0) << err_.str();
  ASSERT_EQ(Json()["runs"].size(), 6u);
  EXPECT_EQ(Json()["runs"][5]["status"], "running");
  EXPECT_EQ(Json()["runs"][0]["dirty"], 0);
  EXPECT_EQ(Json()["experiments"][0]["slug"], "sample");
  ASSERT_EQ(Call({"list", "sample", "--db", path_}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("diverged"));
  EXPECT_THAT(out_.str(), HasSubstr("clean"));
  EXPECT_EQ(Call({"list", "other", "--db", path_}), 66);
}

TEST_F(DatabaseCliTest, ADirtyTreeMustBeAllowedAndIsMarked) {
  const std::string spec = folder_ / "one.textproto";
  ASSERT_TRUE(WriteFileAtomically(spec, kSpec).ok());
  const std::vector<std::string> run = {"run", spec, "--db", path_, "--threads", "1", "--quiet"};
  dirty_ = true;
  EXPECT_EQ(Call(run), 78);
  EXPECT_THAT(err_.str(), HasSubstr("dirty work tree"));
  EXPECT_THAT(err_.str(), HasSubstr("--allow-dirty"));
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing is written before";
  std::vector<std::string> allowed = run;
  allowed.push_back("--allow-dirty");
  ASSERT_EQ(Call(allowed), 0) << err_.str();
  EXPECT_EQ(Ask(path_, "SELECT dirty FROM v_result"), "1");
  EXPECT_THAT(Ask(path_, "SELECT warnings_json FROM v_provenance"), HasSubstr("--allow-dirty"));
  EXPECT_NE(Ask(path_, "SELECT diff_bytes FROM v_provenance"), "0");
  ASSERT_EQ(Call({"list", "--db", path_}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("DIRTY"));
  EXPECT_EQ(Call({"db", "check", path_}), 0) << out_.str();
  dirty_ = false;
  EXPECT_EQ(Call(run), 0) << "a clean tree needs no flag";
}

}  // namespace
}  // namespace hourglass
