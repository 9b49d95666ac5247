// What the parts of the page share: rows that name a model, figures, blocks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/base/status.h"
#include "reports/analysis.h"
#include "reports/document.h"
#include "reports/plot.h"

namespace hourglass::reports {

// The head of a table with a row for each group: the model and, where there are several, the
// budget.
std::vector<Column> ModelColumns(const Analysis& analysis, std::vector<Column> more);
// Such a row, marked where the group is.
TableRow ModelRow(const Analysis& analysis, const Group& group, std::vector<std::string> more);
// A row about one run of a group, marked where the run is.
TableRow RunRow(const Analysis& analysis, const Group& group, const results::RunRecord& run,
                std::vector<std::string> more);
// A row about two groups: named by the first, marked by either.
TableRow ComparisonRow(const Analysis& analysis, const Comparison& comparison,
                       std::vector<std::string> more);

// "2.31" of as many decimals as the intervals of a column justify.
int QualityDecimals(const Analysis& analysis);
// "2.301 to 2.340"; kMissing without an interval.
std::string RangeText(const std::optional<double>& low, const std::optional<double>& high,
                      int decimals);

template <typename Kind>
void Add(Section& section, Kind block) {
  section.blocks.emplace_back(std::in_place_type<Kind>, std::move(block));
}

// `figure` with the chart drawn into it. Its caption is the finding; the chart is described by it.
template <typename Chart>
absl::Status AddFigure(Section& section, Figure figure, Chart chart) {
  figure.data.id = figure.id + "-data";
  figure.description = figure.caption + " The table below the figure holds every number.";
  chart.id = figure.id;
  chart.title = figure.title;
  chart.description = figure.description;
  HG_ASSIGN_OR_RETURN(Svg svg, Draw(chart));
  figure.inline_svg = std::move(svg.inline_text);
  figure.standalone_svg = std::move(svg.standalone_text);
  Add(section, std::move(figure));
  return absl::OkStatus();
}

}  // namespace hourglass::reports
