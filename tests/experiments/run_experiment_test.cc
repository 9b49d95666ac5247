// A whole experiment at a tiny size: rows, order, divergence, the report of it.
#include "experiments/runner/run_experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "SQLiteCpp/SQLiteCpp.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "nlohmann/json.hpp"
#include "results_db/metrics.h"
#include "results_db/query.h"
#include "tests/experiments/tiny_experiment.h"

namespace hourglass {
namespace {

using testing::HasSubstr;

using RunExperimentTest = TinyExperimentTest;

TEST_F(RunExperimentTest, WritesCompleteRowsForEveryCellAndSeed) {
  const auto summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status() << log_.str();
  EXPECT_EQ(summary->exit_code, kExitOk);
  const auto records = Records(summary->experiment_id);
  ASSERT_EQ(records.size(), 4u);
  const auto reader = results::ResultsReader::Open(options_.database).value();
  for (const results::RunRecord& record : records) {
    EXPECT_EQ(record.status, results::RunStatus::kOk);
    EXPECT_EQ(record.cell.budget, 4);
    EXPECT_TRUE(record.train.synthetic);
    ASSERT_TRUE(record.valid.has_value());
    EXPECT_EQ(reader->Curve(record.id, results::kTrainLossNats)->size(), 4u);
    EXPECT_EQ(reader->Curve(record.id, results::kLearningRate)->size(), 2u);
    const auto valid = *reader->Curve(record.id, results::kValidBitsPerByte);
    ASSERT_EQ(valid.size(), 2u);
    EXPECT_EQ(valid[1].step, 4);
    EXPECT_EQ(valid[1].flops, 4 * record.NeededStepFlops());
    EXPECT_EQ(record.Value(results::kValidBitsPerByte, "final"), valid[1].value);
    EXPECT_EQ(reader->Timings(record.id)->size(), 4u);
    const auto blocks = *reader->EvalBlocks(record.id);
    ASSERT_EQ(blocks.size(), 3u);
    double bits = 0;
    for (const results::EvalBlock& block : blocks) bits += block.nll_bits;
    EXPECT_NEAR(bits / 75, valid[1].value, 1e-9);
    EXPECT_GT(*record.outcome.peak_bytes_held, 0);
    EXPECT_GE(*record.outcome.flops_step_executed, record.NeededStepFlops());
    EXPECT_EQ(*record.outcome.flops_executed, 4 * *record.outcome.flops_step_executed);
    EXPECT_TRUE(nlohmann::json::parse(record.outcome.primitives_json).is_object());
    EXPECT_EQ(record.run.argv, options_.argv);
  }
}

TEST_F(RunExperimentTest, RecomputationChangesMemoryAndNoBit) {
  // Windows as many as sequences in a micro-batch: their evaluation fits into the step's memory.
  const auto plain = Run({"replicas=1", "evaluation.batch=1"});
  ASSERT_TRUE(plain.ok()) << plain.status() << log_.str();
  const auto recomputed =
      Run({"replicas=1", "evaluation.batch=1", "training.recompute=elementwise,blocks"});
  ASSERT_TRUE(recomputed.ok()) << recomputed.status() << log_.str();
  EXPECT_THAT(log_.str(), HasSubstr("recomputed: elementwise, pre.0, pre.1"));
  const auto want = Records(plain->experiment_id), got = Records(recomputed->experiment_id);
  ASSERT_EQ(want.size(), 2u);
  ASSERT_EQ(got.size(), 2u);
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].cell.config, want[i].cell.config);
    EXPECT_EQ(got[i].outcome.ckpt_sha256, want[i].outcome.ckpt_sha256);
    EXPECT_LT(*got[i].outcome.peak_bytes_planned, *want[i].outcome.peak_bytes_planned);
    EXPECT_GT(*got[i].outcome.flops_step_executed, *want[i].outcome.flops_step_executed);
    EXPECT_EQ(got[i].NeededStepFlops(), want[i].NeededStepFlops());
  }
}

TEST_F(RunExperimentTest, TimesThePartsOfEveryStepWhereAsked) {
  const auto summary = Run({"training.time_parts=true", "cells[1].length=40"});
  ASSERT_TRUE(summary.ok()) << summary.status() << log_.str();
  EXPECT_THAT(log_.str(), HasSubstr("4 steps of 2 x 25 to 40 bytes"));
  const auto reader = results::ResultsReader::Open(options_.database).value();
  for (const results::RunRecord& record : Records(summary->experiment_id)) {
    const bool shortened = record.config.label != "2@1";
    EXPECT_EQ(record.config.sequence_length, shortened ? 40 : 25);
    std::map<std::string, std::map<int64_t, int64_t>> times;  // bench -> step -> ns
    const auto timings = *reader->Timings(record.id);
    for (const results::Timing& timing : timings) {
      times[timing.bench][timing.ord] = timing.ns;
    }
    ASSERT_EQ(times.size(), 5u);
    for (int64_t step = 1; step <= 4; ++step) {
      int64_t parts = 0;
      for (const char* part : {"attention", "rest", "outside", "parameters"}) {
        parts += times[std::string("train_step/") + part].at(step);
      }
      EXPECT_GT(parts, 0);
      EXPECT_LE(parts, times["train_step"].at(step));
      EXPECT_EQ(times["train_step/attention"].at(step) > 0, shortened)
          << "nothing of a vanilla model is shortened";
    }
  }
}

TEST_F(RunExperimentTest, TimingThePartsChangesNoBit) {
  const auto bits = [&](const char* assignment) {
    options_.database = folder_ + "/" + assignment + ".db";
    const auto summary = Run({assignment});
    EXPECT_TRUE(summary.ok()) << summary.status();
    std::vector<std::string> traces;
    for (const auto& record : Records()) traces.push_back(record.outcome.trace_sha256);
    return traces;
  };
  EXPECT_EQ(bits("training.time_parts=true"), bits("training.time_parts=false"));
}

TEST_F(RunExperimentTest, HeldMemoryIsThePlannedMemory) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  for (const results::RunRecord& record : Records(summary->experiment_id)) {
    // Blocks are rounded up to whole cache lines and the program may hold less than both plans say.
    EXPECT_NEAR(static_cast<double>(*record.outcome.peak_bytes_held),
                static_cast<double>(*record.outcome.peak_bytes_planned),
                0.05 * static_cast<double>(*record.outcome.peak_bytes_planned));
  }
}

TEST_F(RunExperimentTest, ModelsOfAReplicaArePairedAndSeedsDiffer) {
  const auto summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  std::set<std::string> data, init;
  std::set<uint64_t> seeds;
  for (const results::RunRecord& record : Records(summary->experiment_id)) {
    const auto engine = nlohmann::json::parse(record.run.engine_json)["seeds"];
    data.insert(engine["data"].get<std::string>());
    init.insert(engine["init"].get<std::string>());
    seeds.insert(record.cell.seed);
  }
  EXPECT_EQ(data.size(), 2u);
  EXPECT_EQ(init.size(), 4u);
  EXPECT_EQ(seeds.size(), 4u);
}

TEST_F(RunExperimentTest, ReplicasRunAsWholePairs) {
  const auto summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  std::vector<int64_t> replicas;
  for (const CellOutcome& cell : summary->cells) replicas.push_back(cell.replica);
  EXPECT_EQ(replicas, (std::vector<int64_t>{0, 0, 1, 1}));
}

TEST_F(RunExperimentTest, BudgetsRunAsTrainingsOfTheirOwnTheSmallerFirst) {
  const auto summary = Run({"training.budgets=6,3"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  std::vector<std::pair<int64_t, int64_t>> order;
  for (const CellOutcome& cell : summary->cells) order.emplace_back(cell.replica, cell.budget);
  EXPECT_EQ(order, (std::vector<std::pair<int64_t, int64_t>>{
                       {0, 3}, {0, 3}, {0, 6}, {0, 6}, {1, 3}, {1, 3}, {1, 6}, {1, 6}}));
  const auto records = Records(summary->experiment_id);
  ASSERT_EQ(records.size(), 8u);
  const auto reader = results::ResultsReader::Open(options_.database).value();
  std::set<std::string> labels, data;
  for (const results::RunRecord& record : records) {
    labels.insert(record.config.label);
    const auto engine = nlohmann::json::parse(record.run.engine_json)["seeds"];
    if (record.cell.replica == 0) data.insert(engine["data"].get<std::string>());
    EXPECT_EQ(reader->Curve(record.id, results::kTrainLossNats)->size(),
              static_cast<size_t>(record.cell.budget));
  }
  EXPECT_EQ(labels.size(), 2u) << "the budget is no part of the label";
  EXPECT_EQ(data.size(), 1u) << "all see the same stream";
}

TEST_F(RunExperimentTest, CellsRunInAnyOrderByHand) {
  options_.selection.replica = 1;
  options_.selection.budget = 6;
  options_.selection.cell = "1@1 1@3 1@1";
  const auto one = Run({"training.budgets=3,6"});
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->cells.size(), 1u);
  EXPECT_EQ(one->cells[0].budget, 6);
  EXPECT_EQ(one->cells[0].replica, 1);
  options_.selection = {};
  const auto all = Run({"training.budgets=3,6"});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->cells.size(), 8u);
  EXPECT_EQ(all->cells[7].status, "already done");
  EXPECT_EQ(all->cells[7].run_id, one->cells[0].run_id);
  options_.selection.budget = 5;
  EXPECT_EQ(ExitCodeFor(Run({"training.budgets=3,6"}).status()), kExitUsage);
  options_.selection.budget = std::nullopt;
  options_.selection.replica = 2;
  EXPECT_EQ(ExitCodeFor(Run({"training.budgets=3,6"}).status()), kExitUsage);
}

TEST_F(RunExperimentTest, AFinishedCellIsNotRunAgainUnlessForced) {
  const auto first = Run();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Run();
  ASSERT_TRUE(second.ok()) << second.status();
  for (size_t i = 0; i < first->cells.size(); ++i) {
    EXPECT_EQ(second->cells[i].status, "already done");
    EXPECT_EQ(second->cells[i].run_id, first->cells[i].run_id);
    EXPECT_EQ(second->cells[i].bits_per_byte, first->cells[i].bits_per_byte);
  }
  EXPECT_THAT(log_.str(), HasSubstr("already done, run " + first->cells[0].run_id));
  options_.force = true;
  options_.selection.cell = "2@1";
  const auto forced = Run();
  ASSERT_TRUE(forced.ok()) << forced.status();
  ASSERT_EQ(forced->cells.size(), 2u);
  EXPECT_EQ(forced->cells[0].status, "ok");
  const auto records = Records(first->experiment_id);
  EXPECT_EQ(records.size(), 6u);
  // The same cell gives the same bits.
  EXPECT_EQ(forced->cells[0].bits_per_byte, first->cells[0].bits_per_byte);
  std::map<std::string, std::set<std::string>> traces;
  for (const results::RunRecord& record : records) {
    traces[record.cell_id].insert(record.outcome.trace_sha256);
  }
  for (const auto& [cell, hashes] : traces) EXPECT_EQ(hashes.size(), 1u) << cell;
}

TEST_F(RunExperimentTest, WritesACheckpointThatEvalReads) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const std::string path = folder_ + "/deep/" + summary->cells[1].run_id + ".safetensors";
  const auto records = Records(summary->experiment_id);
  for (const results::RunRecord& record : records) {
    if (record.id == summary->cells[1].run_id) {
      EXPECT_EQ(record.outcome.ckpt_sha256, Sha256FileHex(path).value());
    }
  }
  ASSERT_EQ(Cli({"eval", path, "--corpus", "synthetic", "--length", "25", "--batch", "2",
                 "--max_windows", "3", "--threads", "1", "--json"}),
            0)
      << log_.str();
  const auto json = nlohmann::json::parse(out_.str());
  EXPECT_DOUBLE_EQ(json["bits_per_byte"].get<double>(), *summary->cells[1].bits_per_byte);
  EXPECT_EQ(json["bytes"], 75);
  EXPECT_EQ(json["step"], 4);
}

TEST_F(RunExperimentTest, TheTestPartIsScoredByItsOwnProtocolAndStoredByBlock) {
  const auto summary =
      Run({"replicas=1", "test.length=20", "test.step=5", "test.max_windows=4", "test.batch=3"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const auto reader = results::ResultsReader::Open(options_.database).value();
  for (const CellOutcome& cell : summary->cells) {
    const results::RunRecord record = reader->FindRun(cell.run_id).value();
    ASSERT_TRUE(cell.test_bits_per_byte.has_value());
    EXPECT_EQ(record.Value(results::kTestBitsPerByte, "final"), cell.test_bits_per_byte);
    EXPECT_NEAR(*record.Value(results::kTestLossNats, "final") / std::log(2.0),
                *cell.test_bits_per_byte, 1e-12);
    const std::vector<results::EvalBlock> blocks = *reader->EvalBlocks(record.id);
    int valid = 0, test = 0;
    double bits = 0;
    for (const results::EvalBlock& block : blocks) {
      if (block.protocol == "windows") {
        EXPECT_EQ(block.dataset, record.cell.dataset_valid);
        ++valid;
        continue;
      }
      EXPECT_EQ(block.protocol, "last 5 of 20");
      EXPECT_NE(block.dataset, record.cell.dataset_valid);
      EXPECT_EQ(block.block, test++);
      EXPECT_EQ(block.n_units, 5);
      bits += block.nll_bits;
    }
    EXPECT_EQ(valid, 3);
    EXPECT_EQ(test, 4);
    EXPECT_NEAR(bits / 20, *cell.test_bits_per_byte, 1e-12);
    EXPECT_EQ(nlohmann::json::parse(record.config.canonical_json)["test"]["step"], 5);
    // `eval` gives the same number from the checkpoint alone.
    ASSERT_EQ(Cli({"eval", folder_ + "/deep/" + cell.run_id + ".safetensors", "--corpus",
                   "synthetic", "--split", "test", "--length", "20", "--step", "5", "--max_windows",
                   "4", "--batch", "2", "--threads", "1", "--json"}),
              0)
        << log_.str();
    EXPECT_NEAR(nlohmann::json::parse(out_.str())["bits_per_byte"].get<double>(),
                *cell.test_bits_per_byte, 1e-6);
  }
}

TEST_F(RunExperimentTest, ADatabaseHeldByAnotherProgramIsSaidAtOnceAndIsToBeTriedAgain) {
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  SQLite::Database other(options_.database, SQLite::OPEN_READWRITE);
  other.exec("BEGIN EXCLUSIVE");
  options_.busy_timeout = std::chrono::milliseconds(50);
  const auto summary = Run({"replicas=1", "training.steps=2"});
  EXPECT_EQ(ExitCodeFor(summary.status()), kExitTryAgain) << summary.status();
  EXPECT_THAT(log_.str(), HasSubstr("locked by another program, waiting for it"));
}

TEST_F(RunExperimentTest, EvalRefusesNumbersThatMeanNothingAndStopsWhenAsked) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const std::string path = folder_ + "/deep/" + summary->cells[0].run_id + ".safetensors";
  const auto eval = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> args = {"eval", path, "--corpus", "synthetic", "--quiet"};
    args.insert(args.end(), flags.begin(), flags.end());
    return Cli(args);
  };
  for (const auto& [flag, value] :
       std::vector<std::pair<std::string, std::string>>{{"--max_windows", "-1"},
                                                        {"--max_windows", "99999999999999999999"},
                                                        {"--step", "-1"},
                                                        {"--step", "513"},
                                                        {"--length", "0"},
                                                        {"--length", "1e3"},
                                                        {"--batch", "0"},
                                                        {"--batch", "268435456"},
                                                        {"--threads", "10000"}}) {
    EXPECT_EQ(eval({flag, value}), 64) << flag << " " << value;
  }
  EXPECT_EQ(eval({"--length", "20", "--max_windows", "9223372036854775807"}), 0) << log_.str();
  options_.stop = [] { return true; };
  EXPECT_EQ(eval({"--length", "20"}), 130);
  options_.stop = nullptr;
  EXPECT_EQ(eval({"--split", "validation"}), 64);
  // One byte has no validation part: a score of zero bytes would be perfect.
  const std::string one = folder_ + "/one";
  ASSERT_TRUE(WriteFileAtomically(one, "a").ok());
  EXPECT_EQ(eval({"--data", one}), 65);
  EXPECT_THAT(log_.str(), HasSubstr("its valid part has no byte to score"));
}

TEST_F(RunExperimentTest, EvalNamesTheCorporaAndItsOwnFlags) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const std::string path = folder_ + "/deep/" + summary->cells[0].run_id + ".safetensors";
  EXPECT_EQ(Cli({"eval", path, "--corpus", "foo"}), 64);
  EXPECT_THAT(log_.str(), HasSubstr("--corpus: no corpus \"foo\"; there are: enwik8, "
                                    "enwik8-3500k, file, synthetic"));
  EXPECT_EQ(Cli({"eval", path, "--corpus", "file"}), 64);
  EXPECT_THAT(log_.str(), HasSubstr("name it with --data FILE"));
}

TEST_F(RunExperimentTest, ADivergedLossEndsTheRunWithItsRowsKept) {
  const auto summary = Run({"training.peak_rate=1e30", "replicas=1", "training.steps=20"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->exit_code, kExitDiverged);
  const auto records = Records(summary->experiment_id);
  ASSERT_EQ(records.size(), 2u);
  const auto reader = results::ResultsReader::Open(options_.database).value();
  for (const results::RunRecord& record : records) {
    EXPECT_EQ(record.status, results::RunStatus::kDiverged);
    EXPECT_EQ(record.exit_code, 18);
    EXPECT_THAT(record.outcome.error, HasSubstr("diverged at step "));
    EXPECT_THAT(record.outcome.error, testing::Not(HasSubstr("nan"))) << "NaN, without a sign";
    const auto losses = *reader->Curve(record.id, results::kTrainLossNats);
    ASSERT_GE(losses.size(), 2u);
    EXPECT_LT(losses.size(), 20u);
    EXPECT_FALSE(losses.back().value < 10 * std::log(256.0));
    EXPECT_FALSE(record.Value(results::kValidBitsPerByte, "final").has_value());
  }
}

TEST_F(RunExperimentTest, ADivergedCellIsNotTrainedAgainByTheSameProgram) {
  const std::vector<std::string> hopeless = {"training.peak_rate=1e30", "replicas=1",
                                             "training.steps=20"};
  const auto first = Run(hopeless);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Run(hopeless);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->exit_code, kExitDiverged);
  ASSERT_EQ(again->cells.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again->cells[i].status, "diverged before");
    EXPECT_EQ(again->cells[i].run_id, first->cells[i].run_id);
    EXPECT_EQ(again->cells[i].steps_done, first->cells[i].steps_done);
  }
  EXPECT_EQ(Records().size(), 2u);
  EXPECT_THAT(log_.str(), HasSubstr("diverged before, run " + first->cells[0].run_id));
  EXPECT_THAT(log_.str(), HasSubstr("--force tries"));
  // Another build may do better, and whoever insists may see for himself.
  options_.stamp.commit = std::string(40, '3');
  ASSERT_TRUE(Run(hopeless).ok());
  EXPECT_EQ(Records().size(), 4u);
  options_.force = true;
  ASSERT_TRUE(Run(hopeless).ok());
  EXPECT_EQ(Records().size(), 6u);
}

TEST_F(RunExperimentTest, AMismatchIsRefusedBeforeAnythingIsWritten) {
  const auto summary = Run({"match.reference=2@1", "match.tolerance=0.01"});
  EXPECT_EQ(ExitCodeFor(summary.status()), kExitBadConfiguration);
  EXPECT_FALSE(std::filesystem::exists(options_.database));
}

TEST_F(RunExperimentTest, AModelLargerThanTheMemoryIsRefusedBeforeAnythingIsWritten) {
  options_.available_bytes = 100'000;
  const auto summary = Run();
  EXPECT_EQ(ExitCodeFor(summary.status()), kExitBadConfiguration) << summary.status();
  EXPECT_THAT(std::string(summary.status().message()),
              testing::AllOf(HasSubstr("tiny, cell \"2@1\": needs "),
                             HasSubstr(" and 0.1 MiB are available; make model.d_model")));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/deep"));
  // A real one, on any machine there is.
  EXPECT_EQ(Cli({"run", folder_ + "/tiny.textproto", "--db", options_.database, "--set",
                 "model.d_model=65536", "--quiet"}),
            78)
      << log_.str();
  EXPECT_EQ(Cli({"bench", "--hierarchy", "1@1", "--d_model", "65536", "--length", "8"}), 78)
      << log_.str();
  EXPECT_THAT(log_.str(), HasSubstr("make --d_model, --d_ff"));
}

TEST_F(RunExperimentTest, Bf16TrainsOnTheReference) {
  const auto summary = Run({"training.dtype=bf16", "backend=reference", "replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  for (const results::RunRecord& record : Records(summary->experiment_id)) {
    EXPECT_EQ(record.status, results::RunStatus::kOk);
  }
}

TEST_F(RunExperimentTest, RunAndReportFromTheCommandLine) {
  const std::string spec = folder_ + "/tiny.textproto", database = folder_ + "/cli.db";
  ASSERT_EQ(Cli({"run", spec, "--db", database, "--threads", "1", "--json", "--quiet"}), 0)
      << log_.str();
  const auto first = nlohmann::json::parse(out_.str());
  EXPECT_EQ(first["cells"].size(), 4u);
  ASSERT_EQ(Cli({"report", "tiny", "--db", database, "--out", folder_ + "/a", "--json"}), 0)
      << log_.str();
  const auto report = nlohmann::json::parse(out_.str());
  EXPECT_NE(report["verdict"], "");
  // A second run changes nothing, and the same rows make the same bytes.
  ASSERT_EQ(Cli({"run", spec, "--db", database, "--threads", "1", "--json", "--quiet"}), 0);
  EXPECT_EQ(nlohmann::json::parse(out_.str())["cells"][0]["status"], "already done");
  ASSERT_EQ(Cli({"report", "--db", database, "--out", folder_ + "/b"}), 0) << log_.str();
  for (const char* file : {"/report.html", "/report.md"}) {
    EXPECT_EQ(ReadFile(folder_ + "/a" + file).value(), ReadFile(folder_ + "/b" + file).value());
  }
  EXPECT_THAT(ReadFile(folder_ + "/a/report.md").value(),
              HasSubstr(report["verdict"].get<std::string>().substr(0, 20)));
}

TEST_F(RunExperimentTest, TheCommandLineReportsDivergenceByItsExitCode) {
  EXPECT_EQ(Cli({"run", folder_ + "/tiny.textproto", "--db", folder_ + "/d.db", "--threads", "1",
                 "--set", "training.peak_rate=1e30", "--set", "training.steps=20", "--set",
                 "replicas=1", "--quiet"}),
            18);
  EXPECT_THAT(out_.str(), HasSubstr("diverged"));
}

TEST_F(RunExperimentTest, TheCommandThatIsStoredRepeatsTheRun) {
  const std::string spec = folder_ + "/tiny.textproto", database = folder_ + "/c.db";
  ASSERT_EQ(Cli({"run", spec, "--db", database, "--threads", "1", "--set", "replicas=1", "--set",
                 "title=two words", "--quiet"}),
            0)
      << log_.str();
  const auto reader = results::ResultsReader::Open(database).value();
  EXPECT_EQ((*reader->Experiments())[0].row.command,
            "./bazelw run //experiments:hourglass -- run " + spec +
                " --set replicas=1 --set 'title=two words' --db " + database);
}

}  // namespace
}  // namespace hourglass
