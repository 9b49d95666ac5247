// What tests of database files share: a folder of their own, a store with a fixed clock, plain SQL.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "gtest/gtest.h"
#include "results_db/store.h"
#include "tests/results_db/sample_rows.h"

namespace hourglass::results {

inline constexpr char kSampleTime[] = "2021-10-26T12:00:00.000000Z";

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) / info->test_suite_name() / info->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "results.db";
  }

  // A store whose clock and run ids are fixed.
  static std::unique_ptr<ResultsStore> FixedStore(const std::string& path) {
    StoreOptions options;
    options.now = [] { return std::string(kSampleTime); };
    options.new_run_id = [n = 0]() mutable {
      std::string id = std::to_string(n++);
      return "01" + std::string(24 - id.size(), '0') + id;
    };
    auto store = ResultsStore::Open(path, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  // One run that ended `ok` after one step.
  static std::string AddOkRun(ResultsStore& store, const std::string& label,
                              const std::string& family, int64_t replica, double loss) {
    auto run = SampleRun(store, label, family, replica);
    EXPECT_TRUE(run.ok()) << run.status();
    auto id = store.BeginRun(*run);
    EXPECT_TRUE(id.ok()) << id.status();
    const Sample samples[] = {{kTrainLossNats, 1, loss, 120000, 77},
                              {kValidBitsPerByte, 1, loss / 0.7, 120000, 77}};
    EXPECT_TRUE(store.Append(*id, samples).ok());
    const EvalBlock blocks[] = {{RowId(SampleDataset("valid")), 1, 0, 10, loss * 14, "windows"},
                                {RowId(SampleDataset("valid")), 1, 1, 10, loss * 15, "windows"}};
    EXPECT_TRUE(store.AppendEvalBlocks(*id, blocks).ok());
    const Timing timings[] = {{"train_step", 0, "head", 1, 12, 1}};
    EXPECT_TRUE(store.AppendTimings(*id, timings).ok());
    EXPECT_TRUE(store.EndRun(*id, OkOutcome()).ok());
    return *id;
  }

  // A run of two steps that was left `running`.
  static std::string AddUnfinishedRun(ResultsStore& store, const std::string& label,
                                      const std::string& family, int64_t replica) {
    auto run = SampleRun(store, label, family, replica);
    EXPECT_TRUE(run.ok()) << run.status();
    auto id = store.BeginRun(*run);
    EXPECT_TRUE(id.ok()) << id.status();
    const Sample samples[] = {{kTrainLossNats, 1, 5.0, 120000, 77},
                              {kTrainLossNats, 2, 4.0, 240000, 99}};
    EXPECT_TRUE(store.Append(*id, samples).ok());
    EXPECT_TRUE(store.Flush().ok());
    return *id;
  }

  // Two models with two seeds each, one run that failed, one that is not finished.
  static void FillSample(const std::string& path) {
    auto store = FixedStore(path);
    for (int64_t replica = 0; replica < 2; ++replica) {
      AddOkRun(*store, "4@1", "vanilla", replica, 1.5 + 0.25 * static_cast<double>(replica));
      AddOkRun(*store, "2@1 2@2 2@1", "hourglass", replica, 1.25);
    }
    Outcome failed;
    failed.status = RunStatus::kDiverged;
    failed.exit_code = 18;
    failed.error = "loss is \"not\" a number, at step 2";
    EXPECT_TRUE(store->EndRun(AddUnfinishedRun(*store, "4@1", "vanilla", 2), failed).ok());
    AddUnfinishedRun(*store, "2@1 2@2 2@1", "hourglass", 2);
  }

  // Runs statements past the store; for reading a value, see Ask.
  static void Execute(const std::string& path, const std::string& sql) {
    SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 1000).exec(sql);
  }

  static std::string Ask(const std::string& path, const std::string& sql) {
    return SQLite::Database(path, SQLite::OPEN_READWRITE, 1000).execAndGet(sql).getString();
  }

  // First column of every row.
  static std::vector<std::string> AskAll(const std::string& path, const std::string& sql) {
    SQLite::Database db(path, SQLite::OPEN_READWRITE, 1000);
    SQLite::Statement row(db, sql);
    std::vector<std::string> values;
    while (row.executeStep()) values.push_back(row.getColumn(0).getString());
    return values;
  }

  std::filesystem::path folder_;
  std::string path_;
};

inline bool Mentions(const absl::Status& status, std::string_view text) {
  return std::string_view(status.message().data(), status.message().size()).find(text) !=
         std::string_view::npos;
}

}  // namespace hourglass::results
