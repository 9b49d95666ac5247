// Which backend does which op in which floating type, as a table that is looked at in review.
//
// To write the golden file again:  HOURGLASS_WRITE_GOLDEN=1 ./bazelw run
// //tests/ops:support_matrix_test

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/base/file.h"
#include "tests/support/backends.h"
#include "tests/support/op_case.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

constexpr char kGolden[] = "tests/golden/support_matrix.md";

struct Column {
  const BackendUnderTest* backend;
  DType dtype;
};

std::vector<Column> Columns() {
  std::vector<Column> columns;
  for (const BackendUnderTest& backend : AllBackends()) {
    for (const DType dtype : backend.dtypes) columns.push_back({&backend, dtype});
  }
  return columns;
}

// "yes", "no", or how many of the cases.
std::string Cell(const std::string& op_name, const Column& column) {
  int supported = 0, all = 0;
  for (const OpCase& op_case : AllOpCases()) {
    if (op_case.OpName() != op_name) continue;
    ++all;
    const auto run = OpRun::Prepare(column.backend->make(), op_case.make(column.dtype),
                                    MakeInputs(op_case, column.dtype));
    if (run.ok()) {
      ++supported;
    } else {
      EXPECT_EQ(run.status().code(), absl::StatusCode::kUnimplemented) << run.status();
    }
  }
  if (supported == all) return "yes";
  return supported == 0 ? "no" : absl::StrCat(supported, " of ", all);
}

std::string Table() {
  std::string header = "| op |", line = "|---|", rows;
  for (const Column& column : Columns()) {
    absl::StrAppend(&header, " ", column.backend->name, " ", std::string(Name(column.dtype)), " |");
    line += "---|";
  }
  std::vector<std::string> names;
  for (const OpCase& op_case : AllOpCases()) {
    if (names.empty() || names.back() != op_case.OpName()) names.push_back(op_case.OpName());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    absl::StrAppend(&rows, "| ", name, " |");
    for (const Column& column : Columns()) absl::StrAppend(&rows, " ", Cell(name, column), " |");
    rows += "\n";
  }
  return absl::StrCat(
      "# Support matrix\n\n"
      "Written by `//tests/ops:support_matrix_test`: a cell says whether the backend compiles the "
      "op\n"
      "cases of `tests/support` in that floating type, or how many of them. bf16 as on a CPU that\n"
      "multiplies it (AVX512-BF16 or AMX).\n\n",
      header, "\n", line, "\n", rows);
}

// The table without the n-th cell of its rows.
std::string WithoutColumn(const std::string& table, size_t n) {
  std::string result;
  for (const absl::string_view row : absl::StrSplit(table, '\n')) {
    std::vector<std::string> cells = absl::StrSplit(row, '|');
    if (cells.size() > n + 1) cells.erase(cells.begin() + static_cast<std::ptrdiff_t>(n) + 1);
    absl::StrAppend(&result, absl::StrJoin(cells, "|"), "\n");
  }
  return result;
}

// Only the columns that do not depend on this CPU, if it lacks what the golden file was made with.
std::string ComparableHere(std::string table) {
  const std::vector<Column> columns = Columns();
  for (size_t i = columns.size(); i-- > 0;) {
    const bool varies = columns[i].backend->name == "onednn" && columns[i].dtype == DType::kBF16;
    if (varies && !CpuSupportsBf16()) table = WithoutColumn(table, i + 1);
  }
  return table;
}

TEST(SupportMatrix, EqualsTheGoldenFile) {
  const std::string table = Table();
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (std::getenv("HOURGLASS_WRITE_GOLDEN") != nullptr && workspace != nullptr) {
    ASSERT_TRUE(CpuSupportsBf16()) << "write the golden file on a CPU that multiplies bf16";
    ASSERT_TRUE(WriteFileAtomically(absl::StrCat(workspace, "/", kGolden), table).ok());
    return;
  }
  const auto golden = ReadFile(kGolden);
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(ComparableHere(table), ComparableHere(*golden))
      << "If the change is meant, write the file again: "
         "HOURGLASS_WRITE_GOLDEN=1 ./bazelw run "
         "//tests/ops:support_matrix_test";
}

// Nothing an op asks of a backend may be unknown to the reference: it is the oracle of all others.
TEST(SupportMatrix, ReferenceDoesEverything) {
  for (const Column& column : Columns()) {
    if (column.backend->name != "reference") continue;
    for (const OpCase& op_case : AllOpCases()) {
      const auto run = OpRun::Prepare(column.backend->make(), op_case.make(column.dtype),
                                      MakeInputs(op_case, column.dtype));
      EXPECT_TRUE(run.ok()) << op_case.name << ": " << run.status();
    }
  }
}

}  // namespace
}  // namespace hourglass::testing
