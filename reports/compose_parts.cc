#include "reports/compose_parts.h"

#include <algorithm>

#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {

std::vector<Column> ModelColumns(const Analysis& analysis, std::vector<Column> more) {
  std::vector<Column> columns = {{"Model", "", false}};
  if (analysis.several_budgets()) columns.push_back({"Budget", "", true});
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

TableRow ModelRow(const Analysis& analysis, const Group& group, std::vector<std::string> more) {
  TableRow row{{FullName(group)}, false, group.dirty, ""};
  if (analysis.several_budgets()) row.cells.push_back(BudgetName(group.budget));
  row.cells.insert(row.cells.end(), more.begin(), more.end());
  return row;
}

TableRow RunRow(const Analysis& analysis, const Group& group, const results::RunRecord& run,
                std::vector<std::string> more) {
  TableRow row = ModelRow(analysis, group, std::move(more));
  row.dirty = run.source.dirty;
  return row;
}

TableRow ComparisonRow(const Analysis& analysis, const Comparison& comparison,
                       std::vector<std::string> more) {
  TableRow row = ModelRow(analysis, *comparison.candidate, std::move(more));
  row.dirty |= comparison.reference->dirty;
  return row;
}

int QualityDecimals(const Analysis& analysis) {
  int decimals = 3;
  for (const Group& group : analysis.groups) {
    if (!group.quality || !group.quality->low) continue;
    decimals = std::max(decimals, DecimalsFor((*group.quality->high - *group.quality->low) / 2));
  }
  return std::min(decimals, 4);
}

std::string RangeText(const std::optional<double>& low, const std::optional<double>& high,
                      int decimals) {
  if (!low || !high) return std::string(kMissing);
  return Fixed(*low, decimals) + " to " + Fixed(*high, decimals);
}

}  // namespace hourglass::reports
