// What the paper claims and what was found; where and why this is not the paper's experiment.

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/settings.h"

namespace hourglass::reports {
namespace {

int DecimalsOf(const ClaimRow& row) {
  if (!row.low || !row.high || *row.low == *row.high) return 3;
  return std::min(4, DecimalsFor((*row.high - *row.low) / 2));
}

std::string Ours(const ClaimRow& row) {
  if (!row.finding.empty()) return row.finding;
  if (!row.ours) return row.outcome == ClaimOutcome::kNotRun ? "NOT RUN" : std::string(kMissing);
  const std::string number = row.unit == "times" ? Fixed(*row.ours, DecimalsOf(row)) + " times"
                             : row.difference    ? Fixed(*row.ours, DecimalsOf(row))
                                                 : Signed(*row.ours, DecimalsOf(row));
  return number;
}

std::string Interval(const ClaimRow& row) {
  if (row.low && row.high && *row.low == *row.high) return "exact";
  return RangeText(row.low, row.high, DecimalsOf(row));
}

Table ClaimTable(const Analysis& analysis, const std::string& id, const std::string& caption,
                 const std::vector<ClaimRow>& rows) {
  Table table;
  table.id = id;
  table.caption = caption;
  table.columns = {{"Claim", "", false}};
  if (analysis.several_budgets()) table.columns.push_back({"Budget", "", true});
  // The outcome early: a narrow window shows the first columns.
  for (Column column : std::vector<Column>{{"Outcome", "", false, true, true},
                                           {"Paper", "", true},
                                           {"Ours", "", true},
                                           {"95 % interval", "", true},
                                           {"n", "seeds", true},
                                           {"Difference", "from paper", true},
                                           {"Margin", "", true},
                                           {"Because", "", false}}) {
    table.columns.push_back(std::move(column));
  }
  for (const ClaimRow& claim : rows) {
    TableRow row;
    row.dirty = claim.dirty;
    row.link = claim.evidence;
    row.cells = {claim.statement + " (" + claim.locator + ")" + (claim.scaled ? " – scaled" : "")};
    if (analysis.several_budgets()) {
      row.cells.push_back(claim.budget.empty() ? std::string(kMissing) : claim.budget);
    }
    row.cells.push_back(ClaimLabel(claim.outcome));
    row.cells.push_back(claim.published);
    row.cells.push_back(Ours(claim));
    row.cells.push_back(Interval(claim));
    row.cells.push_back(claim.n > 0 ? std::to_string(claim.n) : std::string(kMissing));
    row.cells.push_back(claim.difference ? Signed(*claim.difference, DecimalsOf(claim))
                                         : std::string(kMissing));
    row.cells.push_back(claim.margin);
    row.cells.push_back(claim.why);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Section ClaimsSection(const Analysis& analysis, const Claims& claims) {
  Section section{"claims", "Claims of the paper", {}};
  if (!claims.statements.empty()) {
    Table table =
        ClaimTable(analysis, "statements-table", "Orderings and ratios", claims.statements);
    table.note =
        "Differences are in " + std::string("bits per ") + analysis.unit +
        ", ours minus the other model's, negative is better. An ordering holds when its 95 % "
        "interval lies below zero and is refuted when that lies above zero and the mean reaches "
        "the "
        "margin; a ratio holds when its interval lies within the margin around the "
        "paper's. Rows marked scaled come from a scaled-down run: they speak of the order at this "
        "size, not of the paper's numbers.";
    Add(section, std::move(table));
  }
  if (!claims.values.empty()) {
    Table table = ClaimTable(analysis, "values-table", "Published values", claims.values);
    table.note =
        "Bits per " + analysis.unit +
        ". A value can be compared only with a run of the paper's size, data and number of steps.";
    Add(section, std::move(table));
  }
  return section;
}

Section DeviationsSection(const Analysis& analysis, const PaperView& view) {
  Section section{"deviations", "Deviations from the paper", {}};
  if (analysis.groups.empty()) return section;
  if (view.chapter == nullptr) {
    Add(section, Paragraph{"The paper has no experiment of this kind to deviate from."});
    return section;
  }
  const std::vector<Deviation> deviations = DeviationsOf(analysis, *view.chapter);
  Table table;
  table.id = "deviations-table";
  table.caption = "Settings that differ from the paper's";
  table.columns = {{"Setting", "", false},
                   {"Paper", "", false},
                   {"Here", "", false},
                   {"Touches", "", false},
                   {"Paper's place", "", false}};
  for (const Deviation& deviation : deviations) {
    table.rows.push_back(
        {{deviation.path, deviation.paper, deviation.here, deviation.effect, deviation.source}});
  }
  table.note = "Computed from the stored configurations against " + view.chapter->source() + ": " +
               std::to_string(view.chapter->settings_size() - static_cast<int>(deviations.size())) +
               " of " + std::to_string(view.chapter->settings_size()) +
               " settings agree or do not apply.";
  if (deviations.empty()) {
    Add(section, Paragraph{"Every setting is the paper's (" + view.chapter->source() + ")."});
  } else {
    Add(section, std::move(table));
  }
  Terms notes;
  for (const paper::Note& note : view.chapter->deviations()) {
    notes.items.emplace_back(note.topic(), note.text());
  }
  if (!notes.items.empty()) Add(section, std::move(notes));
  return section;
}

}  // namespace hourglass::reports
