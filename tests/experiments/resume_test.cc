// Runs that are cut off, at any point and in any way, end with the bits of a run that was not.
#include "experiments/runner/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "SQLiteCpp/SQLiteCpp.h"
#include "experiments/runner/run_lock.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/hash.h"
#include "nlohmann/json.hpp"
#include "results_db/metrics.h"
#include "tests/experiments/tiny_experiment.h"

namespace hourglass {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Stands for kill -9: whatever the process had not saved is gone.
struct Killed {};

class ResumeTest : public TinyExperimentTest {
 protected:
  void SetUp() override {
    TinyExperimentTest::SetUp();
    // Only what is asked for is saved, so that nothing depends on the clock.
    options_.checkpoint_seconds = 1e6;
  }

  void UseDatabase(const std::string& name) { options_.database = folder_ + "/" + name; }

  // Runs until `stop` has been asked `calls` times and then loses the process, or is stopped by a
  // signal. Returns whether it came to that.
  bool RunAndLose(int calls, bool by_signal, const std::vector<std::string>& assignments = {}) {
    int asked = 0;
    options_.stop = [&]() -> bool {
      if (++asked < calls) return false;
      if (!by_signal) throw Killed{};
      return true;
    };
    bool lost = false;
    try {
      const auto summary = Run(assignments);
      EXPECT_TRUE(summary.ok()) << summary.status();
      lost = summary.ok() && summary->exit_code == kExitInterrupted;
    } catch (const Killed&) {
      lost = true;
    }
    options_.stop = {};
    return lost;
  }

  // Everything that must be equal, by cell: losses, gradients, evaluations, blocks, checkpoint.
  std::map<std::string, std::string> Results() {
    std::map<std::string, std::string> results;
    const auto reader = results::ResultsReader::Open(options_.database).value();
    for (const results::RunRecord& record : Records()) {
      std::ostringstream text;
      text << std::hexfloat << results::ToString(record.status) << record.outcome.trace_sha256
           << record.outcome.ckpt_sha256 << *record.outcome.flops_executed
           << record.outcome.primitives_json << *record.outcome.peak_bytes_held;
      for (const results::MetricDefinition& metric : results::Metrics()) {
        const std::vector<results::CurvePoint> curve =
            reader->Curve(record.id, metric.name).value();
        for (const auto& point : curve) {
          text << " " << metric.name << point.step << ":" << point.value;
        }
        if (metric.kind != "quality") continue;
        for (const char* agg : {"final", "last", "best", "mean", "median"}) {
          const auto value = record.Value(metric.name, agg);
          if (value) text << " " << metric.name << agg << *value;
        }
      }
      const std::vector<results::EvalBlock> blocks = reader->EvalBlocks(record.id).value();
      for (const auto& block : blocks) {
        text << " " << block.dataset << block.step << ":" << block.block << "=" << block.nll_bits;
      }
      text << Sha256FileHex(CheckpointOf(record.id)).value_or("no file");
      std::string& result =
          results[record.config.label + " " + std::to_string(record.cell.replica)];
      EXPECT_EQ(result, "") << "one run per cell";
      result = text.str();
    }
    return results;
  }

  std::string CheckpointOf(const std::string& run_id) const {
    return std::filesystem::path(options_.database).parent_path() / (run_id + ".safetensors");
  }

  std::string WarningsOf(const std::string& run_id) {
    SQLite::Database db(options_.database, SQLite::OPEN_READWRITE, 1000);
    SQLite::Statement find(db, "SELECT warnings_json FROM run WHERE id = ?");
    find.bind(1, run_id);
    return find.executeStep() ? find.getColumn(0).getString() : "";
  }

  // Past every guard of the store.
  void Tamper(const std::string& sql) {
    SQLite::Database db(options_.database, SQLite::OPEN_READWRITE, 1000);
    db.exec("DROP TRIGGER point_update; DROP TRIGGER point_delete;");
    db.exec(sql);
  }
};

TEST_F(ResumeTest, KilledAtAnyPointItEndsWithTheSameBits) {
  const std::vector<std::string> small = {"replicas=1"};
  UseDatabase("whole.db");
  ASSERT_TRUE(Run(small).ok());
  const auto wanted = Results();
  ASSERT_EQ(wanted.size(), 2u);
  int lost = 0;
  for (int calls = 1; calls <= 20; ++calls) {
    UseDatabase("killed" + std::to_string(calls) + ".db");
    if (!RunAndLose(calls, /*by_signal=*/false, small)) break;
    ++lost;
    const auto summary = Run(small);
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(Results(), wanted) << "killed at " << calls;
  }
  EXPECT_GT(lost, 10) << "every step and window batch of both models is such a point";
}

TEST_F(ResumeTest, StoppedByASignalItGoesOnWithTheSameRun) {
  const std::vector<std::string> small = {"replicas=1"};
  UseDatabase("whole.db");
  ASSERT_TRUE(Run(small).ok());
  const auto wanted = Results();
  int stopped = 0;
  for (int calls = 1; calls <= 20; ++calls) {
    UseDatabase("stopped" + std::to_string(calls) + ".db");
    if (!RunAndLose(calls, /*by_signal=*/true, small)) break;
    ++stopped;
    // Killed soon after it has gone on, too: the rows are then ahead of the checkpoint.
    RunAndLose(4, /*by_signal=*/false, small);
    const auto summary = Run(small);
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->exit_code, kExitOk);
    EXPECT_EQ(Results(), wanted) << "stopped at " << calls;
  }
  EXPECT_GT(stopped, 10);
}

TEST_F(ResumeTest, ASignalSavesAndTheRunStaysOpen) {
  ASSERT_TRUE(RunAndLose(5, /*by_signal=*/true));
  const auto stopped = Records();
  ASSERT_EQ(stopped.size(), 1u);
  EXPECT_EQ(stopped[0].status, results::RunStatus::kRunning);
  EXPECT_THAT(log_.str(), AllOf(HasSubstr("stopped by a signal after step "),
                                HasSubstr("the same command goes on with it")));
  const std::string id = stopped[0].id;
  EXPECT_TRUE(std::filesystem::exists(CheckpointOf(id)));
  const auto resumed = Run();
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->cells[0].run_id, id);
  EXPECT_EQ(resumed->cells[0].status, "ok");
  EXPECT_THAT(WarningsOf(id), HasSubstr("resumed after step "));
  EXPECT_EQ(Records().size(), 4u);
}

TEST_F(ResumeTest, WithoutCheckpointsItStartsAgainFromTheFirstStep) {
  options_.checkpoints = false;
  ASSERT_TRUE(RunAndLose(4, /*by_signal=*/true, {"replicas=1"}));
  const auto resumed = Run({"replicas=1"});
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_THAT(WarningsOf(resumed->cells[0].run_id), HasSubstr("resumed from the start"));
  EXPECT_EQ(Records().size(), 2u);
}

TEST_F(ResumeTest, ADamagedCheckpointCostsTimeAndNothingElse) {
  UseDatabase("whole.db");
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  const auto wanted = Results();
  UseDatabase("damaged.db");
  ASSERT_TRUE(RunAndLose(5, /*by_signal=*/true, {"replicas=1"}));
  const std::string path = CheckpointOf(Records()[0].id);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  ASSERT_TRUE(WriteFileAtomically(path + ".tmp.99", "half").ok());
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  EXPECT_THAT(log_.str(), HasSubstr("its checkpoint cannot be used"));
  EXPECT_EQ(Results(), wanted);
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp.99"));
}

TEST_F(ResumeTest, AFlippedBitInACheckpointIsNotTrained) {
  UseDatabase("whole.db");
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  const auto wanted = Results();
  UseDatabase("flipped.db");
  ASSERT_TRUE(RunAndLose(5, /*by_signal=*/true, {"replicas=1"}));
  const std::string path = CheckpointOf(Records()[0].id);
  std::string bytes = ReadFile(path).value();
  bytes[bytes.size() - 100] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  EXPECT_THAT(log_.str(), HasSubstr("its content is not what was written"));
  EXPECT_EQ(Results(), wanted);
}

TEST_F(ResumeTest, RowsThatWereLostAreComputedAgain) {
  UseDatabase("whole.db");
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  const auto wanted = Results();
  for (const char* what : {"train_loss_nats", "valid_bits_per_byte"}) {
    UseDatabase(std::string(what) + ".db");
    // During the evaluation after the last step of the first model.
    ASSERT_TRUE(RunAndLose(9, /*by_signal=*/true, {"replicas=1"}));
    Tamper(std::string("DELETE FROM point WHERE step = 2 AND metric ="
                       " (SELECT id FROM metric WHERE name = '") +
           what + "')");
    ASSERT_TRUE(Run({"replicas=1"}).ok());
    EXPECT_THAT(log_.str(), HasSubstr("the database lacks rows"));
    EXPECT_EQ(Results(), wanted);
    log_.str("");
  }
}

TEST_F(ResumeTest, OtherBitsThanThoseStoredAreAnError) {
  options_.checkpoints = false;
  ASSERT_TRUE(RunAndLose(5, /*by_signal=*/true, {"replicas=1"}));
  Tamper("UPDATE point SET bits = bits + 1 WHERE step = 2");
  const auto summary = Run({"replicas=1"});
  EXPECT_EQ(ExitCodeFor(summary.status()), kExitInternal);
  EXPECT_THAT(std::string(summary.status().message()),
              AllOf(HasSubstr("not reproducible"), HasSubstr("at step 2")));
  EXPECT_EQ(Records().at(0).status, results::RunStatus::kFailed);
  const auto again = Run({"replicas=1"});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Records().size(), 3u) << "a new attempt";
}

TEST_F(ResumeTest, AnotherNumberOfThreadsIsANewAttempt) {
  ASSERT_TRUE(RunAndLose(5, /*by_signal=*/true, {"replicas=1"}));
  const std::string cut_off = Records()[0].id;
  options_.threads = 2;
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_NE(summary->cells[0].run_id, cut_off);
  const auto record =
      results::ResultsReader::Open(options_.database).value()->FindRun(cut_off).value();
  EXPECT_EQ(record.status, results::RunStatus::kKilled);
  EXPECT_THAT(record.outcome.error, HasSubstr("it had 1 threads, not 2"));
  EXPECT_THAT(log_.str(), HasSubstr("unfinished run " + cut_off + " is not gone on with: "));
}

TEST_F(ResumeTest, ForceEndsWhatIsUnfinishedAndKeepsWhatIsFinished) {
  ASSERT_TRUE(RunAndLose(13, /*by_signal=*/true, {"replicas=1"}));
  options_.force = true;
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  std::map<results::RunStatus, int> count;
  for (const auto& record : Records()) ++count[record.status];
  EXPECT_EQ(count[results::RunStatus::kOk], 3);
  EXPECT_EQ(count[results::RunStatus::kKilled], 1);
  EXPECT_EQ(count[results::RunStatus::kRunning], 0);
}

TEST_F(ResumeTest, KilledBetweenDatabaseAndFileTheLastCheckpointIsPublishedLater) {
  const auto summary = Run({"replicas=1"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  const std::string path = CheckpointOf(summary->cells[0].run_id);
  std::filesystem::rename(path, FinalCheckpointPath(path));
  ASSERT_TRUE(WriteFileAtomically(path, "the one before").ok());
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  const auto record = results::ResultsReader::Open(options_.database)
                          .value()
                          ->FindRun(summary->cells[0].run_id)
                          .value();
  EXPECT_EQ(Sha256FileHex(path).value(), record.outcome.ckpt_sha256);
  EXPECT_FALSE(std::filesystem::exists(FinalCheckpointPath(path)));
}

TEST_F(ResumeTest, ASecondProcessIsSentAwayBeforeItWritesAnything) {
  std::filesystem::create_directories(folder_ + "/deep");
  {
    const auto lock = RunLock::Take(options_.database);
    ASSERT_TRUE(lock.ok()) << lock.status();
    const auto summary = Run();
    EXPECT_EQ(ExitCodeFor(summary.status()), kExitTryAgain);
    EXPECT_THAT(std::string(summary.status().message()),
                AllOf(HasSubstr("deep/results.db.lock"), HasSubstr("--db")));
    EXPECT_FALSE(std::filesystem::exists(options_.database));
  }
  EXPECT_TRUE(Run({"replicas=1"}).ok());
}

TEST_F(ResumeTest, ADatabaseThatIsRefusedGetsNoLockFile) {
  UseDatabase("not_a_database.db");
  ASSERT_TRUE(WriteFileAtomically(options_.database, std::string(5000, 'x')).ok());
  EXPECT_EQ(ExitCodeFor(Run().status()), kExitBadData);
  EXPECT_FALSE(std::filesystem::exists(options_.database + ".lock"));
  UseDatabase("newer.db");
  ASSERT_TRUE(Run({"replicas=1"}).ok());
  SQLite::Database(options_.database, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  EXPECT_EQ(ExitCodeFor(Run().status()), kExitBadData);
  EXPECT_TRUE(std::filesystem::exists(options_.database + ".lock")) << "it was there before";
}

TEST(RunLockTest, WhoeverRemovesTheFileStillHoldsItAlone) {
  const std::string database = testing::TempDir() + "/lock_test.db";
  {
    absl::StatusOr<RunLock> first = RunLock::Take(database);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(ExitCodeFor(RunLock::Take(database).status()), kExitTryAgain);
    first->RemoveNewFile();
    EXPECT_FALSE(std::filesystem::exists(database + ".lock"));
  }
  const absl::StatusOr<RunLock> second = RunLock::Take(database);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(ExitCodeFor(RunLock::Take(database).status()), kExitTryAgain);
}

TEST(RunProgressTest, SurvivesTheMetadata) {
  const RunProgress progress{1.0 / 3, 2e-9, 1234567890123, 77, 2.5};
  const RunProgress read = ProgressFromMetadata(ToMetadata(progress)).value();
  EXPECT_EQ(read.train_seconds, progress.train_seconds);
  EXPECT_EQ(read.eval_seconds, progress.eval_seconds);
  EXPECT_EQ(read.eval_bytes, progress.eval_bytes);
  EXPECT_EQ(read.evaluated_step, progress.evaluated_step);
  EXPECT_EQ(read.bits_per_byte, progress.bits_per_byte);
  EXPECT_EQ(ProgressFromMetadata(ToMetadata({})).value().bits_per_byte, std::nullopt);
  auto metadata = ToMetadata(progress);
  metadata["run.eval_bytes"] = "many";
  EXPECT_TRUE(absl::IsDataLoss(ProgressFromMetadata(metadata).status()));
  EXPECT_TRUE(absl::IsDataLoss(ProgressFromMetadata({}).status()));
}

TEST(CheckpointClockTest, SavingTakesAtMostATwentiethOfTheTime) {
  CheckpointClock clock(0);
  EXPECT_TRUE(clock.Due());
  // An hour of saving: not again for twenty.
  clock.Saved(MonotonicNanos() - int64_t{3600} * 1'000'000'000);
  EXPECT_FALSE(clock.Due());
  EXPECT_FALSE(CheckpointClock(1e6).Due());
}

}  // namespace
}  // namespace hourglass
