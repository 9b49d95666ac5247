// Quality against what a model costs to hold and to use, a point each: memory, forward FLOPs, and
// the paper's own points.

#include <algorithm>

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

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
