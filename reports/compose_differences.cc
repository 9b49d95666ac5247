// Every model against its vanilla reference, seed by seed.

#include <algorithm>
#include <set>

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"
#include "reports/verdict.h"

namespace hourglass::reports {
namespace {

std::string WithP(const std::string& word, const std::optional<double>& p) {
  if (!p) return std::string(kMissing);
  const std::string text = Probability(*p);
  return word + ", p " + (text[0] == '<' ? text : "= " + text);
}

std::string NonInferiorityCell(const PairedDifference& paired) {
  const NonInferiority judged = JudgeNonInferiority(paired, kQualityMargin);
  return WithP(judged == NonInferiority::kShown     ? "shown"
               : judged == NonInferiority::kRefuted ? "refuted"
                                                    : "open",
               NonInferiorityP(paired, kQualityMargin));
}

std::string EquivalenceCell(const PairedDifference& paired) {
  const bool inside = paired.one_sided_low && *paired.one_sided_low > -kQualityMargin &&
                      *paired.one_sided_high < kQualityMargin;
  return WithP(inside ? "shown" : "not shown", EquivalenceP(paired, kQualityMargin));
}

std::string OutcomeCell(Outcome outcome, int64_t lost) {
  return OutcomeLabel(outcome) + (lost > 0 ? ": " + Count(lost, "run", "runs") + " lost" : "");
}

std::vector<std::string> StatisticCells(const PairedDifference& paired) {
  return {
      std::to_string(paired.n),
      Signed(paired.mean, 4),
      paired.low ? Signed(*paired.low, 4) + " to " + Signed(*paired.high, 4) : "none from one seed",
      paired.sign_flip_p ? Probability(*paired.sign_flip_p) : std::string(kMissing),
      NonInferiorityCell(paired),
      EquivalenceCell(paired)};
}

std::vector<Column> StatisticColumns(const Analysis& analysis, std::vector<Column> first) {
  for (Column column : std::vector<Column>{{"n", "paired seeds", true},
                                           {"Mean difference", BitsUnit(analysis), true},
                                           {"95 % interval", BitsUnit(analysis), true, true},
                                           {"Sign-flip p", "two-sided", true},
                                           {"At most the margin worse", "one-sided", false},
                                           {"Equivalent", "TOST", false},
                                           {"Outcome", "", false, true, true}}) {
    first.push_back(std::move(column));
  }
  return ModelColumns(analysis, std::move(first));
}

Table VerdictTable(const Analysis& analysis) {
  Table table;
  table.id = "verdict-table";
  table.caption = "Each model against the vanilla model nearest in compute";
  table.columns =
      StatisticColumns(analysis, {{"Reference", "", false, true}, {"Compute", "%", true}});
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.paired) continue;
    std::vector<std::string> cells = {FullName(*comparison.reference),
                                      Signed(comparison.compute_mismatch * 100, 2)};
    for (std::string& cell : StatisticCells(*comparison.paired)) cells.push_back(std::move(cell));
    std::string outcome =
        OutcomeCell(comparison.outcome, comparison.lost_candidate + comparison.lost_reference);
    if (!comparison.equal_compute) outcome += " (" + CostWords(comparison) + ")";
    cells.push_back(std::move(outcome));
    table.rows.push_back(ComparisonRow(analysis, comparison, std::move(cells)));
  }
  table.note =
      "Negative is better than vanilla. Outcomes use a margin of ±" + Fixed(kQualityMargin, 2) +
      " " + Bits(analysis) +
      ", the size of one step between rows of the paper's tables: better or worse when the "
      "interval excludes zero and the mean reaches the margin, the same when the whole "
      "interval lies inside the margin, else not resolved. Compute is the needed training compute "
      "over that of the reference; beyond ±" +
      Fixed(kComputeTolerance * 100, 0) + " % the outcome says what it costs.";
  return table;
}

Table InterpolatedTable(const Analysis& analysis) {
  Table table;
  table.id = "interpolated-table";
  table.caption = "At equal compute, interpolated on the line of the vanilla models";
  table.columns =
      StatisticColumns(analysis, {{"Between", "", false, true}, {"And", "", false, true}});
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.interpolated) continue;
    const Interpolated& between = *comparison.interpolated;
    std::vector<std::string> cells = {FullName(*between.below), FullName(*between.above)};
    for (std::string& cell : StatisticCells(between.paired)) cells.push_back(std::move(cell));
    const size_t lost =
        comparison.candidate->lost.size() + between.below->lost.size() + between.above->lost.size();
    cells.push_back(OutcomeCell(between.outcome, static_cast<int64_t>(lost)));
    TableRow row = ComparisonRow(analysis, comparison, std::move(cells));
    row.dirty |= between.below->dirty || between.above->dirty;
    table.rows.push_back(std::move(row));
  }
  table.note =
      "What a vanilla model of exactly the same needed training compute would reach, on the "
      "straight line between two vanilla models over the logarithm of compute, seed by seed. An "
      "interpolation, not a run.";
  return table;
}

// --- seeds ---

std::string SeedFinding(const Analysis& analysis, const Budget& budget) {
  int64_t below = 0, pairs = 0;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.budget() != budget) continue;
    for (const auto& [replica, difference] : comparison.differences) {
      ++pairs;
      below += difference < 0 ? 1 : 0;
    }
  }
  if (pairs == 0) return "";
  return "in " + std::to_string(below) + " of " + Count(pairs, "pair", "pairs") +
         " of a seed the model lies below its vanilla reference. ";
}

absl::Status AddSeeds(const Analysis& analysis, const Budget& budget, Section& section) {
  Figure figure;
  figure.id = "seeds";
  figure.title = "Every seed of every model";
  if (analysis.several_budgets()) {
    figure.id += "-" + BudgetId(budget);
    figure.title += ", " + BudgetName(budget);
  }
  figure.data.caption = figure.title + ": the numbers of the figure";
  figure.data.columns = {{"Model", "", false}};
  std::set<int64_t> replicas;
  std::vector<const Group*> groups;
  for (const Group& group : analysis.groups) {
    if (group.budget != budget || group.bits.empty()) continue;
    groups.push_back(&group);
    for (const auto& [replica, bits] : group.bits) replicas.insert(replica);
  }
  if (groups.empty()) return absl::OkStatus();
  SeedChart chart;
  chart.x_label = "Validation " + Bits(analysis);
  for (const int64_t replica : replicas) {
    SeedChart::Seed seed{"Seed " + std::to_string(replica), {}};
    for (const Group* group : groups) {
      const auto found = group->bits.find(replica);
      seed.values.push_back(found == group->bits.end() ? std::nullopt
                                                       : std::optional<double>(found->second));
    }
    figure.data.columns.push_back({seed.name, BitsUnit(analysis), true});
    chart.seeds.push_back(std::move(seed));
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    chart.rows.push_back(FullName(*groups[i]));
    TableRow row{{FullName(*groups[i])}};
    row.dirty = groups[i]->dirty;
    for (const SeedChart::Seed& seed : chart.seeds) row.cells.push_back(Fixed(seed.values[i], 4));
    figure.data.rows.push_back(std::move(row));
  }
  figure.caption = figure.title + ": " + SeedFinding(analysis, budget) +
                   "A line joins the models that saw the same batches; left is better. Lines that "
                   "run side by side say that the seed moves all models alike, which is why "
                   "differences are taken within a seed.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

absl::Status AddMarginPanel(const Analysis& analysis, Section& section) {
  Figure figure;
  figure.id = "seed-differences";
  figure.title = "Differences from vanilla against the margin";
  figure.data.caption = "Differences seed by seed, and their mean";
  figure.data.columns = ModelColumns(analysis, {{"Reference", "", false, true},
                                                {"Seed", "", true},
                                                {"Reference", BitsUnit(analysis), true},
                                                {"Model", BitsUnit(analysis), true},
                                                {"Difference", BitsUnit(analysis), true}});
  RowChart chart;
  chart.x_label = "Bits per " + analysis.unit + " minus those of the vanilla reference";
  chart.band_low = -kQualityMargin;
  chart.band_high = kQualityMargin;
  int64_t inside = 0;
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.paired) continue;
    const PairedDifference& paired = *comparison.paired;
    RowChart::Row row;
    row.name = comparison.candidate->name;
    if (analysis.several_budgets()) row.name += ", " + BudgetName(comparison.budget());
    row.mean = paired.mean;
    row.low = paired.low;
    row.high = paired.high;
    row.inner_low = paired.one_sided_low;
    row.inner_high = paired.one_sided_high;
    inside += EquivalenceCell(paired).starts_with("shown") ? 1 : 0;
    for (const auto& [replica, difference] : comparison.differences) {
      row.values.push_back(difference);
      figure.data.rows.push_back(
          ComparisonRow(analysis, comparison,
                        {FullName(*comparison.reference), std::to_string(replica),
                         Fixed(comparison.reference->bits.at(replica), 4),
                         Fixed(comparison.candidate->bits.at(replica), 4), Signed(difference, 4)}));
    }
    TableRow mean =
        ComparisonRow(analysis, comparison,
                      {FullName(*comparison.reference), "mean of " + std::to_string(paired.n), "",
                       "", Signed(paired.mean, 4)});
    mean.strong = true;
    figure.data.rows.push_back(std::move(mean));
    chart.rows.push_back(std::move(row));
  }
  if (chart.rows.empty()) return absl::OkStatus();
  figure.caption =
      "Difference in validation " + Bits(analysis) +
      " from the vanilla reference: " + std::to_string(inside) + " of " +
      Count(static_cast<int64_t>(chart.rows.size()), "comparison is", "comparisons are") +
      " equivalent within the margin of ±" + Fixed(kQualityMargin, 2) +
      " (grey band). Rings are seeds, the diamond their mean, the bar its 95 % interval, thick "
      "the interval of the two one-sided tests: equivalence is shown where that lies inside the "
      "band. Left of zero the model is better than vanilla.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

}  // namespace

absl::StatusOr<Section> DifferencesSection(const Analysis& analysis) {
  Section section{"differences", "Differences by seed", {}};
  Table verdicts = VerdictTable(analysis);
  if (verdicts.rows.empty()) return section;
  Add(section, std::move(verdicts));
  Table interpolated = InterpolatedTable(analysis);
  if (!interpolated.rows.empty()) Add(section, std::move(interpolated));
  HG_RETURN_IF_ERROR(AddMarginPanel(analysis, section));
  for (const Budget& budget : analysis.budgets) {
    HG_RETURN_IF_ERROR(AddSeeds(analysis, budget, section));
  }
  return section;
}

}  // namespace hourglass::reports
