#include "results_db/query.h"

#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

class QueryTest : public DatabaseTest {};

TEST_F(QueryTest, ARunIsReadBackAsItWasWritten) {
  auto store = FixedStore(path_);
  SourceRev source = SampleSource();
  source.dirty = true;
  source.diff = "+x";
  auto run = SampleRun(*store);
  ASSERT_TRUE(run.ok());
  run->build = *store->Upsert(SampleBuild(*store->Upsert(source)));
  run->env = {{"OMP_NUM_THREADS", "2"}};
  run->warnings = {"--allow-dirty"};
  run->reason = RunReason::kForce;
  const std::string id = *store->BeginRun(*run);
  const Sample samples[] = {{kTrainLossNats, 1, 0.1, 120000, 77}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  const EvalBlock blocks[] = {{*store->Upsert(SampleDataset("valid")), 1, 1, 10, 25.5},
                              {*store->Upsert(SampleDataset("valid")), 1, 0, 10, 26.5},
                              {*store->Upsert(SampleDataset("valid")), 1, 0, 10, 24.5, "long"}};
  ASSERT_TRUE(store->AppendEvalBlocks(id, blocks).ok());
  const Timing timings[] = {{"train_step", 0, "head", 1, 12, 1},
                            {"train_step", 0, "head", 0, 11, 1}};
  ASSERT_TRUE(store->AppendTimings(id, timings).ok());
  Outcome outcome = OkOutcome();
  outcome.warnings = {"busy machine"};
  ASSERT_TRUE(store->EndRun(id, outcome).ok());

  auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto experiments = (*reader)->Experiments();
  ASSERT_TRUE(experiments.ok());
  ASSERT_EQ(experiments->size(), 1u);
  EXPECT_EQ((*experiments)[0].row.slug, "sample");
  EXPECT_EQ((*experiments)[0].newest_run, id);
  const auto runs = (*reader)->Runs((*experiments)[0].id);
  ASSERT_TRUE(runs.ok()) << runs.status();
  ASSERT_EQ(runs->size(), 1u);
  const RunRecord& record = (*runs)[0];
  EXPECT_EQ(record.status, RunStatus::kOk);
  EXPECT_TRUE(record.is_primary);
  EXPECT_EQ(record.cell.seed, 0xfedcba9876543210u);
  EXPECT_EQ(RowId(record.cell), record.cell_id);
  EXPECT_EQ(RowId(record.config), record.config_id);
  EXPECT_EQ(RowId(record.build), record.build_id);
  EXPECT_EQ(RowId(record.host), record.host_id);
  EXPECT_EQ(RowId(record.train), record.cell.dataset_train);
  ASSERT_TRUE(record.valid.has_value());
  EXPECT_EQ(RowId(*record.valid), *record.cell.dataset_valid);
  EXPECT_TRUE(record.source.dirty);
  EXPECT_EQ(record.diff_sha256.size(), 64u);
  EXPECT_EQ(record.run.argv, run->argv);
  EXPECT_EQ(record.run.env, run->env);
  EXPECT_EQ(record.run.reason, RunReason::kForce);
  EXPECT_EQ(record.run.warnings, (std::vector<std::string>{"--allow-dirty", "busy machine"}));
  EXPECT_EQ(record.outcome.peak_bytes_held, OkOutcome().peak_bytes_held);
  EXPECT_EQ(record.outcome.flops_step_executed, OkOutcome().flops_step_executed);
  EXPECT_EQ(record.NeededStepFlops(), 120000);
  EXPECT_EQ(record.UnitsPerStep(), 40);
  const auto curve = (*reader)->Curve(id, kTrainLossNats);
  ASSERT_TRUE(curve.ok());
  ASSERT_EQ(curve->size(), 1u);
  EXPECT_EQ((*curve)[0].value, 0.1);
  EXPECT_EQ((*curve)[0].flops, 120000);
  EXPECT_EQ((*curve)[0].wall_ns, 77);
  const auto read_blocks = (*reader)->EvalBlocks(id);
  ASSERT_TRUE(read_blocks.ok());
  ASSERT_EQ(read_blocks->size(), 3u);
  EXPECT_EQ((*read_blocks)[0].protocol, "long");
  EXPECT_EQ((*read_blocks)[1].protocol, "windows");
  EXPECT_EQ((*read_blocks)[1].nll_bits, 26.5);
  const auto read_timings = (*reader)->Timings(id);
  ASSERT_TRUE(read_timings.ok());
  ASSERT_EQ(read_timings->size(), 2u);
  EXPECT_EQ((*read_timings)[0].ns, 11);
  EXPECT_EQ((*reader)->FindRun("none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QueryTest, RunsComeVanillaFirstThenByModelAndReplica) {
  auto store = FixedStore(path_);
  AddOkRun(*store, "2@1 2@2 2@1", "hourglass", 1, 1);
  AddOkRun(*store, "2@1 2@2 2@1", "hourglass", 0, 1);
  AddOkRun(*store, "4@1", "vanilla", 1, 1);
  AddOkRun(*store, "4@1", "vanilla", 0, 1);
  auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok());
  const auto runs = (*reader)->Runs((*(*reader)->Experiments())[0].id);
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), 4u);
  std::string order;
  for (const RunRecord& run : *runs) {
    order += run.config.label + "/" + std::to_string(run.cell.replica) + " ";
  }
  EXPECT_EQ(order, "4@1/0 4@1/1 2@1 2@2 2@1/0 2@1 2@2 2@1/1 ");
}

TEST_F(QueryTest, ContentHashSeesValuesAndNothingElse) {
  const auto hash = [&](const std::string& name) {
    auto reader = ResultsReader::Open(folder_ / name);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *(*reader)->ContentSha256();
  };
  for (const char* name : {"a.db", "b.db"})
    AddOkRun(*FixedStore(folder_ / name), "4@1", "vanilla", 0, 1.5);
  AddOkRun(*FixedStore(folder_ / "other.db"), "4@1", "vanilla", 0, 1.5000000000000002);
  EXPECT_EQ(hash("a.db"), hash("b.db"));
  EXPECT_NE(hash("a.db"), hash("other.db"));
  const std::string before = hash("a.db");
  { SQLite::Database((folder_ / "a.db").string(), SQLite::OPEN_READWRITE).exec("VACUUM"); }
  EXPECT_EQ(hash("a.db"), before);
  {
    // A merged file numbers its metrics in another way.
    SQLite::Database db((folder_ / "b.db").string(), SQLite::OPEN_READWRITE);
    db.exec(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER point_update; DROP TRIGGER metric_update;"
        "DROP TRIGGER summary_update;"
        "UPDATE point SET metric = metric + 100; UPDATE summary SET metric = metric + 100;"
        "UPDATE metric SET id = id + 100;");
  }
  EXPECT_EQ(hash("b.db"), before);
}

TEST_F(QueryTest, ReadingIsPossibleWhileAStoreIsOpen) {
  auto store = FixedStore(path_);
  AddOkRun(*store, "4@1", "vanilla", 0, 1);
  auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  AddOkRun(*store, "4@1", "vanilla", 1, 1);
  const auto runs = (*reader)->Runs((*(*reader)->Experiments())[0].id);
  ASSERT_TRUE(runs.ok());
  EXPECT_EQ(runs->size(), 1u) << "a reader sees one moment";
}

}  // namespace
}  // namespace hourglass::results
