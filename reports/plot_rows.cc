// Charts with one row for each model: means with intervals and a margin, seeds joined by lines.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "reports/format.h"
#include "reports/svg.h"

namespace hourglass::reports {
namespace {

// "'name' 3, 'name' 2": the first row stands highest.
std::string RowTics(const std::vector<std::string>& rows, StandIns& names) {
  std::string tics;
  for (size_t i = 0; i < rows.size(); ++i) {
    absl::StrAppend(&tics, i > 0 ? ", " : "", "'", names.Add(rows[i]), "' ", rows.size() - i);
  }
  return tics;
}

std::string RowAxes(const ChartHead& chart, const std::vector<std::string>& rows, StandIns& names,
                    int height) {
  return absl::StrCat(ScriptHead(height), AxisLabels(chart), "set border 1\n",
                      "set grid xtics linecolor rgb '", kGridColour,
                      "' linewidth 1 dashtype 1\nset tics scale 0\nset yrange [0.4:",
                      Number(static_cast<double>(rows.size()) + 0.6), "]\nset ytics (",
                      RowTics(rows, names), ")\n");
}

Range RangeOf(const RowChart& chart) {
  Range x;
  for (const RowChart::Row& row : chart.rows) {
    for (const double value : row.values) x.Cover(value);
    x.Cover(row.mean);
    x.Cover(row.low);
    x.Cover(row.high);
  }
  // Some air beyond the margin, so that it is seen as one.
  x.Cover(chart.centre + 1.5 * (chart.band_low - chart.centre));
  x.Cover(chart.centre + 1.5 * (chart.band_high - chart.centre));
  return x;
}

std::string XRange(const RowChart& chart) {
  const Range x = RangeOf(chart);
  if (!chart.log_x) {
    const double pad = 0.06 * (x.high - x.low);
    return absl::StrCat("set format x '%+.3f'\nset xrange [", Number(x.low - pad), ":",
                        Number(x.high + pad), "]\n");
  }
  const double pad = std::pow(x.high / x.low, 0.06);
  return absl::StrCat("set logscale x\nset xtics (", LogTics(x.low, x.high), ")\nset xrange [",
                      Number(x.low / pad), ":", Number(x.high * pad), "]\n");
}

struct Marks {
  std::string values, means, intervals, inner;
};

Marks MarksOf(const RowChart& chart) {
  Marks marks;
  for (size_t i = 0; i < chart.rows.size(); ++i) {
    const RowChart::Row& row = chart.rows[i];
    const double y = static_cast<double>(chart.rows.size() - i);
    for (const double value : row.values) {
      absl::StrAppend(&marks.values, Number(value), " ", Number(y + 0.24), "\n");
    }
    const std::string place = absl::StrCat(Number(row.mean), " ", Number(y), " ");
    absl::StrAppend(&marks.means, place, "\n");
    absl::StrAppend(&marks.intervals, place, Number(row.low.value_or(row.mean)), " ",
                    Number(row.high.value_or(row.mean)), "\n");
    absl::StrAppend(&marks.inner, place, Number(row.inner_low.value_or(row.mean)), " ",
                    Number(row.inner_high.value_or(row.mean)), "\n");
  }
  return marks;
}

}  // namespace

absl::StatusOr<Svg> Draw(const RowChart& chart) {
  StandIns names;
  const int height = 110 + 58 * static_cast<int>(chart.rows.size());
  std::vector<std::string> rows;
  for (const RowChart::Row& row : chart.rows) rows.push_back(row.name);
  std::string script = RowAxes(chart, rows, names, height) + XRange(chart) + "unset key\n";
  absl::StrAppend(&script, "set object 1 rectangle from ", Number(chart.band_low), ", graph 0 to ",
                  Number(chart.band_high), ", graph 1 behind fillcolor rgb '", kBandColour,
                  "' fillstyle transparent solid 0.22 noborder\n", "set arrow 1 from ",
                  Number(chart.centre), ", graph 0 to ", Number(chart.centre),
                  ", graph 1 nohead linewidth 1.5 linecolor rgb '", kInkColour, "'\n");
  const Marks marks = MarksOf(chart);
  const Style mean = StyleOf(1), seed = StyleOf(0);
  absl::StrAppend(&script, "$VALUES << END\n", marks.values, "END\n$MEANS << END\n", marks.means,
                  "END\n$INTERVALS << END\n", marks.intervals, "END\n$INNER << END\n", marks.inner,
                  "END\n");
  absl::StrAppend(&script, "plot $INTERVALS using 1:2:3:4 with xerrorbars linewidth 2 pointtype -1",
                  " linecolor rgb '", mean.colour,
                  "', $INNER using 1:2:3:4 with xerrorbars linewidth 6 pointtype -1",
                  " linecolor rgb '", mean.colour, "', $VALUES using 1:2 with points pointtype 6 ",
                  "pointsize 0.8 linewidth 1.5 linecolor rgb '", seed.colour,
                  "', $MEANS using 1:2 with points pointtype 13 pointsize 1.1 linecolor rgb '",
                  mean.colour, "'\n");
  return Render(chart, script, height, names);
}

absl::StatusOr<Svg> Draw(const SeedChart& chart) {
  StandIns names;
  const int height =
      120 + 40 * static_cast<int>(chart.rows.size()) + 22 * static_cast<int>(chart.seeds.size());
  Range x;
  for (const SeedChart::Seed& seed : chart.seeds) {
    for (const auto& value : seed.values) x.Cover(value);
  }
  const double pad = 0.06 * (x.high - x.low) + 1e-3;
  std::string script = RowAxes(chart, chart.rows, names, height);
  absl::StrAppend(&script, "set format x '%.3f'\nset xrange [", Number(x.low - pad), ":",
                  Number(x.high + pad), "]\nset key above left vertical maxrows ",
                  chart.seeds.size(), " Left reverse samplen 4 spacing 1.2 textcolor rgb '",
                  kInkColour, "'\n");
  std::string plots;
  for (size_t i = 0; i < chart.seeds.size(); ++i) {
    absl::StrAppend(&script, "$S", i, " << END\n");
    for (size_t row = 0; row < chart.seeds[i].values.size(); ++row) {
      const std::optional<double>& value = chart.seeds[i].values[row];
      // A missing run breaks the line.
      if (!value) {
        script += "\n";
        continue;
      }
      absl::StrAppend(&script, Number(*value), " ", chart.rows.size() - row, "\n");
    }
    const Style style = StyleOf(i);
    absl::StrAppend(&script, "END\n");
    absl::StrAppend(&plots, i > 0 ? ", " : "plot ", "$S", i,
                    " using 1:2 with linespoints linewidth 1.5 pointsize 0.9 linecolor rgb '",
                    style.colour, "' dashtype ", style.dash, " pointtype ", style.marker,
                    " title '", names.Add(chart.seeds[i].name), "'");
  }
  return Render(chart, script + plots + "\n", height, names);
}

}  // namespace hourglass::reports
