// How groups, budgets and units are called in sentences and tables.
#pragma once

#include <string>

#include "reports/analysis.h"

namespace hourglass::reports {

// "Hourglass 2@1 8@3 2@1", "vanilla 4@1".
std::string FullName(const Group& group);
// With the budget where there are several: "vanilla 4@1 after 500 steps".
std::string NameAt(const Group& group, const Analysis& analysis);

// "2,000 steps".
std::string BudgetName(const Budget& budget);
// "2000-steps": part of an id.
std::string BudgetId(const Budget& budget);

// "bits per byte".
std::string Bits(const Analysis& analysis);
// "bits/byte": for the head of a column.
std::string BitsUnit(const Analysis& analysis);

// "costs 9.1 % less": needed training compute against the reference; empty within the tolerance.
std::string CostWords(const Comparison& comparison);

}  // namespace hourglass::reports
