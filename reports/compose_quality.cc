// Quality against what it costs: FLOPs, time, memory.

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

// --- memory, and the trade of Table 1 ---

using Families = std::vector<PointChart::Family>;

// Points of a budget, vanilla and the others apart.
template <typename XOf>
Families FamiliesOf(const Analysis& analysis, const XOf& x_of, Table& data, int x_decimals) {
  Families families;
  for (const Budget& budget : analysis.budgets) {
    for (const bool vanilla : {true, false}) {
      PointChart::Family family;
      family.name = vanilla ? "vanilla" : "Hourglass";
      if (analysis.several_budgets()) family.name += " after " + BudgetName(budget);
      family.style = families.size();
      family.joined = vanilla;
      for (const Group& group : analysis.groups) {
        if (group.budget != budget || group.is_vanilla() != vanilla || !group.quality) continue;
        const std::optional<double> x = x_of(group);
        if (!x || !(*x > 0)) continue;
        family.points.push_back(
            {group.name, *x, group.quality->mean, group.quality->low, group.quality->high});
        data.rows.push_back(ModelRow(analysis, group,
                                     {Fixed(*x, x_decimals), Fixed(group.quality->mean, 4),
                                      RangeText(group.quality->low, group.quality->high, 4),
                                      std::to_string(group.quality->n)}));
      }
      std::stable_sort(family.points.begin(), family.points.end(),
                       [](const auto& a, const auto& b) { return a.x < b.x; });
      families.push_back(std::move(family));
    }
  }
  std::erase_if(families, [](const PointChart::Family& f) { return f.points.empty(); });
  return families;
}

std::vector<Column> PointColumns(const Analysis& analysis, Column x) {
  return ModelColumns(analysis, {std::move(x),
                                 {"Mean", BitsUnit(analysis), true},
                                 {"95 % interval", BitsUnit(analysis), true},
                                 {"Seeds", "", true}});
}

absl::Status AddMemory(const Analysis& analysis, Section& section) {
  Figure figure;
  figure.id = "bits-by-memory";
  figure.title = "Validation " + Bits(analysis) + " against peak memory";
  figure.data.caption = "Quality and peak memory of each model";
  figure.data.columns = PointColumns(analysis, {"Peak memory", "MiB", true});
  PointChart chart;
  chart.x_label = "Peak memory held by the engine in MiB";
  chart.y_label = "Validation " + Bits(analysis);
  const auto memory = [](const Group& group) -> std::optional<double> {
    if (!group.peak_bytes) return std::nullopt;
    return *group.peak_bytes / 1048576;
  };
  chart.log_x = false;
  chart.families = FamiliesOf(analysis, memory, figure.data, 1);
  if (chart.families.empty()) return absl::OkStatus();
  const PointChart::Point *least = nullptr, *most = nullptr;
  for (const PointChart::Family& family : chart.families) {
    for (const PointChart::Point& point : family.points) {
      if (least == nullptr || point.x < least->x) least = &point;
      if (most == nullptr || point.x > most->x) most = &point;
    }
  }
  figure.caption = figure.title + ": from " + Fixed(least->x, 1) + " MiB for " + least->label +
                   " to " + Fixed(most->x, 1) + " MiB for " + most->label +
                   ". Bars are 95 % intervals over the seeds; a line joins the vanilla models of "
                   "a budget.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

// How many of the others lie below the line of the vanilla models.
std::string ParetoFinding(const Analysis& analysis) {
  int64_t dominating = 0, others = 0;
  for (const Group& group : analysis.groups) {
    if (group.is_vanilla() || !group.quality) continue;
    ++others;
    bool cheaper_and_better = false;
    for (const Group& vanilla : analysis.groups) {
      cheaper_and_better |= vanilla.is_vanilla() && vanilla.quality &&
                            vanilla.budget == group.budget &&
                            group.ForwardFlopsPerUnit() <= vanilla.ForwardFlopsPerUnit() &&
                            group.quality->mean < vanilla.quality->mean;
    }
    dominating += cheaper_and_better ? 1 : 0;
  }
  if (others == 0) return "";
  return std::to_string(dominating) + " of " +
         Count(others, "Hourglass point", "Hourglass points") +
         " need fewer forward FLOPs than a vanilla model of the same budget and have fewer bits, "
         "by "
         "their means.";
}

std::vector<PointChart::Family> PaperFamilies(const PaperView& view, Table& data) {
  PointChart::Family vanilla{"vanilla, paper", 0, true, true, {}};
  PointChart::Family others{"Hourglass, paper", 1, true, false, {}};
  for (const paper::SpecCell& cell : view.spec.cells()) {
    if (!cell.published().has_bits_per_byte()) continue;
    for (const paper::PaperModel& model : view.chapter->models()) {
      if (model.label() != cell.label()) continue;
      (cell.family() == "vanilla" ? vanilla : others)
          .points.push_back({model.label(),
                             model.forward_mflop_per_byte(),
                             cell.published().bits_per_byte(),
                             {},
                             {}});
      data.rows.push_back(
          {{cell.family() + " " + model.label(), Fixed(model.forward_mflop_per_byte(), 1),
            Fixed(cell.published().bits_per_byte(), 3)}});
    }
  }
  std::vector<PointChart::Family> families;
  for (PointChart::Family* family : {&vanilla, &others}) {
    std::stable_sort(family->points.begin(), family->points.end(),
                     [](const auto& a, const auto& b) { return a.x < b.x; });
    if (!family->points.empty()) families.push_back(std::move(*family));
  }
  return families;
}

bool FullScale(const Analysis& analysis) {
  return !analysis.groups.empty() &&
         std::all_of(analysis.groups.begin(), analysis.groups.end(),
                     [](const Group& group) { return group.is_full_scale(); });
}

// Forward FLOPs per unit: needed ones, but the paper's own kind where its points are beside.
std::optional<double> ForwardFlops(const Group& group, bool as_paper) {
  const auto& trax = group.any().config.flops_fwd_dense_trax;
  if (!as_paper) return group.ForwardFlopsPerUnit();
  if (!trax) return std::nullopt;
  return static_cast<double>(*trax) /
         (8.0 * static_cast<double>(group.any().config.units_per_sequence));
}

Figure PaperFigure(const Analysis& analysis, const PaperView& view) {
  Figure figure;
  figure.id = "pareto-paper";
  figure.title = "The paper's own points";
  figure.data.caption = "Published quality and computed cost (" + view.chapter->source() + ")";
  figure.data.columns = {{"Model", "", false},
                         {"Forward FLOPs, dense", "MFLOP/" + analysis.unit, true},
                         {"Published", BitsUnit(analysis), true}};
  figure.caption =
      "The paper's own points, hollow, with the forward FLOPs of its configurations: in a figure "
      "of their own, because a scaled-down run shares neither axis with them.";
  return figure;
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

absl::StatusOr<Section> ParetoSection(const Analysis& analysis, const PaperView& view) {
  Section section{"use", "Quality against cost of use", {}};
  // A run of the paper's size shares both axes with the paper's points.
  const bool together = view.chapter != nullptr && FullScale(analysis);
  double largest = 0;
  for (const Group& group : analysis.groups) {
    largest = std::max(largest, group.ForwardFlopsPerUnit());
  }
  const Scale scale = together ? Scale{"M", 1e6} : ScaleFor(largest);
  const std::string kind = together ? "dense" : "needed";
  Figure figure;
  figure.id = "pareto";
  figure.title = "Validation " + Bits(analysis) + " against forward FLOPs per " + analysis.unit;
  figure.data.caption = "Quality and forward FLOPs of each model";
  figure.data.columns = PointColumns(
      analysis, {"Forward FLOPs, " + kind, scale.prefix + "FLOP/" + analysis.unit, true});
  PointChart chart;
  chart.x_label = "Forward " + scale.prefix + "FLOP per " + analysis.unit + ", " + kind;
  chart.y_label = "Validation " + Bits(analysis);
  const auto x_of = [&](const Group& group) -> std::optional<double> {
    const auto flops = ForwardFlops(group, together);
    return flops ? std::optional<double>(*flops / scale.divisor) : std::nullopt;
  };
  chart.families = FamiliesOf(analysis, x_of, figure.data, 3);
  Figure paper_figure;
  PointChart paper_chart;
  if (view.chapter != nullptr) {
    paper_figure = PaperFigure(analysis, view);
    paper_chart.families = PaperFamilies(view, paper_figure.data);
    paper_chart.x_label = "Forward MFLOP per " + analysis.unit + ", dense";
    paper_chart.y_label = "Published " + Bits(analysis);
  }
  if (!chart.families.empty()) {
    if (together) {
      for (PointChart::Family& family : paper_chart.families) chart.families.push_back(family);
    }
    figure.caption = figure.title + ". " + ParetoFinding(analysis) +
                     " Bars are 95 % intervals over the seeds; a line joins the vanilla models of "
                     "a budget. Lower and further left is better." +
                     (together ? " Hollow marks are the paper's points, listed below." : "");
    HG_RETURN_IF_ERROR(AddFigure(section, std::move(figure), std::move(chart)));
  }
  if (paper_chart.families.empty()) return section;
  if (together) {
    paper_figure.data.id = "pareto-paper-data";
    Add(section, std::move(paper_figure.data));
  } else {
    HG_RETURN_IF_ERROR(AddFigure(section, std::move(paper_figure), std::move(paper_chart)));
  }
  return section;
}

}  // namespace hourglass::reports
