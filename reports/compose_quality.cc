// Quality against what training costs: FLOPs and time, on the way and at the end of each budget.

#include <algorithm>
#include <cmath>

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

enum class Cost { kFlops, kTime };

std::string Against(Cost cost) { return cost == Cost::kTime ? "training time" : "training FLOPs"; }

std::string Id(Cost cost) { return cost == Cost::kTime ? "bits-by-time" : "bits-by-flops"; }

std::string AxisLabel(Cost cost, const Scale& scale) {
  return cost == Cost::kTime ? "Training time in seconds"
                             : "Training " + scale.prefix + "FLOP, needed, forward and backward";
}

Column CostColumn(Cost cost, const Scale& scale) {
  return cost == Cost::kTime ? Column{"Training time", "s", true}
                             : Column{"Training FLOPs", scale.prefix + "FLOP", true};
}

// --- one figure for each budget: the way there ---

std::string MetricName(const CurveSet& set) {
  return set.metric == results::kValidBitsPerByte ? "Validation" : "Training";
}

double CostOf(const CurvePoint& point, Cost cost) {
  return cost == Cost::kTime ? point.seconds : point.flops;
}

// What the figure shows, in a sentence computed from its last points.
std::string CurveFinding(const Analysis& analysis, const CurveSet& set, Cost cost) {
  int64_t last_step = 0;
  for (const Curve& curve : set.curves) last_step = std::max(last_step, curve.points.back().step);
  std::vector<const Curve*> curves;
  for (const Curve& curve : set.curves) curves.push_back(&curve);
  std::stable_sort(curves.begin(), curves.end(), [](const Curve* a, const Curve* b) {
    return a->points.back().value.mean < b->points.back().value.mean;
  });
  std::string text = MetricName(set) + " " + Bits(analysis) + " against " + Against(cost);
  if (analysis.several_budgets()) text += ", budget of " + BudgetName(set.budget);
  for (size_t i = 0; i < curves.size(); ++i) {
    const CurvePoint& end = curves[i]->points.back();
    text += (i == 0 ? ": " : ", ") + FullName(*curves[i]->group);
    text += end.step < last_step ? " stops after " + Grouped(end.step) + " steps at " : " ends at ";
    text += Fixed(end.value.mean, 3);
  }
  text += ". Lines are means over the seeds, bands their 95 % intervals.";
  if (set.window > 1) {
    text += " Each point is the mean of " + std::to_string(set.window) + " steps.";
  }
  if (set.head_left_out) text += " The first twentieth of the budget is left out.";
  return text;
}

Table CurveTable(const Analysis& analysis, const CurveSet& set, Cost cost, const Scale& scale) {
  Table table;
  table.caption = MetricName(set) + " " + Bits(analysis) + ": the numbers of the figure";
  table.columns = {{"Model", "", false},
                   {"Step", "", true},
                   CostColumn(cost, scale),
                   {"Mean", BitsUnit(analysis), true},
                   {"95 % interval", BitsUnit(analysis), true},
                   {"Seeds", "", true}};
  for (const Curve& curve : set.curves) {
    for (const CurvePoint& point : curve.points) {
      const double x = CostOf(point, cost);
      const std::string shown = std::isnan(x)         ? std::string(kMissing)
                                : cost == Cost::kTime ? Fixed(x, 2)
                                                      : Fixed(x / scale.divisor, 3);
      TableRow row{{FullName(*curve.group), Grouped(point.step), shown, Fixed(point.value.mean, 4),
                    RangeText(point.value.low, point.value.high, 4),
                    std::to_string(point.value.n)}};
      row.dirty = curve.group->dirty;
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

bool HasTimes(const CurveSet& set) {
  for (const Curve& curve : set.curves) {
    for (const CurvePoint& point : curve.points) {
      if (std::isfinite(point.seconds)) return true;
    }
  }
  return false;
}

absl::Status AddCurves(const Analysis& analysis, const CurveSet& set, Cost cost, Section& section) {
  Scale scale;
  if (cost == Cost::kFlops) {
    double largest = 0;
    for (const Curve& curve : set.curves) {
      for (const CurvePoint& point : curve.points) largest = std::max(largest, point.flops);
    }
    scale = ScaleFor(largest);
  }
  Figure figure;
  figure.id = Id(cost);
  if (analysis.several_budgets()) figure.id += "-" + BudgetId(set.budget);
  figure.title = MetricName(set) + " " + Bits(analysis) + " against " + Against(cost);
  if (analysis.several_budgets()) figure.title += ", " + BudgetName(set.budget);
  figure.caption = CurveFinding(analysis, set, cost);
  figure.data = CurveTable(analysis, set, cost, scale);
  LineChart chart;
  chart.x_label = AxisLabel(cost, scale);
  chart.y_label = MetricName(set) + " " + Bits(analysis);
  for (const Curve& curve : set.curves) {
    Series series;
    series.name = FullName(*curve.group);
    series.style = curve.group->model;
    for (const CurvePoint& point : curve.points) {
      const double x = CostOf(point, cost) / (cost == Cost::kFlops ? scale.divisor : 1);
      if (std::isfinite(x)) {
        series.points.push_back({x, point.value.mean, point.value.low, point.value.high, false});
      }
    }
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  return AddFigure(section, std::move(figure), std::move(chart));
}

// --- over the budgets: where each ends ---

std::optional<double> CostOf(const Group& group, Cost cost) {
  return cost == Cost::kTime ? group.train_seconds : group.total_flops;
}

struct BudgetFigure {
  LineChart chart;
  Table data;
};

Scale FlopScale(const Analysis& analysis) {
  double largest = 0;
  for (const Group& group : analysis.groups) {
    largest = std::max(largest, group.total_flops.value_or(0));
  }
  return ScaleFor(largest);
}

BudgetFigure OverBudgets(const Analysis& analysis, Cost cost) {
  const Scale scale = cost == Cost::kFlops ? FlopScale(analysis) : Scale{};
  BudgetFigure result;
  result.chart.bars = true;
  result.chart.x_label = AxisLabel(cost, scale);
  result.chart.y_label = "Validation " + Bits(analysis) + " at the end";
  result.data.caption = "Where each model ends at each budget";
  result.data.columns = ModelColumns(analysis, {CostColumn(cost, scale),
                                                {"Mean", BitsUnit(analysis), true},
                                                {"95 % interval", BitsUnit(analysis), true},
                                                {"Seeds", "", true}});
  std::map<size_t, Series> series;
  for (const Group& group : analysis.groups) {
    const auto x = CostOf(group, cost);
    if (!x || !group.quality || !(*x > 0)) continue;
    Series& one = series[group.model];
    one.name = FullName(group);
    one.style = group.model;
    one.points.push_back(
        {*x / scale.divisor, group.quality->mean, group.quality->low, group.quality->high, false});
    result.data.rows.push_back(ModelRow(
        analysis, group,
        {cost == Cost::kTime ? Fixed(*x, 1) : Significant(*x / scale.divisor),
         Fixed(group.quality->mean, 4), RangeText(group.quality->low, group.quality->high, 4),
         std::to_string(group.quality->n)}));
  }
  for (auto& [model, one] : series) {
    std::sort(one.points.begin(), one.points.end(),
              [](const Series::Point& a, const Series::Point& b) { return a.x < b.x; });
    result.chart.series.push_back(std::move(one));
  }
  return result;
}

// The compute of each budget: the middle of its models.
void AddBudgetMarks(const Analysis& analysis, Cost cost, double divisor, LineChart& chart) {
  for (const Budget& budget : analysis.budgets) {
    std::vector<double> costs;
    for (const Group& group : analysis.groups) {
      const auto x = CostOf(group, cost);
      if (group.budget == budget && x && *x > 0) costs.push_back(*x / divisor);
    }
    if (!costs.empty()) chart.marks.push_back({Median(costs), BudgetName(budget)});
  }
}

// "At 500 steps vanilla 8@1 is lowest with 2.71, ...".
std::string LowestAtEachBudget(const Analysis& analysis) {
  std::vector<std::string> parts;
  for (const Budget& budget : analysis.budgets) {
    const Group* lowest = nullptr;
    for (const Group& group : analysis.groups) {
      if (group.budget != budget || !group.quality) continue;
      if (lowest == nullptr || group.quality->mean < lowest->quality->mean) lowest = &group;
    }
    if (lowest == nullptr) continue;
    parts.push_back(FullName(*lowest) + " (" + Fixed(lowest->quality->mean, 3) +
                    (analysis.several_budgets() ? " after " + BudgetName(budget) : "") + ")");
  }
  return parts.empty() ? "" : "Lowest: " + Listed(parts) + ".";
}

absl::Status AddOverBudgets(const Analysis& analysis, Cost cost, Section& section) {
  BudgetFigure drawn = OverBudgets(analysis, cost);
  if (drawn.chart.series.empty()) return absl::OkStatus();
  AddBudgetMarks(analysis, cost, cost == Cost::kFlops ? FlopScale(analysis).divisor : 1,
                 drawn.chart);
  Figure figure;
  figure.id = cost == Cost::kTime ? "final-by-time" : "final-by-flops";
  figure.title =
      "Validation " + Bits(analysis) + " at the end of each budget against " + Against(cost);
  figure.caption = figure.title + ". " + LowestAtEachBudget(analysis) +
                   " A line joins the budgets of one model, each trained anew; bars are 95 % "
                   "intervals over the seeds, upright lines the budgets.";
  figure.data = std::move(drawn.data);
  return AddFigure(section, std::move(figure), std::move(drawn.chart));
}

}  // namespace

absl::StatusOr<Section> QualitySection(const Analysis& analysis) {
  Section section{"quality", "Quality against compute", {}};
  if (analysis.groups.empty()) return section;
  if (analysis.several_budgets()) {
    HG_RETURN_IF_ERROR(AddOverBudgets(analysis, Cost::kFlops, section));
    HG_RETURN_IF_ERROR(AddOverBudgets(analysis, Cost::kTime, section));
  }
  if (analysis.curves.empty()) {
    Add(section, Paragraph{"No run stored enough points for a curve."});
  }
  for (const CurveSet& set : analysis.curves) {
    HG_RETURN_IF_ERROR(AddCurves(analysis, set, Cost::kFlops, section));
    if (HasTimes(set)) {
      HG_RETURN_IF_ERROR(AddCurves(analysis, set, Cost::kTime, section));
    } else {
      Add(section, Paragraph{"No run stored its training time point by point."});
    }
  }
  HG_RETURN_IF_ERROR(AddMemory(analysis, section));
  return section;
}

}  // namespace hourglass::reports
