#include "results_db/store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>

#include "SQLiteCpp/SQLiteCpp.h"
#include "gtest/gtest.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "results_db/query.h"
#include "tests/results_db/database_test.h"
#include "tests/results_db/sample_rows.h"

namespace hourglass::results {
namespace {

class StoreTest : public DatabaseTest {
 protected:
  std::unique_ptr<ResultsStore> MustOpen(const StoreOptions& options = {}) {
    auto store = ResultsStore::Open(path_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // A value read past the store.
  std::string Ask(const std::string& sql) { return DatabaseTest::Ask(path_, sql); }

  std::string MustBegin(ResultsStore& store) {
    auto run = SampleRun(store);
    EXPECT_TRUE(run.ok()) << run.status();
    auto id = store.BeginRun(*run);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : "";
  }
};

TEST_F(StoreTest, NewFileCarriesIdentityAndPragmas) {
  MustOpen();
  EXPECT_EQ(Ask("PRAGMA application_id"), "1212632147");
  EXPECT_EQ(Ask("PRAGMA user_version"), std::to_string(kSchemaVersion));
  EXPECT_EQ(Ask("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Ask("SELECT max(version) FROM schema_migration"), std::to_string(kSchemaVersion));
  EXPECT_EQ(Ask("SELECT count(*) FROM metric"), std::to_string(Metrics().size()));
}

TEST_F(StoreTest, AnOrdinaryRunIsReadBackByPlainSql) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  for (int step = 1; step <= 3; ++step) {
    const Sample samples[] = {{kTrainLossNats, step, 3.0 / step, 120000 * step, 5000 * step},
                              {kTrainBytesPerSecond, step, 100.0 * step, {}, {}}};
    ASSERT_TRUE(store->Append(id, samples).ok());
  }
  const Sample valid[] = {{kValidBitsPerByte, 3, 2.5, {}, {}}};
  ASSERT_TRUE(store->Append(id, valid).ok());
  ASSERT_TRUE(store->EndRun(id, OkOutcome()).ok());
  EXPECT_EQ(Ask("SELECT status FROM v_result"), "ok");
  EXPECT_EQ(Ask("SELECT model FROM v_result"), "2@1");
  EXPECT_EQ(Ask("SELECT bits_per_byte FROM v_result"), "2.5");
  EXPECT_EQ(Ask("SELECT train_flops_per_byte FROM v_result"), "3000.0");
  EXPECT_EQ(Ask("SELECT train_bytes_per_s FROM v_result"), "200.0");
  EXPECT_EQ(Ask("SELECT peak_bytes FROM v_result"), "2097152");
  EXPECT_EQ(Ask("SELECT is_primary FROM v_run"), "1");
  EXPECT_EQ(Ask("SELECT count(*) FROM v_curve WHERE metric = 'train_loss_nats'"), "3");
  EXPECT_EQ(Ask("SELECT value FROM v_summary WHERE metric='train_loss_nats' AND agg='best'"),
            "1.0");
  EXPECT_EQ(Ask("SELECT value FROM v_summary WHERE metric='train_bytes_per_s' AND agg='best'"),
            "300.0");
}

TEST_F(StoreTest, AFinalValueWinsOverTheLastOfTheCurve) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample valid[] = {{kValidBitsPerByte, 3, 2.5, {}, {}}};
  ASSERT_TRUE(store->Append(id, valid).ok());
  ASSERT_TRUE(store->AddSummary(id, {kValidBitsPerByte, "final", 2.25, 2.0, 2.5, 7}).ok());
  ASSERT_TRUE(store
                  ->EndRun(id, {RunStatus::kDiverged,
                                18,
                                "loss is not a number",
                                "",
                                {},
                                {},
                                {},
                                {},
                                "",
                                "",
                                "",
                                {}})
                  .ok());
  EXPECT_EQ(Ask("SELECT bits_per_byte FROM v_result"), "2.25");
  EXPECT_EQ(Ask("SELECT status || ' ' || error FROM v_run"), "diverged loss is not a number");
}

TEST_F(StoreTest, IncompleteProvenanceCannotBecomeOk) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample samples[] = {{kTrainLossNats, 1, 3.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  std::vector<Outcome> incomplete(6, OkOutcome());
  incomplete[0].primitives_json.clear();
  incomplete[1].peak_bytes_planned.reset();
  incomplete[2].peak_bytes_held.reset();
  incomplete[3].flops_executed.reset();
  incomplete[4].flops_step_executed.reset();
  incomplete[5].exit_code = 1;
  for (const Outcome& outcome : incomplete) {
    const absl::Status status = store->EndRun(id, outcome);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(Mentions(status, "provenance")) << status;
    EXPECT_EQ(Ask("SELECT status FROM run"), "running");
    EXPECT_EQ(Ask("SELECT count(*) FROM summary"), "0");
  }
  EXPECT_TRUE(store->EndRun(id, OkOutcome()).ok());
}

TEST_F(StoreTest, ARunWithoutATrainingLossHasNoTraceAndCannotBecomeOk) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  EXPECT_EQ(store->EndRun(id, OkOutcome()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, TraceHashIsOverLittleEndianStepAndBits) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  // Appended out of order; step 0 does not belong to the trace.
  const Sample samples[] = {{kTrainLossNats, 2, -0.0, {}, {}},
                            {kTrainLossNats, 0, 9.0, {}, {}},
                            {kTrainLossNats, 1, 1.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->EndRun(id, OkOutcome()).ok());
  using namespace std::string_literals;
  // 1.0 = 3ff0000000000000, -0.0 = 8000000000000000.
  const std::string bytes =
      "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x3f\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80"s;
  EXPECT_EQ(Ask("SELECT trace_sha256 FROM run"), Sha256Hex(bytes));
}

TEST_F(StoreTest, NanInfinityAndNegativeZeroKeepTheirBits) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const double payload = std::bit_cast<double>(int64_t{0x7ff8000000000123});
  const Sample samples[] = {{kGradientNorm, 1, payload, {}, {}},
                            {kGradientNorm, 2, -0.0, {}, {}},
                            {kGradientNorm, 3, -std::numeric_limits<double>::infinity(), {}, {}},
                            {kGradientNorm, 4, 5e-324, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->Append(id, samples).ok()) << "the same NaN again is the same value";
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Ask("SELECT value IS NULL FROM point WHERE step = 1"), "1");
  auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  const auto curve = (*reader)->Curve(id, kGradientNorm);
  ASSERT_TRUE(curve.ok());
  ASSERT_EQ(curve->size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::bit_cast<int64_t>((*curve)[i].value), std::bit_cast<int64_t>(samples[i].value));
  }
}

TEST_F(StoreTest, ACurveWithNanHasNoMeanButABest) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample samples[] = {{kTrainLossNats, 1, 3.0, {}, {}},
                            {kTrainLossNats, 2, 2.0, {}, {}},
                            {kTrainLossNats, 3, std::nan(""), {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  Outcome outcome;
  outcome.status = RunStatus::kDiverged;
  outcome.exit_code = 18;
  ASSERT_TRUE(store->EndRun(id, outcome).ok());
  auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  const auto run = (*reader)->FindRun(id);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->status, RunStatus::kDiverged);
  EXPECT_EQ(run->Value(kTrainLossNats, "best"), 2.0);
  EXPECT_EQ(run->Value(kTrainLossNats, "last"), std::nullopt);
  EXPECT_EQ(run->Value(kTrainLossNats, "mean"), std::nullopt);
  EXPECT_EQ(run->Value(kTrainLossNats, "median"), std::nullopt);
}

TEST_F(StoreTest, AppendRefusesWhatItCannotKeepAndLeavesNothingBehind) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample unknown[] = {{kTrainLossNats, 1, 1.0, {}, {}}, {"train_los", 1, 1.0, {}, {}}};
  absl::Status status = store->Append(id, unknown);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Mentions(status, "train_los")) << status;
  const Sample good[] = {{kTrainLossNats, 2, 1.0, {}, {}}};
  EXPECT_EQ(store->Append("no such run", good).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(store->Append(id, good).ok());
  ASSERT_TRUE(store->Append(id, good).ok()) << "the same again is nothing new";
  const Sample other[] = {{kTrainLossNats, 3, 1.0, {}, {}}, {kTrainLossNats, 2, 1.5, {}, {}}};
  EXPECT_EQ(store->Append(id, other).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(store->Append(id, other).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Ask("SELECT count(*) || ' ' || max(step) FROM point"), "1 2");
}

TEST_F(StoreTest, AFileThatWasRemovedIsNoSuccess) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample sample[] = {{kTrainLossNats, 1, 3.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, sample).ok());
  std::filesystem::rename(path_, path_ + ".moved");
  std::filesystem::copy_file(path_ + ".moved", path_);
  for (const absl::Status& status : {store->Flush(), store->EndRun(id, OkOutcome())}) {
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
    EXPECT_TRUE(Mentions(status, "was removed or replaced")) << status;
  }
}

TEST_F(StoreTest, AFinalRunIsFinal) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample samples[] = {{kTrainLossNats, 1, 3.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->EndRun(id, OkOutcome()).ok());
  const Sample late[] = {{kTrainLossNats, 2, 3.0, {}, {}}};
  EXPECT_EQ(store->Append(id, late).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->AddSummary(id, {kTrainLossNats, "final", 1, {}, {}, 1}).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->EndRun(id, OkOutcome()).code(), absl::StatusCode::kFailedPrecondition);
  SQLite::Database db(path_, SQLite::OPEN_READWRITE, 1000);
  for (const char* sql :
       {"UPDATE run SET error = 'edited'", "DELETE FROM run", "UPDATE point SET value = 0",
        "DELETE FROM point", "UPDATE summary SET value = 0", "DELETE FROM summary",
        "UPDATE config SET n_params = 1", "UPDATE experiment SET slug = 'x'"}) {
    EXPECT_THROW(db.exec(sql), SQLite::Exception) << sql;
  }
}

TEST_F(StoreTest, UpsertIsIdempotentAndReturnsTheContentId) {
  auto store = MustOpen();
  const auto first = store->Upsert(SampleConfig("2@1", "vanilla"));
  const auto second = store->Upsert(SampleConfig("2@1", "vanilla"));
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(*first, RowId(SampleConfig("2@1", "vanilla")));
  EXPECT_EQ(Ask("SELECT count(*) FROM config"), "1");
  Config other = SampleConfig("2@1", "vanilla");
  other.flops_fwd_needed -= 1;
  EXPECT_NE(RowId(other), *first);
}

TEST_F(StoreTest, BadRowsAreRefusedByName) {
  auto store = MustOpen();
  Config config = SampleConfig("2@1", "vanilla");
  config.flops_fwd_needed = config.flops_fwd_dense + 1;
  EXPECT_EQ(store->Upsert(config).status().code(), absl::StatusCode::kInvalidArgument);
  SourceRev dirty = SampleSource();
  dirty.dirty = true;
  EXPECT_EQ(store->Upsert(dirty).status().code(), absl::StatusCode::kInvalidArgument);
  dirty.diff = std::string("diff\0 with a zero", 17);
  EXPECT_TRUE(store->Upsert(dirty).ok());
  EXPECT_EQ(Ask("SELECT length(diff_blob) FROM source_rev WHERE dirty"), "17");
  Build build = SampleBuild("no such revision");
  EXPECT_EQ(store->Upsert(build).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, FinishedCellsAreFoundAndAttemptsCounted) {
  auto store = MustOpen();
  auto run = SampleRun(*store);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(*store->FindOkRun(run->cell), std::nullopt);
  const std::string failed = *store->BeginRun(*run);
  Outcome outcome;
  outcome.status = RunStatus::kFailed;
  outcome.exit_code = 70;
  ASSERT_TRUE(store->EndRun(failed, outcome).ok());
  EXPECT_EQ(*store->FindOkRun(run->cell), std::nullopt);
  const Sample samples[] = {{kTrainLossNats, 1, 3.0, {}, {}}};
  std::vector<std::string> finished;
  for (int i = 0; i < 2; ++i) {
    finished.push_back(*store->BeginRun(*run));
    ASSERT_TRUE(store->Append(finished.back(), samples).ok());
    ASSERT_TRUE(store->EndRun(finished.back(), OkOutcome()).ok());
  }
  EXPECT_LT(finished[0], finished[1]);
  EXPECT_EQ(*store->FindOkRun(run->cell), finished[0]);
  EXPECT_EQ(Ask("SELECT group_concat(attempt) FROM (SELECT attempt FROM run ORDER BY id)"),
            "1,2,3");
}

TEST_F(StoreTest, AKilledProcessLosesOnlyWhatWasNotCommitted) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    StoreOptions options;
    options.commit_interval = std::chrono::hours(1);
    auto store = ResultsStore::Open(path_, options);
    const std::string id = *(*store)->BeginRun(*SampleRun(**store));
    for (int step = 1; step <= 20; ++step) {
      const Sample samples[] = {{kTrainLossNats, step, 1.0 / step, {}, {}}};
      (*store)->Append(id, samples).IgnoreError();
      if (step == 15) (*store)->Flush().IgnoreError();
    }
    kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto store = MustOpen();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Ask("SELECT count(*) || ' ' || max(step) FROM point"), "15 15");
  EXPECT_EQ(Ask("SELECT status FROM run"), "running");
  Outcome killed;
  killed.status = RunStatus::kKilled;
  killed.exit_code = 137;
  EXPECT_TRUE(store->EndRun(Ask("SELECT id FROM run"), killed).ok())
      << "the next process may end an orphan";
}

TEST_F(StoreTest, SamplesAreCommittedAboutOnceASecond) {
  StoreOptions options;
  options.commit_interval = std::chrono::milliseconds(50);
  auto store = MustOpen(options);
  const std::string id = MustBegin(*store);
  const Sample first[] = {{kTrainLossNats, 1, 1.0, {}, {}}};
  const Sample second[] = {{kTrainLossNats, 2, 1.0, {}, {}}};
  ASSERT_TRUE(store->Flush().ok());
  usleep(60 * 1000);
  ASSERT_TRUE(store->Append(id, first).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM point"), "1");
  ASSERT_TRUE(store->Append(id, second).ok());
  store.reset();
  EXPECT_EQ(Ask("SELECT count(*) FROM point"), "2") << "the destructor commits the rest";
}

TEST_F(StoreTest, TimingsAreCommittedWithTheSamplesAndTheFirstStays) {
  StoreOptions options;
  options.commit_interval = std::chrono::hours(1);
  auto store = MustOpen(options);
  const std::string id = MustBegin(*store);
  Timing timing;
  timing.bench = "train_step";
  timing.ord = 1;
  timing.ns = 500;
  ASSERT_TRUE(store->AppendTimings(id, std::span(&timing, 1)).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM timing"), "0") << "nothing is committed at every step";
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM timing"), "1");
  timing.ns = 700;
  ASSERT_TRUE(store->AppendTimings(id, std::span(&timing, 1)).ok());
  ASSERT_TRUE(store->Flush().ok()) << "the same step, run again by another process";
  EXPECT_EQ(Ask("SELECT ns FROM timing"), "500");
  EXPECT_EQ(store->AppendTimings("nobody", std::span(&timing, 1)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, BlocksOfTheSameBitsAreSkippedAndOthersRefused) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const std::string dataset = *store->Upsert(SampleDataset("valid"));
  EvalBlock block;
  block.dataset = dataset;
  block.step = 3;
  block.n_units = 10;
  block.nll_bits = 20.5;
  ASSERT_TRUE(store->AppendEvalBlocks(id, std::span(&block, 1)).ok());
  EXPECT_TRUE(store->AppendEvalBlocks(id, std::span(&block, 1)).ok());
  block.nll_bits = 20.25;
  EXPECT_EQ(store->AppendEvalBlocks(id, std::span(&block, 1)).code(),
            absl::StatusCode::kAlreadyExists);
  block.protocol = "another";
  EXPECT_TRUE(store->AppendEvalBlocks(id, std::span(&block, 1)).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM eval_block"), "2");
}

TEST_F(StoreTest, TheEndOfARunIsWrittenAsAWholeOrNotAtAll) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const Sample samples[] = {{kTrainLossNats, 1, 3.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  Summary summary;
  summary.metric = kValidBitsPerByte;
  summary.value = 2.5;
  EvalBlock blocks[2];
  blocks[0].dataset = blocks[1].dataset = *store->Upsert(SampleDataset("valid"));
  blocks[1].block = 1;
  Outcome incomplete = OkOutcome();
  incomplete.peak_bytes_held.reset();
  EXPECT_FALSE(store->EndRun(id, incomplete, std::span(&summary, 1), blocks).ok());
  blocks[1].dataset = "nowhere";
  EXPECT_FALSE(store->EndRun(id, OkOutcome(), std::span(&summary, 1), blocks).ok());
  EXPECT_EQ(Ask("SELECT status FROM run"), "running");
  EXPECT_EQ(Ask("SELECT (SELECT count(*) FROM eval_block) + (SELECT count(*) FROM summary)"), "0");
  blocks[1].dataset = blocks[0].dataset;
  EXPECT_TRUE(store->EndRun(id, OkOutcome(), std::span(&summary, 1), blocks).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM eval_block"), "2");
  EXPECT_EQ(Ask("SELECT bits_per_byte FROM v_result"), "2.5");
}

TEST_F(StoreTest, AnUnfinishedRunIsFoundWarnedAndCounted) {
  auto store = MustOpen();
  const std::string id = MustBegin(*store);
  const std::string cell = SampleRun(*store)->cell;
  const Sample samples[] = {{kTrainLossNats, 0, 9.0, {}, {}},
                            {kTrainLossNats, 1, 3.0, {}, {}},
                            {kTrainLossNats, 2, 2.0, {}, {}},
                            {kTrainLossNats, 4, 1.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(*store->CountSamples(id, kTrainLossNats, 3), 2);
  EXPECT_EQ(*store->CountSamples(id, kTrainLossNats, 4), 3);
  EXPECT_EQ(*store->CountSamples(id, kGradientNorm, 4), 0);
  const auto open = *store->FindOpenRuns(cell);
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].id, id);
  EXPECT_EQ(open[0].threads, 2);
  EXPECT_EQ(open[0].build, SampleRun(*store)->build);
  ASSERT_TRUE(store->AddWarning(id, "resumed \"here\"").ok());
  ASSERT_TRUE(store->AddWarning(id, "and there").ok());
  EXPECT_EQ(Ask("SELECT json_extract(warnings_json, '$[0]') FROM run"), "resumed \"here\"");
  EXPECT_EQ(Ask("SELECT json_array_length(warnings_json) FROM run"), "2");
  ASSERT_TRUE(store->EndRun(id, OkOutcome()).ok());
  EXPECT_TRUE(store->FindOpenRuns(cell)->empty());
  EXPECT_EQ(store->AddWarning(id, "late").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, TwoStoresTakeTurns) {
  auto first = MustOpen();
  auto second = MustOpen();
  const std::string a = MustBegin(*first);
  auto run = SampleRun(*second, "2@1 2@2 2@1", "hourglass");
  ASSERT_TRUE(run.ok());
  const std::string b = *second->BeginRun(*run);
  for (int step = 1; step <= 20; ++step) {
    const Sample samples[] = {{kTrainLossNats, step, 1.0, {}, {}}};
    ASSERT_TRUE(first->Append(a, samples).ok());
    ASSERT_TRUE(second->Append(b, samples).ok());
    ASSERT_TRUE(first->Flush().ok());
    ASSERT_TRUE(second->Flush().ok());
  }
  ASSERT_TRUE(first->EndRun(a, OkOutcome()).ok());
  ASSERT_TRUE(second->EndRun(b, OkOutcome()).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM point"), "40");
  EXPECT_EQ(Ask("SELECT count(*) FROM config"), "2");
}

TEST_F(StoreTest, ALockedFileSaysSoAndKeepsTheSamples) {
  StoreOptions options;
  options.busy_timeout = std::chrono::milliseconds(50);
  auto store = MustOpen(options);
  const std::string id = MustBegin(*store);
  const Sample samples[] = {{kTrainLossNats, 1, 1.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  SQLite::Database other(path_, SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  const absl::Status status = store->Flush();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_TRUE(Mentions(status, path_) && Mentions(status, "try again")) << status;
  other.exec("ROLLBACK");
  EXPECT_TRUE(store->Flush().ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM point"), "1");
}

TEST_F(StoreTest, ReopeningKeepsEverything) {
  std::string id;
  {
    auto store = MustOpen();
    id = MustBegin(*store);
    const Sample samples[] = {{kTrainLossNats, 1, 1.0, {}, {}}};
    ASSERT_TRUE(store->Append(id, samples).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal")) << "a closed store is one file";
  auto store = MustOpen();
  const Sample samples[] = {{kTrainLossNats, 2, 1.0, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->EndRun(id, OkOutcome()).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM point"), "2");
}

TEST_F(StoreTest, RunIdsSort) {
  auto store = MustOpen();
  auto run = SampleRun(*store);
  ASSERT_TRUE(run.ok());
  std::string last;
  for (int i = 0; i < 50; ++i) {
    const std::string id = *store->BeginRun(*run);
    EXPECT_EQ(id.size(), 26u);
    EXPECT_LT(last, id);
    last = id;
  }
}

// --- files that are not ours ---

TEST_F(StoreTest, ANewerSchemaIsRefusedUnchanged) {
  MustOpen();
  { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99"); }
  const auto before = Sha256FileHex(path_);
  const auto store = ResultsStore::Open(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Mentions(store.status(), path_) && Mentions(store.status(), "99") &&
              Mentions(store.status(), "newer"))
      << store.status();
  EXPECT_EQ(ResultsReader::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*Sha256FileHex(path_), *before);
}

TEST_F(StoreTest, AnotherProgramsDatabaseIsRefusedUnchanged) {
  {
    SQLite::Database db(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("CREATE TABLE diary(text)");
  }
  for (const char* application_id : {"0", "42"}) {
    {
      SQLite::Database db(path_, SQLite::OPEN_READWRITE);
      db.exec(std::string("PRAGMA application_id = ") + application_id);
    }
    const auto before = Sha256FileHex(path_);
    const auto store = ResultsStore::Open(path_);
    EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_TRUE(Mentions(store.status(), "another program")) << store.status();
    EXPECT_EQ(ResultsReader::Open(path_).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(*Sha256FileHex(path_), *before);
  }
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsRefusedUnchanged) {
  const std::string text(5000, 'x');
  ASSERT_TRUE(WriteFileAtomically(path_, text).ok());
  const auto store = ResultsStore::Open(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
  EXPECT_TRUE(Mentions(store.status(), path_)) << store.status();
  EXPECT_EQ(ResultsReader::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*ReadFile(path_), text);
}

TEST_F(StoreTest, ATruncatedDatabaseIsAnErrorNotACrash) {
  {
    auto store = MustOpen();
    MustBegin(*store);
  }
  std::filesystem::resize_file(path_, 5000);
  const auto store = ResultsStore::Open(path_);
  EXPECT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
}

TEST_F(StoreTest, MissingPlacesAreNamed) {
  const std::string nowhere = folder_ / "no" / "such" / "folder.db";
  const auto store = ResultsStore::Open(nowhere);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Mentions(store.status(), nowhere)) << store.status();
  EXPECT_EQ(ResultsReader::Open(path_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_)) << "reading must not create a file";
  EXPECT_EQ(ResultsStore::Open(folder_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(StoreTest, AnEmptyFileBecomesADatabaseButIsNotReadAsOne) {
  ASSERT_TRUE(WriteFileAtomically(path_, "").ok());
  EXPECT_EQ(ResultsReader::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(MustOpen(), nullptr);
}

}  // namespace
}  // namespace hourglass::results
