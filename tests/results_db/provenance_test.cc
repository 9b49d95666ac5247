// A run becomes `ok` only with its whole provenance: every column of every row it stands on is
// tried.
#include <map>
#include <set>

#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

class ProvenanceTest : public DatabaseTest {
 protected:
  void SetUp() override {
    DatabaseTest::SetUp();
    AddOkRun(*FixedStore(path_), "4@1", "vanilla", 0, 1.5);
    db_ = std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE);
  }

  std::vector<std::string> Columns(const std::string& table) {
    SQLite::Statement row(*db_, "SELECT name FROM pragma_table_info(?) WHERE name <> 'id'");
    row.bind(1, table);
    std::vector<std::string> columns;
    while (row.executeStep()) columns.push_back(row.getColumn(0).getString());
    return columns;
  }

  // Inserts a copy of the table's first row with changes; empty, or what the database says to it.
  std::string InsertCopy(const std::string& table, const std::string& changes) {
    db_->exec("DROP TABLE IF EXISTS temp.copy; CREATE TEMP TABLE copy AS SELECT * FROM main." +
              table + " LIMIT 1; UPDATE temp.copy SET " + changes);
    return Try("INSERT INTO main." + table + " SELECT * FROM temp.copy");
  }

  std::string Try(const std::string& sql) {
    try {
      db_->exec(sql);
      return "";
    } catch (const SQLite::Exception& error) {
      return error.what();
    }
  }

  // A fresh id of the length that `run` demands.
  std::string NewId() {
    const std::string number = std::to_string(++ids_);
    return std::string(26 - number.size(), 'X') + number;
  }

  std::unique_ptr<SQLite::Database> db_;
  int ids_ = 0;
};

TEST_F(ProvenanceTest, EveryColumnOfARunIsFilledOrNamedBeforeItIsOk) {
  const std::set<std::string> optional = {"parent_run", "error", "load_json", "ckpt_sha256"};
  for (const std::string& column : Columns("run")) {
    if (column == "status") continue;
    const std::string id = NewId();
    std::string refusal =
        InsertCopy("run", "id = '" + id + "', status = 'running', \"" + column + "\" = NULL");
    if (refusal.empty()) refusal = Try("UPDATE run SET status = 'ok' WHERE id = '" + id + "'");
    if (optional.count(column) > 0) {
      EXPECT_EQ(refusal, "") << column;
    } else {
      EXPECT_NE(refusal.find(column), std::string::npos) << column << ": " << refusal;
    }
  }
}

TEST_F(ProvenanceTest, AnOkRunIsNotInsertedIncompleteEither) {
  EXPECT_EQ(InsertCopy("run", "id = '" + NewId() + "'"), "");
  for (const char* column :
       {"ended_at", "exit_code", "primitives_json", "peak_bytes_planned", "peak_bytes_held",
        "flops_executed", "flops_step_executed", "trace_sha256", "row_sha256"}) {
    EXPECT_NE(InsertCopy("run", "id = '" + NewId() + "', " + column + " = NULL"), "") << column;
  }
}

TEST_F(ProvenanceTest, EveryColumnOfWhatARunStandsOnIsFilled) {
  const std::map<std::string, std::set<std::string>> optional = {
      {"source_rev", {"parent_sha", "diff_sha256", "diff_blob"}},
      {"build", {}},
      {"host", {}},
      {"dataset", {}},
      {"config", {"flops_fwd_dense_trax"}},
      {"experiment", {"paper_ref"}},
      {"cell", {"dataset_valid"}}};
  for (const auto& [table, may_be_null] : optional) {
    for (const std::string& column : Columns(table)) {
      const std::string refusal =
          InsertCopy(table, "id = '" + NewId() + "', \"" + column + "\" = NULL");
      if (may_be_null.count(column) == 0) {
        EXPECT_NE(refusal.find(table + "." + column), std::string::npos)
            << table << "." << column << ": " << refusal;
      } else if (table != "cell") {  // a copy of a cell breaks its other key
        EXPECT_EQ(refusal, "") << table << "." << column;
      }
    }
  }
  EXPECT_NE(InsertCopy("source_rev", "id = 'x', dirty = 1, diff_blob = NULL"), "")
      << "a dirty tree has its difference";
}

TEST_F(ProvenanceTest, EndRunNamesWhatIsMissing) {
  auto store = FixedStore(folder_ / "other.db");
  const std::string id = AddUnfinishedRun(*store, "4@1", "vanilla", 0);
  const std::pair<const char*, void (*)(Outcome&)> cases[] = {
      {"exit_code", [](Outcome& outcome) { outcome.exit_code = 1; }},
      {"primitives_json", [](Outcome& outcome) { outcome.primitives_json.clear(); }},
      {"peak_bytes_planned", [](Outcome& outcome) { outcome.peak_bytes_planned.reset(); }},
      {"peak_bytes_held", [](Outcome& outcome) { outcome.peak_bytes_held.reset(); }},
      {"flops_executed", [](Outcome& outcome) { outcome.flops_executed.reset(); }},
      {"flops_step_executed", [](Outcome& outcome) { outcome.flops_step_executed.reset(); }}};
  for (const auto& [column, remove] : cases) {
    Outcome outcome = OkOutcome();
    remove(outcome);
    const absl::Status status = store->EndRun(id, outcome);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(Mentions(status, "cannot become ok: " + std::string(column))) << status;
  }
  EXPECT_TRUE(store->EndRun(id, OkOutcome()).ok());
}

}  // namespace
}  // namespace hourglass::results
