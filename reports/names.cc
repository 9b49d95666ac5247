#include "reports/names.h"

#include <cmath>

#include "reports/format.h"

namespace hourglass::reports {

std::string FullName(const Group& group) {
  const std::string family = CleanText(group.any().config.family);
  return (group.is_vanilla() ? family : Capitalised(family)) + " " + group.name;
}

std::string NameAt(const Group& group, const Analysis& analysis) {
  return FullName(group) + (analysis.several_budgets() ? " after " + BudgetName(group.budget) : "");
}

std::string BudgetName(const Budget& budget) {
  return Grouped(budget.amount) + " " + std::string(results::ToString(budget.kind));
}

std::string BudgetId(const Budget& budget) {
  return std::to_string(budget.amount) + "-" + std::string(results::ToString(budget.kind));
}

std::string Bits(const Analysis& analysis) { return "bits per " + analysis.unit; }

std::string BitsUnit(const Analysis& analysis) { return "bits/" + analysis.unit; }

std::string CostWords(const Comparison& comparison) {
  if (comparison.equal_compute) return "";
  return "costs " + Fixed(std::abs(comparison.compute_mismatch) * 100, 1) + " % " +
         (comparison.compute_mismatch < 0 ? "less" : "more");
}

}  // namespace hourglass::reports
