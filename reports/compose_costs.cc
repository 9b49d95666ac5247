// What a training step costs against length and shorten factor, beside the law.

#include <algorithm>
#include <map>

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/costs.h"
#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

std::string IntervalOf(const Exponent& exponent) {
  return Fixed(exponent.low, 2) + " to " + Fixed(exponent.high, 2);
}

TableRow RowOf(const CostPoint& cost, std::vector<std::string> more) {
  TableRow row;
  row.dirty = cost.group->dirty;
  row.cells = {Grouped(cost.n), std::to_string(cost.k)};
  row.cells.insert(row.cells.end(), more.begin(), more.end());
  return row;
}

void AddLaws(const std::vector<CostLaw>& laws, const std::string& range, Table& table) {
  for (const CostLaw& law : laws) {
    table.rows.push_back(
        {{law.part, law.law, range, Fixed(law.fit.n.value, 3), IntervalOf(law.fit.n),
          Fixed(law.fit.k.value, 3), IntervalOf(law.fit.k), Fixed(law.fit.r_squared, 4),
          Fixed(law.r_squared, 4), Fixed(law.farthest, 2), std::to_string(law.fit.points),
          LawLabel(law.outcome)}});
  }
}

Table LawTable(const std::vector<CostPoint>& costs, const std::vector<CostLaw>& laws) {
  Table table;
  table.id = "law-table";
  table.caption = "Fitted exponents beside those of the law";
  table.columns = {{"Part of the shortened stack", "", false},
                   {"Law", "", false, true},
                   {"n / k", "", false, true},
                   {"Exponent of n", "", true},
                   {"95 % interval", "", true, true},
                   {"Exponent of k", "", true},
                   {"95 % interval", "", true, true},
                   {"R² of the fit", "", true},
                   {"R² of the law", "", true},
                   {"Farthest from the law", "times", true},
                   {"Points", "", true},
                   {"Outcome", "", false, true, true}};
  AddLaws(laws, "all", table);
  const std::vector<CostPoint> longer = LongOnes(costs);
  if (longer.size() < costs.size()) {
    AddLaws(JudgeCosts(longer), Grouped(static_cast<int64_t>(kLongSequence)) + " or more", table);
  }
  table.note =
      "Fitted by least squares on logarithms, time = c n^a k^b; the law has its own exponents and "
      "the scale that fits it best. It holds when the intervals of both exponents lie within " +
      Fixed(kExponentMargin, 1) + " of its own.";
  return table;
}

// One line for each k over the lengths.
absl::Status AddSteps(const std::vector<CostPoint>& costs, Section& section) {
  Figure figure;
  figure.id = "cost-steps";
  figure.title = "Time of a training step against the length";
  figure.data.caption = "Time of a training step of each length and shorten factor";
  figure.data.columns = {{"n", "bytes", true},
                         {"k", "", true},
                         {"Median", "ms", true},
                         {"10 %", "ms", true},
                         {"90 %", "ms", true},
                         {"Attention", "ms", true},
                         {"Rest of the stack", "ms", true},
                         {"Outside of it", "ms", true},
                         {"Parameters", "ms", true},
                         {"Steps timed", "", true}};
  std::map<int64_t, Series> by_factor;
  for (const CostPoint& cost : costs) {
    Series& series = by_factor[cost.k];
    series.name = "k = " + std::to_string(cost.k);
    series.style = by_factor.size() - 1;
    if (series.points.empty() || static_cast<double>(cost.n) > series.points.back().x) {
      series.points.push_back(
          {static_cast<double>(cost.n), cost.step, cost.step_low, cost.step_high});
    }
    figure.data.rows.push_back(RowOf(
        cost, {Significant(cost.step), Significant(cost.step_low), Significant(cost.step_high),
               Significant(cost.attention), Significant(cost.rest), Significant(cost.outside),
               Significant(cost.parameters), Grouped(cost.steps)}));
  }
  figure.data.note =
      "Medians over the steps of all replicas. The parts are timed op by op and leave out what "
      "lies between the ops. Parameters: adding up gradients, and the update.";
  LineChart chart;
  chart.bars = true;
  chart.log_y = true;
  chart.x_label = "Length of a sequence in bytes";
  chart.y_label = "Time of a training step in ms";
  for (auto& [k, series] : by_factor) chart.series.push_back(std::move(series));
  const auto [fastest, slowest] =
      std::minmax_element(costs.begin(), costs.end(),
                          [](const CostPoint& a, const CostPoint& b) { return a.step < b.step; });
  figure.caption =
      "Time of a training step against the length, one line for each shorten factor: "
      "from " +
      Significant(fastest->step) + " ms (n = " + Grouped(fastest->n) +
      ", k = " + std::to_string(fastest->k) + ") to " + Significant(slowest->step) +
      " ms (n = " + Grouped(slowest->n) + ", k = " + std::to_string(slowest->k) +
      "). Bars reach from 10 % to 90 % of the steps.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

Series MeasuredOf(const std::vector<CostPoint>& costs, const CostLaw& law, size_t style) {
  Series series;
  series.name = law.part + ", measured";
  series.style = style;
  for (const CostPoint& cost : costs) {
    if (!(cost.*law.time > 0)) continue;
    // Points alone: lengths repeat, for n / k is the same for several n.
    series.points.push_back({cost.Shortened(), cost.*law.time, {}, {}, true});
  }
  std::stable_sort(series.points.begin(), series.points.end(),
                   [](const Series::Point& a, const Series::Point& b) { return a.x < b.x; });
  return series;
}

Series LineOf(const Series& measured, const CostLaw& law, size_t style) {
  Series series;
  series.name = law.part + ", law " + law.law;
  series.style = style;
  for (const double x : {measured.points.front().x, measured.points.back().x}) {
    series.points.push_back({x, law.At(x), {}, {}, false});
  }
  return series;
}

// All points over n / k: the law says that they lie on one line.
absl::Status AddLaw(const std::vector<CostPoint>& costs, const std::vector<CostLaw>& laws,
                    Section& section) {
  Figure figure;
  figure.id = "cost-law";
  figure.title = "Time of attention and of the rest against n / k";
  figure.data.caption = "Times of the shortened stack beside the law";
  figure.data.columns = {{"n", "bytes", true}, {"k", "", true}, {"n / k", "", true}};
  LineChart chart;
  chart.log_y = true;
  chart.bars = true;
  chart.x_label = "Shortened length n / k";
  chart.y_label = "Time per training step in ms";
  std::vector<std::string> findings;
  for (const CostLaw& law : laws) {
    figure.data.columns.push_back({Capitalised(law.part), "ms", true});
    figure.data.columns.push_back({"Law " + law.law, "ms", true});
    figure.data.columns.push_back({"Over the law", "times", true});
    Series measured = MeasuredOf(costs, law, chart.series.size());
    Series line = LineOf(measured, law, chart.series.size() + 1);
    chart.series.push_back(std::move(measured));
    chart.series.push_back(std::move(line));
    findings.push_back((law.part == "rest" ? "the rest" : law.part) + " as " + PowersText(law.fit) +
                       " (law " + law.law + ", at most " + Fixed(law.farthest, 2) +
                       " times off it)");
  }
  for (const CostPoint& cost : costs) {
    std::vector<std::string> cells = {Significant(cost.Shortened())};
    for (const CostLaw& law : laws) {
      const double time = cost.*law.time, wanted = law.At(cost.Shortened());
      cells.push_back(Significant(time));
      cells.push_back(Significant(wanted));
      cells.push_back(Fixed(time / wanted, 2));
    }
    figure.data.rows.push_back(RowOf(cost, std::move(cells)));
  }
  figure.caption = "Time in the shortened stack against its length n / k: " + Listed(findings) +
                   ". By the law all points of a part lie on its line, whatever n and k.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

}  // namespace

absl::StatusOr<Section> CostsSection(const Analysis& analysis) {
  Section section{"costs", "Cost against length and shorten factor", {}};
  if (analysis.costs.empty()) return section;
  const std::vector<CostLaw> laws = JudgeCosts(analysis.costs);
  HG_RETURN_IF_ERROR(AddSteps(analysis.costs, section));
  if (laws.empty()) return section;
  HG_RETURN_IF_ERROR(AddLaw(analysis.costs, laws, section));
  Add(section, LawTable(analysis.costs, laws));
  return section;
}

}  // namespace hourglass::reports
