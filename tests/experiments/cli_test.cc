// The command line: what bad input gets, what good input prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "absl/strings/str_format.h"
#include "experiments/cli/command.h"
#include "hourglass/base/file.h"
#include "hourglass/base/runfiles.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Result {
  int code = 0;
  std::string out, err;
  nlohmann::json Json() const { return nlohmann::json::parse(out); }
};

Result Call(const std::vector<std::string>& args) {
  std::ostringstream out, err;
  CliContext context;
  context.out = &out;
  context.err = &err;
  context.args = args;
  context.stamp.dirty = false;
  const int code = RunCli(context);
  return {code, out.str(), err.str()};
}

// Times of such a build say nothing, so `bench` refuses.
#ifdef NDEBUG
constexpr bool kDebugBuild = false;
#else
constexpr bool kDebugBuild = true;
#endif

std::string Fixture(const std::string& name) {
  return FindRunfile("tests/golden/parity/" + name + ".safetensors").value();
}

TEST(CliErrorsTest, UnknownVerb) {
  const Result result = Call({"trian"});
  EXPECT_EQ(result.code, 64);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(
      result.err,
      StartsWith("hourglass: no verb \"trian\"; there are: list, plan, run, bench, check, "));
}

TEST(CliErrorsTest, NoVerbAndUnknownFlag) {
  EXPECT_EQ(Call({}).code, 64);
  const Result result = Call({"list", "--colour"});
  EXPECT_EQ(result.code, 64);
  EXPECT_THAT(result.err, HasSubstr("--colour"));
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(Call({"plan"}).code, 64);
  EXPECT_EQ(Call({"report"}).code, 64);
  EXPECT_EQ(Call({"bench", "--steps", "many"}).code, 64);
}

TEST(CliErrorsTest, BadHierarchySaysWhatARightOneLooksLike) {
  const Result result = Call({"bench", "--hierarchy", "2@1 8@3 2@2"});
  EXPECT_EQ(result.code, 78);
  EXPECT_THAT(result.err, StartsWith("hourglass: "));
  EXPECT_THAT(result.err, HasSubstr("\"2@1 8@3 2@2\""));
  EXPECT_THAT(result.err, HasSubstr("a hierarchy looks like \"2@1 8@3 2@1\""));
}

TEST(CliErrorsTest, UnknownExperimentProfileAndField) {
  EXPECT_EQ(Call({"plan", "nothing"}).code, 64);
  EXPECT_EQ(Call({"plan", "quickstart", "--profile", "huge"}).code, 64);
  const Result field = Call({"plan", "quickstart", "--set", "model.depth=3"});
  EXPECT_EQ(field.code, 78);
  EXPECT_THAT(field.err, HasSubstr("no field \"depth\"; there are: vocab_size, d_model"));
}

TEST(CliErrorsTest, MissingFiles) {
  EXPECT_EQ(Call({"bench", "--data", "/nonexistent/bytes"}).code, 66);
  EXPECT_EQ(Call({"eval", "/nonexistent/run.safetensors"}).code, 66);
  EXPECT_EQ(Call({"report", "--db", "/nonexistent/results.db"}).code, 66);
  EXPECT_EQ(Call({"check", "--fixture", "/nonexistent/x.safetensors"}).code, 66);
  const Result full = Call({"run", "enwik8/table1", "--profile", "paper", "--db",
                            testing::TempDir() + "/paper.db", "--quiet"});
  EXPECT_EQ(full.code, 66);
  EXPECT_THAT(full.err, HasSubstr("--set data.path=FILE"));
}

// A step whose loss is not finite leaves out the update and would pass for a fast one.
TEST(CliErrorsTest, BenchTimesNoTrainingThatDiverges) {
  const Result result =
      Call({"bench", "--hierarchy", "1@1", "--d_model", "16",   "--d_ff",      "32", "--heads",
            "2",     "--length",    "16",  "--batch",   "1",    "--threads",   "1",  "--steps",
            "5",     "--warmup",    "0",   "--lr",      "1e30", "--lr_warmup", "0"});
  EXPECT_EQ(result.code, 18);
  EXPECT_THAT(result.err, HasSubstr("diverged at step 2: loss"));
  EXPECT_EQ(result.out, "");
}

TEST(CliErrorsTest, BenchSaysWhatItDoesWithoutData) {
  const Result result = Call({"bench", "--data", "/nonexistent/bytes"});
  EXPECT_THAT(result.err, HasSubstr("leave out --data for random bytes"));
}

TEST(CliErrorsTest, AnEmptyPathIsNotTheDefault) {
  for (const std::vector<std::string>& call : std::vector<std::vector<std::string>>{
           {"run", "quickstart", "--profile", "smoke", "--db", ""},
           {"report", "quickstart", "--db", ""},
           {"list", "--db", ""},
           {"show", "quickstart", "--db", ""},
           {"db", "init", ""}}) {
    const Result result = Call(call);
    EXPECT_EQ(result.code, 64) << call[0];
    EXPECT_THAT(result.err, HasSubstr("is empty; name a file")) << call[0];
  }
}

TEST(CliHelpTest, VersionNamesCommitAndLibraries) {
  const Result result = Call({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, StartsWith("hourglass, commit unknown\noneDNN 3."));
  EXPECT_THAT(result.out, HasSubstr("\nSQLite 3."));
  EXPECT_EQ(result.err, "");
}

TEST(CliErrorsTest, BrokenFilesAreBadData) {
  const std::string path = testing::TempDir() + "/broken.safetensors";
  ASSERT_TRUE(WriteFileAtomically(path, "not a tensor file").ok());
  EXPECT_EQ(Call({"eval", path}).code, 65);
  EXPECT_EQ(Call({"check", "--fixture", path}).code, 65);
  const std::string database = testing::TempDir() + "/broken.db";
  ASSERT_TRUE(WriteFileAtomically(database, std::string(5000, 'x')).ok());
  EXPECT_EQ(Call({"report", "--db", database}).code, 65);
  const std::string short_file = testing::TempDir() + "/enwik8";
  ASSERT_TRUE(WriteFileAtomically(short_file, "too short").ok());
  EXPECT_EQ(Call({"run", "enwik8/table1", "--set", "data.path=" + short_file, "--db",
                  testing::TempDir() + "/bad.db", "--quiet"})
                .code,
            65);
}

TEST(CliErrorsTest, WhatIsNotBuiltIsUnavailable) {
  EXPECT_EQ(Call({"bench", "--attention", "lsh"}).code, 69);
  EXPECT_EQ(Call({"bench", "--backend", "cuda"}).code, 69);
  EXPECT_EQ(Call({"bench", "--backend", "tpu"}).code, 64);
  EXPECT_EQ(Call({"bench", "--attention", "psychic"}).code, 78);
}

TEST(CliErrorsTest, AnUnwritableDatabaseIsAnIoError) {
  EXPECT_EQ(
      Call({"run", "quickstart", "--profile", "smoke", "--db", "/proc/none/results.db", "--quiet"})
          .code,
      74);
}

TEST(CliHelpTest, EveryVerbTeachesByExample) {
  for (const char* verb :
       {"list", "plan", "run", "bench", "check", "eval", "report", "show", "db", "env"}) {
    const Result result = Call({verb, "--help"});
    EXPECT_EQ(result.code, 0) << verb;
    // Behind the heading: the usage line names the verb too.
    const size_t examples = result.out.find("Example");
    ASSERT_NE(examples, std::string::npos) << verb;
    EXPECT_THAT(result.out.substr(examples), HasSubstr(std::string("hourglass ") + verb)) << verb;
    EXPECT_THAT(result.out, HasSubstr("--json")) << verb;
    EXPECT_EQ(result.err, "") << verb;
  }
  EXPECT_THAT(Call({"--help"}).out, HasSubstr("Exit codes: 0 ok, 17 verification failed"));
}

TEST(CliListTest, ListsExperimentsInBothForms) {
  EXPECT_THAT(Call({"list"}).out, HasSubstr("enwik8/table1"));
  const nlohmann::json json = Call({"list", "--json"}).Json();
  ASSERT_EQ(json["experiments"].size(), 4u);
  EXPECT_EQ(json["experiments"][2]["name"], "enwik8/table1");
  EXPECT_EQ(json["experiments"][2]["cells"].size(), 15u);
  EXPECT_THAT(Call({"list", "--fields"}).out, HasSubstr("training.steps  int64"));
}

TEST(CliPlanTest, OneJsonObjectPerCell) {
  const Result result = Call({"plan", "enwik8/table1", "--profile", "paper", "--json"});
  EXPECT_EQ(result.code, 0);
  const nlohmann::json json = result.Json();
  ASSERT_EQ(json.size(), 15u);
  EXPECT_EQ(json[0]["hierarchy"], "6@1");
  EXPECT_EQ(json[0]["parameters"], 20754688);
  EXPECT_EQ(json[0]["batch"], 8);
  for (const char* name : {"needed", "dense", "dense_trax"}) {
    EXPECT_GT(json[0]["forward_flops_per_byte"][name].get<double>(), 5e7);
    EXPECT_GT(json[0]["training_flops_per_byte"][name].get<double>(), 1.5e8);
  }
  EXPECT_GT(json[0]["memory_bytes"].get<int64_t>(), 1e9);
  EXPECT_EQ(json[0]["paper"]["bits_per_byte"], 1.182);
}

TEST(CliPlanTest, PrintConfigIsASpec) {
  const Result result = Call({"plan", "quickstart", "--print-config", "--set", "model.d_model=96"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("d_model: 96"));
}

TEST(CliBenchTest, PrintsEveryFieldOfThePeer) {
  const Result result = Call({"bench",       "--hierarchy",
                              "1@1 1@3 1@1", "--d_model",
                              "16",          "--d_ff",
                              "32",          "--heads",
                              "2",           "--vocabulary",
                              "50",          "--attention",
                              "softmax",     "--middle_attention",
                              "relative",    "--shortening",
                              "attention",   "--shortening_query",
                              "linear",      "--upsampling",
                              "attention",   "--upsampling_query",
                              "linear",      "--dropout",
                              "0.1",         "--length",
                              "20",          "--batch",
                              "2",           "--dtype",
                              "f32",         "--threads",
                              "1",           "--steps",
                              "4",           "--warmup",
                              "1",           "--lr",
                              "1e-3",        "--lr_warmup",
                              "5",           "--lr_cycle",
                              "10",          "--seed",
                              "3",           "--profile_ops",
                              "--json"});
  if (kDebugBuild) {
    EXPECT_EQ(result.code, 78) << result.err;
    return;
  }
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
  const nlohmann::json json = result.Json();
  for (const char* field : {"model",
                            "length",
                            "batch",
                            "dtype",
                            "compile",
                            "threads",
                            "steps",
                            "parameters",
                            "train_tokens_per_s",
                            "forward_tokens_per_s",
                            "train_ms_p20",
                            "train_ms_median",
                            "forward_ms_p20",
                            "forward_ms_median",
                            "peak_rss_mb",
                            "last_loss",
                            "cpu",
                            "library",
                            "planned_mb",
                            "needed_train_flops",
                            "executed_train_flops",
                            "needed_train_gflop_per_s",
                            "needed_forward_gflop_per_s",
                            "isa",
                            "highway_target",
                            "state_mb",
                            "huge_pages",
                            "huge_pages_mb",
                            "product_peak",
                            "memory_peak",
                            "train_product_peak_share",
                            "forward_product_peak_share",
                            "train_spread",
                            "train_drift",
                            "forward_spread",
                            "forward_drift",
                            "load_average_at_start",
                            "warnings",
                            "ops",
                            "forward_ops"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  for (const char* field :
       {"hierarchy", "d_model", "d_ff", "heads", "attention", "middle_attention", "shortening",
        "shortening_query", "upsampling", "upsampling_query", "dropout"}) {
    EXPECT_TRUE(json["model"].contains(field)) << field;
  }
  EXPECT_EQ(json["model"]["middle_attention"], "relative");
  EXPECT_GT(json["train_tokens_per_s"].get<double>(), 0);
  EXPECT_LE(json["train_ms_p20"].get<double>(), json["train_ms_median"].get<double>());
  EXPECT_NEAR(json["last_loss"].get<double>(), std::log(50.0), 1.0);
  EXPECT_LE(json["needed_train_flops"].get<int64_t>(), json["executed_train_flops"].get<int64_t>());
  EXPECT_GT(json["ops"].size(), 5u);
  EXPECT_GT(json["forward_ops"].size(), 5u);
  double shares = 0;
  for (const nlohmann::json& op : json["ops"]) shares += op["share"].get<double>();
  EXPECT_NEAR(shares, 1, 1e-9);
  // Before the first timed step is over nothing is measured; then after 1, 2 and 4, and at the end.
  EXPECT_EQ(json["product_peak"]["rounds"].size(), 4u);
  EXPECT_NEAR(json["train_product_peak_share"].get<double>(),
              json["needed_train_gflop_per_s"].get<double>() /
                  json["product_peak"]["gflop_per_s"].get<double>(),
              1e-12);
}

TEST(CliBenchTest, PrintsTablesForPeople) {
  std::vector<std::string> args = {
      "bench",   "--hierarchy", "1@1",      "--d_model", "16",      "--d_ff",    "32",
      "--heads", "2",           "--length", "16",        "--batch", "2",         "--threads",
      "1",       "--steps",     "1",        "--warmup",  "0",       "--backend", "reference"};
  const Result result = Call(args);
  if (kDebugBuild) {
    EXPECT_EQ(result.code, 78) << result.err;
    return;
  }
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("1@1, d_model 16, d_ff 32, 2 heads"));
  EXPECT_THAT(result.out, HasSubstr("\ntraining step "));
  EXPECT_THAT(result.out, HasSubstr("\nforward pass "));
  EXPECT_THAT(result.out, testing::Not(HasSubstr("product peak ")))
      << "there is no roofline of the reference";
  EXPECT_THAT(result.out, testing::Not(HasSubstr("implementation")));
  args.push_back("--profile_ops");
  EXPECT_THAT(Call(args).out, HasSubstr("implementation"));
}

TEST(CliBenchTest, RecomputesWhatItIsTold) {
  const std::vector<std::string> model = {
      "bench",   "--hierarchy", "3@1",      "--d_model", "32",      "--d_ff", "64",
      "--heads", "2",           "--length", "128",       "--batch", "2",      "--threads",
      "1",       "--steps",     "1",        "--warmup",  "0",       "--json"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = model;
    args.insert(args.end(), more.begin(), more.end());
    return Call(args);
  };
  const nlohmann::json plain = with({}).Json();
  EXPECT_TRUE(plain["recomputed"].empty());
  const nlohmann::json blocks = with({"--recompute", "blocks"}).Json();
  EXPECT_EQ(blocks["recomputed"], (std::vector<std::string>{"pre.0", "pre.1", "pre.2"}));
  EXPECT_EQ(blocks["last_loss"], plain["last_loss"]);
  EXPECT_LT(blocks["planned_mb"].get<double>(), plain["planned_mb"].get<double>());
  EXPECT_GT(blocks["executed_train_flops"].get<int64_t>(),
            plain["executed_train_flops"].get<int64_t>());
  EXPECT_EQ(blocks["needed_train_flops"], plain["needed_train_flops"]);
  const Result unknown = with({"--recompute", "middle"});
  EXPECT_EQ(unknown.code, 78);
  EXPECT_THAT(unknown.err, HasSubstr("there are: elementwise, blocks, levels, pre, pre.0"));
  EXPECT_EQ(with({"--memory-limit", "100K"}).code, 78);
  EXPECT_EQ(with({"--memory-limit", "plenty"}).code, 78);
  EXPECT_EQ(with({"--memory-limit", "1G"}).Json()["recomputed"], plain["recomputed"]);
}

TEST(CliPlanTest, TheTableShowsMemoryInMebibytes) {
  const double bytes =
      Call({"plan", "quickstart", "--json"}).Json()[0]["memory_bytes"].get<double>();
  const Result table = Call({"plan", "quickstart"});
  EXPECT_THAT(table.out, HasSubstr(" MiB  mismatch\n"));
  EXPECT_THAT(table.out, HasSubstr(absl::StrFormat(" %.1f  ", bytes / 1048576)));
}

TEST(CliPlanTest, AMemoryLimitSaysWhatIsRecomputed) {
  const Result plain = Call({"plan", "quickstart", "--json"});
  const double bytes = plain.Json()[0]["memory_bytes"].get<double>();
  const Result limited = Call({"plan", "quickstart", "--json", "--memory-limit",
                               std::to_string(static_cast<int64_t>(0.9 * bytes))});
  ASSERT_EQ(limited.code, 0) << limited.err;
  EXPECT_EQ(limited.Json()[0]["recomputed"][0], "elementwise");
  EXPECT_LE(limited.Json()[0]["memory_bytes"].get<double>(), 0.9 * bytes);
  const Result table = Call({"plan", "quickstart", "--recompute", "blocks"});
  EXPECT_THAT(table.out, HasSubstr("recomputed: pre.0"));
  EXPECT_EQ(Call({"plan", "quickstart", "--memory-limit", "1M"}).code, 78);
}

TEST(CliBenchTest, ReadsBytesFromAFile) {
  const std::string path = testing::TempDir() + "/bytes";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(500, 'a')).ok());
  const Result result =
      Call({"bench",       "--hierarchy", "1@1",      "--d_model", "16",      "--d_ff", "32",
            "--heads",     "2",           "--length", "16",        "--batch", "2",      "--threads",
            "1",           "--steps",     "40",       "--warmup",  "0",       "--lr",   "1e-2",
            "--lr_warmup", "1",           "--data",   path,        "--json"});
  if (kDebugBuild) {
    EXPECT_EQ(result.code, 78) << result.err;
    return;
  }
  ASSERT_EQ(result.code, 0) << result.err;
  // One letter only is soon learnt; random bytes would stay at ln 256 = 5.5.
  EXPECT_LT(result.Json()["last_loss"].get<double>(), 3.0);
}

TEST(CliCheckTest, PrintsOneJsonLineAndExitsByTheVerdict) {
  EXPECT_EQ(Call({"check", "--fixture", Fixture("vanilla_relative"), "--dtype", "bf16"}).code, 64);
  const Result good = Call({"check", "--fixture", Fixture("vanilla_relative"), "--json"});
  EXPECT_EQ(good.code, 0) << good.err;
  const nlohmann::json json = good.Json();
  for (const char* field : {"logits", "loss", "gradients", "worst", "limit", "ok"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json["worst"].size(), 3u);
  EXPECT_EQ(json["limit"], 1e-10);
  EXPECT_TRUE(json["ok"].get<bool>());
  EXPECT_EQ(Call({"check", "--fixture", Fixture("vanilla_relative"), "--backend", "onednn",
                  "--dtype", "f32"})
                .code,
            0);
}

TEST(CliCheckTest, AKindThatIsNotBuiltIsNamed) {
  const Result result = Call({"check", "--fixture", Fixture("lsh")});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.err, HasSubstr("lsh"));
}

TEST(CliCheckTest, AWrongNumberInTheFixtureIsOutOfTolerance) {
  // Corrupt one number of the gradients: the last bytes of the file are tensor data.
  std::string bytes = ReadFile(Fixture("vanilla_relative")).value();
  const uint64_t header = *reinterpret_cast<const uint64_t*>(bytes.data());
  const auto meta = nlohmann::json::parse(bytes.substr(8, header));
  const auto offsets = meta["logits"]["data_offsets"];
  double value = 1e3;
  bytes.replace(8 + header + offsets[0].get<uint64_t>(), sizeof(value),
                reinterpret_cast<const char*>(&value), sizeof(value));
  const std::string path = testing::TempDir() + "/wrong.safetensors";
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  const Result result = Call({"check", "--fixture", path});
  EXPECT_EQ(result.code, 19);
  EXPECT_FALSE(result.Json()["ok"].get<bool>());
}

TEST(CliEnvTest, SaysWhatResultsDependOn) {
  const nlohmann::json json = Call({"env", "--threads", "1", "--json"}).Json();
  for (const char* field : {"source", "build", "machine", "backend", "perf_class", "checks"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_THAT(Call({"env", "--threads", "1"}).out, HasSubstr("enwik8 excerpt"));
}

}  // namespace
}  // namespace hourglass
