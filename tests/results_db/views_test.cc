// What the public views say about a database whose rows are known.
#include <cmath>

#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

using Lines = std::vector<std::string>;

class ViewsTest : public DatabaseTest {
 protected:
  void SetUp() override {
    DatabaseTest::SetUp();
    FillSample(path_);
  }
};

TEST_F(ViewsTest, AScoreIsTheMeanOverSeeds) {
  // Losses of vanilla are 1.5 and 1.75 nats, stored as value / 0.7; of the other model 1.25 twice.
  EXPECT_EQ(
      AskAll(path_,
             "SELECT model || ' ' || seeds || ' ' || round(bits_per_byte, 6) || ' '"
             " || round(bits_per_byte_variance, 6) || ' ' || train_bytes || ' '"
             " || train_flops FROM v_score ORDER BY model"),
      (Lines{"2@1 2@2 2@1 2 1.785714 0.0 400 1200000", "4@1 2 2.321429 0.063776 400 1200000"}));
  EXPECT_EQ(Ask(path_,
                "SELECT round(bits_per_byte_low, 4) || ' ' || round(bits_per_byte_high, 4)"
                " FROM v_score WHERE model = '4@1'"),
            "2.1429 2.5");
}

TEST_F(ViewsTest, AScoreCountsACellOnceHoweverOftenItWasRun) {
  {
    auto store = ResultsStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    AddOkRun(**store, "4@1", "vanilla", 0, 99.0);
  }
  EXPECT_EQ(Ask(path_,
                "SELECT seeds || ' ' || round(bits_per_byte, 6) FROM v_score"
                " WHERE model = '4@1'"),
            "2 2.321429");
  EXPECT_EQ(Ask(path_, "SELECT attempts FROM v_cell WHERE model = '4@1' AND replica = 0"), "2");
}

TEST_F(ViewsTest, AScoreOfOneSeedHasNoVariance) {
  const std::string one = folder_ / "one.db";
  AddOkRun(*FixedStore(one), "4@1", "vanilla", 0, 1.5);
  EXPECT_EQ(Ask(one, "SELECT seeds || ' ' || (bits_per_byte_variance IS NULL) FROM v_score"),
            "1 1");
}

TEST_F(ViewsTest, CellsSayWhetherTheyAreDone) {
  EXPECT_EQ(AskAll(path_,
                   "SELECT model || ' ' || replica || ' ' || newest_status || ' '"
                   " || (done_run IS NOT NULL) FROM v_cell ORDER BY 1"),
            (Lines{"2@1 2@2 2@1 0 ok 1", "2@1 2@2 2@1 1 ok 1", "2@1 2@2 2@1 2 running 0",
                   "4@1 0 ok 1", "4@1 1 ok 1", "4@1 2 diverged 0"}));
}

TEST_F(ViewsTest, UnfinishedAndFailedRunsSayHowFarTheyCame) {
  EXPECT_EQ(AskAll(path_,
                   "SELECT model || ' ' || replica || ' ' || last_step || '/' || budget"
                   " FROM v_unfinished"),
            Lines{"2@1 2@2 2@1 2 2/10"});
  EXPECT_EQ(AskAll(path_,
                   "SELECT model || ' ' || status || ' ' || exit_code || ' ' || last_step"
                   " || ' ' || (done_run IS NULL) FROM v_failed"),
            Lines{"4@1 diverged 18 2 1"});
  {
    auto store = ResultsStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    AddOkRun(**store, "4@1", "vanilla", 2, 1.0);
  }
  EXPECT_EQ(Ask(path_, "SELECT done_run = (SELECT max(id) FROM run) FROM v_failed"), "1");
}

TEST_F(ViewsTest, WhatIsNotOkIsFoundWithoutReadingEveryRun) {
  for (const char* view : {"v_unfinished", "v_failed"}) {
    SQLite::Database db(path_, SQLite::OPEN_READONLY);
    SQLite::Statement plan(db, std::string("EXPLAIN QUERY PLAN SELECT run FROM ") + view);
    ASSERT_TRUE(plan.executeStep());
    EXPECT_NE(plan.getColumn(3).getString().find("SEARCH r USING INDEX run_by_status"),
              std::string::npos)
        << plan.getColumn(3).getString();
  }
}

TEST_F(ViewsTest, ProvenanceHasAllThatARunStandsOn) {
  EXPECT_EQ(AskAll(path_,
                   "SELECT DISTINCT cpu_model || '|' || train_data || '|' || valid_data"
                   " || '|' || json_extract(deps_json, '$.oneDNN') FROM v_provenance"),
            Lines{"Example CPU|sample train 1|sample valid 1|3.2.0"});
  EXPECT_EQ(Ask(path_, "SELECT count(*) FROM v_provenance"), "6");
  EXPECT_EQ(Ask(path_, "SELECT cells || ' ' || runs FROM v_experiment"), "6 6");
  EXPECT_EQ(Ask(path_,
                "SELECT sum(bits_per_unit) FROM v_eval_block WHERE block = 0 AND run ="
                " (SELECT min(run) FROM v_result)"),
            "2.1");
}

}  // namespace
}  // namespace hourglass::results
