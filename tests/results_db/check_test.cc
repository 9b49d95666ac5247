#include "results_db/check.h"

#include <fstream>

#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

class CheckTest : public DatabaseTest {
 protected:
  // "kind: subject" of every error found.
  std::vector<std::string> Errors() {
    const auto report = CheckDatabase(path_);
    EXPECT_TRUE(report.ok()) << report.status();
    std::vector<std::string> errors;
    for (const Finding& finding : report->findings) {
      if (finding.error) errors.push_back(finding.kind + ": " + finding.subject);
    }
    EXPECT_EQ(report->Clean(), errors.empty());
    return errors;
  }

  // Changes rows as no program of ours can: without guards, which are put back.
  void Tamper(const std::string& guard, const std::string& sql) {
    const std::string trigger =
        Ask(path_, "SELECT sql FROM sqlite_master WHERE name = '" + guard + "'");
    Execute(path_, "PRAGMA foreign_keys = OFF; DROP TRIGGER " + guard + ";" + sql + ";" + trigger);
  }

  using Lines = std::vector<std::string>;
  const std::string first_ = "01000000000000000000000000";
};

TEST_F(CheckTest, AFileAsItWasWrittenIsCleanAndUnfinishedRunsAreNamed) {
  FillSample(path_);
  const std::string sha256 = Sha256FileHex(path_).value();
  const auto report = CheckDatabase(path_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->Clean());
  EXPECT_EQ(report->runs, 6);
  EXPECT_EQ(report->points, 12);
  ASSERT_EQ(report->findings.size(), 1u) << "one run is running";
  EXPECT_FALSE(report->findings[0].error);
  EXPECT_NE(report->findings[0].message.find("step 2 of 10 steps"), std::string::npos)
      << report->findings[0].message;
  EXPECT_EQ(Sha256FileHex(path_).value(), sha256) << "a check changes nothing";
}

TEST_F(CheckTest, AnEmptyDatabaseIsClean) {
  FixedStore(path_);
  EXPECT_EQ(Errors(), Lines{});
}

TEST_F(CheckTest, AChangedRunIsFound) {
  FillSample(path_);
  Tamper("run_final_update", "UPDATE run SET threads = 64 WHERE id = '" + first_ + "'");
  EXPECT_EQ(Errors(), Lines{"hash: run " + first_});
}

TEST_F(CheckTest, AChangedAMissingAndAnAddedLossAreFound) {
  FillSample(path_);
  const std::string loss = " AND metric = (SELECT id FROM metric WHERE name = 'train_loss_nats')";
  Tamper("point_update", "UPDATE point SET value = 1.0, bits = 4607182418800017408 WHERE run = '" +
                             first_ + "'" + loss);
  EXPECT_EQ(Errors(), Lines{"hash: run " + first_});
  Tamper("point_delete", "DELETE FROM point WHERE run = '" + first_ + "'" + loss);
  EXPECT_EQ(Errors(), Lines{"hash: run " + first_});
}

// With their bits, so that the row agrees with itself.
TEST_F(CheckTest, WhateverWasMeasuredIsSealed) {
  const std::string of_run = " WHERE run = '" + first_ + "'";
  const std::string one = " SET value = 1.0, bits = 4607182418800017408" + of_run;
  const std::pair<const char*, std::string> edits[] = {
      {"point_update", "UPDATE point" + one +
                           " AND metric = (SELECT id FROM metric WHERE name ="
                           " 'valid_bits_per_byte')"},
      {"summary_update", "UPDATE summary" + one + " AND agg = 'best'"},
      {"summary_delete", "DELETE FROM summary" + of_run + " AND agg = 'best'"},
      {"timing_update", "UPDATE timing SET ns = ns + 1" + of_run},
      {"eval_block_update",
       "UPDATE eval_block SET nll_bits = 1.0, bits = 4607182418800017408" + of_run},
      {"eval_block_delete", "DELETE FROM eval_block" + of_run}};
  for (const auto& [guard, sql] : edits) {
    path_ = folder_ / (std::string(guard) + ".db");
    FillSample(path_);
    ASSERT_EQ(Errors(), Lines{});
    Tamper(guard, sql);
    EXPECT_EQ(Errors(), Lines{"hash: run " + first_}) << sql;
  }
}

TEST_F(CheckTest, ASealThatWasTakenOffIsFound) {
  FillSample(path_);
  Execute(path_, "DELETE FROM artifact WHERE run = '" + first_ + "'");
  EXPECT_EQ(Errors(), Lines{"hash: run " + first_});
}

TEST_F(CheckTest, AValueThatIsNotItsBitsIsFound) {
  FillSample(path_);
  Tamper("point_update", "UPDATE point SET value = 2.0 WHERE run = '" + first_ +
                             "' AND metric ="
                             " (SELECT id FROM metric WHERE name = 'valid_bits_per_byte')");
  Tamper("summary_update",
         "UPDATE summary SET value = NULL WHERE agg = 'best' AND run = '" + first_ + "'");
  Tamper("eval_block_update", "UPDATE eval_block SET nll_bits = 0 WHERE run = '" + first_ + "'");
  EXPECT_EQ(Errors(), (Lines(3, "bits: run " + first_)));
}

TEST_F(CheckTest, NanAndTheSignOfZeroAreNoFindings) {
  auto store = FixedStore(path_);
  const std::string id = AddUnfinishedRun(*store, "4@1", "vanilla", 0);
  const Sample samples[] = {{kGradientNorm, 1, std::nan(""), {}, {}},
                            {kGradientNorm, 2, -0.0, {}, {}},
                            {kGradientNorm, 3, HUGE_VAL, {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  Outcome failed;
  failed.status = RunStatus::kFailed;
  failed.exit_code = 70;
  ASSERT_TRUE(store->EndRun(id, failed).ok());
  EXPECT_EQ(Errors(), Lines{});
}

TEST_F(CheckTest, ContentThatIsNotThatOfItsIdIsFound) {
  FillSample(path_);
  const std::string config = RowId(SampleConfig("4@1", "vanilla"));
  Tamper("config_update", "UPDATE config SET n_params = 7 WHERE id = '" + config + "'");
  Tamper("source_rev_update", "UPDATE source_rev SET commit_sha = 'f00d'");
  Tamper("experiment_update", "UPDATE experiment SET spec_text = 'name: \"other\"'");
  EXPECT_EQ(Errors(),
            (Lines{"id: source revision " + RowId(SampleSource()),
                   "id: experiment " + RowId(SampleExperiment()), "id: configuration " + config}));
}

TEST_F(CheckTest, ARowThatPointsNowhereIsFound) {
  FillSample(path_);
  Execute(path_,
          "PRAGMA foreign_keys = OFF; INSERT INTO artifact VALUES ('none', 'x', 'y', 1, 'z')");
  EXPECT_EQ(Errors(), Lines{"foreign key: artifact"});
}

TEST_F(CheckTest, AMissingGuardAChangedViewAndAnotherMigrationAreFound) {
  FillSample(path_);
  Execute(path_,
          "DROP TRIGGER point_update; DROP VIEW v_claim;"
          "CREATE VIEW v_claim AS SELECT 'reproduced' AS outcome;"
          "UPDATE schema_migration SET sha256 = 'x' WHERE version = 2;"
          "CREATE VIEW my_own AS SELECT 1 AS one");
  EXPECT_EQ(Errors(), (Lines{"schema: 002_protocol_and_views", "schema: trigger point_update",
                             "schema: view v_claim"}));
}

TEST_F(CheckTest, ADamagedPageIsAFindingNotACrash) {
  FillSample(path_);
  const auto size = std::filesystem::file_size(path_);
  for (const std::uintmax_t page : {size / 4096 - 1, size / 4096 / 2}) {
    FillSample(path_ + std::to_string(page));
    std::filesystem::copy_file(path_ + std::to_string(page), path_,
                               std::filesystem::copy_options::overwrite_existing);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(page * 4096));
    file << std::string(4096, '\x7f');
    file.close();
    EXPECT_FALSE(Errors().empty()) << page;
  }
}

TEST_F(CheckTest, ATruncatedFileIsAFinding) {
  FillSample(path_);
  for (const std::uintmax_t size : {std::filesystem::file_size(path_) / 2, std::uintmax_t{5000}}) {
    std::filesystem::resize_file(path_, size);
    EXPECT_FALSE(Errors().empty()) << size;
  }
}

TEST_F(CheckTest, WhatIsNoneOfOursIsAnError) {
  EXPECT_EQ(CheckDatabase(path_).status().code(), absl::StatusCode::kNotFound);
  Execute(path_, "CREATE TABLE diary(text)");
  EXPECT_EQ(CheckDatabase(path_).status().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(WriteFileAtomically(path_, std::string(5000, 'x')).ok());
  EXPECT_EQ(CheckDatabase(path_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace hourglass::results
