// What the documents say about SQL is tried here, so that it cannot rot.
#include "hourglass/base/file.h"
#include "hourglass/base/runfiles.h"
#include "results_db/query.h"
#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

std::string Document(const std::string& path) {
  const auto found = FindRunfile(path);
  EXPECT_TRUE(found.ok()) << found.status();
  const auto text = ReadFile(*found);
  EXPECT_TRUE(text.ok()) << text.status();
  return *text;
}

// Everything between `begin` and the next `end`.
std::vector<std::string> Between(const std::string& text, const std::string& begin,
                                 const std::string& end) {
  std::vector<std::string> found;
  for (size_t from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    from += begin.size();
    const size_t to = text.find(end, from);
    EXPECT_NE(to, std::string::npos) << "no end after: " << text.substr(from, 60);
    found.push_back(text.substr(from, to - from));
    from = to;
  }
  return found;
}

class DocsTest : public DatabaseTest {
 protected:
  // Rows that a query gives on a database with something of everything in it.
  int RowsOf(const std::string& sql) {
    if (!std::filesystem::exists(path_)) FillSample(path_);
    SQLite::Database db(path_, SQLite::OPEN_READONLY);
    int rows = 0;
    try {
      SQLite::Statement row(db, sql);
      while (row.executeStep()) ++rows;
    } catch (const SQLite::Exception& error) {
      ADD_FAILURE() << error.what() << " in\n" << sql;
    }
    return rows;
  }
};

TEST_F(DocsTest, EveryQueryOfTheSqlPageRunsAndFindsRows) {
  const auto queries = Between(Document("docs/sql.md"), "```sql\n", "```");
  EXPECT_GE(queries.size(), 5u);
  for (const std::string& query : queries) EXPECT_GT(RowsOf(query), 0) << query;
}

TEST_F(DocsTest, EveryQueryOfTheReadmeRunsAndFindsRows) {
  const std::string readme = Document("README.md");
  auto queries = Between(readme, "```sql\n", "```");
  for (const std::string& shell : Between(readme, "sqlite3 results/quickstart.db \"", "\"")) {
    queries.push_back(shell);
  }
  EXPECT_FALSE(queries.empty());
  for (const std::string& query : queries) EXPECT_GT(RowsOf(query), 0) << query;
}

TEST_F(DocsTest, EveryColumnOfEveryViewIsDescribedInItsPlace) {
  FillSample(path_);
  const auto reader = ResultsReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const std::string page = Document("docs/sql.md");
  for (const std::string_view view : PublicViews()) {
    const auto sections = Between(page + "\n### ", "### `" + std::string(view) + "`\n", "\n### ");
    ASSERT_EQ(sections.size(), 1u) << view;
    EXPECT_EQ(Between(sections[0], "\n| `", "` |"), (*reader)->ViewColumns(view).value()) << view;
  }
}

}  // namespace
}  // namespace hourglass::results
