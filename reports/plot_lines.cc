// Lines with bands or bars over the seeds.

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "reports/format.h"
#include "reports/svg.h"

namespace hourglass::reports {
namespace {

void AppendData(const LineChart& chart, std::string& script) {
  for (size_t i = 0; i < chart.series.size(); ++i) {
    absl::StrAppend(&script, "$S", i, " << END\n");
    for (const Series::Point& p : chart.series[i].points) {
      if (p.starts_segment) script += "\n";
      absl::StrAppend(&script, Number(p.x), " ", Number(p.y), " ", Number(p.low.value_or(p.y)), " ",
                      Number(p.high.value_or(p.y)), "\n");
    }
    absl::StrAppend(&script, "END\n");
  }
}

// Bands first, so that no line is hidden by one.
std::string Plots(const LineChart& chart, StandIns& names) {
  std::string under, lines;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Style style = StyleOf(chart.series[i].style);
    absl::StrAppend(
        &under, "$S", i,
        chart.bars ? " using 1:2:3:4 with yerrorbars pointtype -1 linewidth 1.5 "
                     "linecolor rgb '"
                   : " using 1:3:4 with filledcurves fillcolor rgb '",
        style.colour,
        chart.bars ? "' notitle, " : "' fillstyle transparent solid 0.16 noborder notitle, ");
    absl::StrAppend(
        &lines, i > 0 ? ", " : "", "$S", i, " using 1:2 with linespoints linewidth 2 pointsize ",
        chart.bars ? "0.8" : "0.55", " linecolor rgb '", style.colour, "' dashtype ", style.dash,
        " pointtype ", style.marker, " title '", names.Add(chart.series[i].name), "'");
  }
  return "plot " + under + lines + "\n";
}

Range RangeOfX(const LineChart& chart) {
  Range x;
  for (const Series& series : chart.series) {
    for (const Series::Point& point : series.points) x.Cover(point.x);
  }
  for (const LineChart::Mark& mark : chart.marks) x.Cover(mark.x);
  return x;
}

// A label stands left of its line, but for the first one: there the axis is.
void AppendMarks(const LineChart& chart, StandIns& names, std::string& script) {
  for (size_t i = 0; i < chart.marks.size(); ++i) {
    const std::string x = Number(chart.marks[i].x);
    absl::StrAppend(&script, "set arrow from ", x, ", graph 0 to ", x,
                    ", graph 1 nohead linewidth 1.2 dashtype (6,4) linecolor rgb '", kInkColour,
                    "'\nset label '", names.Add(chart.marks[i].label), "' at ", x, ", graph ",
                    i % 2 == 0 ? "0.96" : "0.90",
                    i == 0 ? " left offset 0.6,0" : " right offset -0.6,0", " textcolor rgb '",
                    kInkColour, "'\n");
  }
}

Range RangeOfY(const LineChart& chart) {
  Range y;
  for (const Series& series : chart.series) {
    for (const Series::Point& point : series.points) {
      y.Cover(point.y);
      y.Cover(point.low);
      y.Cover(point.high);
    }
  }
  return y;
}

// With a level, wide enough to show its margin: steadiness must not look like scatter.
std::string YRange(const LineChart& chart) {
  if (chart.log_y) {
    const Range y = RangeOfY(chart);
    return absl::StrCat("set logscale y\nset ytics (", LogTics(y.low, y.high), ")\nset yrange [",
                        Number(y.low / 1.15), ":", Number(y.high * 1.15), "]\n");
  }
  if (!chart.level) return "";
  Range y = RangeOfY(chart);
  const double air = 1.6 * chart.level_margin.value_or(0);
  y.Cover(*chart.level - air);
  y.Cover(*chart.level + air);
  return absl::StrCat("set yrange [", Number(y.low), ":", Number(y.high), "]\n");
}

void AppendLevel(const LineChart& chart, std::string& script) {
  if (!chart.level) return;
  const double margin = chart.level_margin.value_or(0);
  if (margin > 0) {
    absl::StrAppend(&script, "set object 1 rectangle from graph 0, first ",
                    Number(*chart.level - margin), " to graph 1, first ",
                    Number(*chart.level + margin), " behind fillcolor rgb '", kBandColour,
                    "' fillstyle transparent solid 0.22 noborder\n");
  }
  const std::string y = Number(*chart.level);
  absl::StrAppend(&script, "set arrow from graph 0, first ", y, " to graph 1, first ", y,
                  " nohead linewidth 1.5 linecolor rgb '", kInkColour, "'\n");
}

}  // namespace

absl::StatusOr<Svg> Draw(const LineChart& chart) {
  StandIns names;
  const int height = 400 + 22 * static_cast<int>(chart.series.size());
  const Range x = RangeOfX(chart);
  std::string script = ScriptHead(height) + AxisLabels(chart);
  absl::StrAppend(&script, "set grid ytics linecolor rgb '", kGridColour,
                  "' linewidth 1 dashtype 1\n", "set key above left vertical maxrows ",
                  chart.series.size(), " Left reverse samplen 5 spacing 1.25 textcolor rgb '",
                  kInkColour, "'\nset format y '%.", chart.y_decimals, "f'\n");
  const bool logarithmic = !chart.linear_x && x.low > 0 && x.high > 4 * x.low;
  if (logarithmic) {
    absl::StrAppend(&script, "set logscale x\nset xtics (", LogTics(x.low, x.high), ")\n");
    const double pad = std::pow(x.high / x.low, 0.03);
    absl::StrAppend(&script, "set xrange [", Number(x.low / pad), ":", Number(x.high * pad), "]\n");
  } else {
    const double pad = x.high > x.low ? 0.03 * (x.high - x.low) : std::abs(x.high) * 0.1 + 0.1;
    absl::StrAppend(&script, "set xrange [", Number(x.low - pad), ":", Number(x.high + pad), "]\n");
  }
  script += YRange(chart);
  AppendMarks(chart, names, script);
  AppendLevel(chart, script);
  AppendData(chart, script);
  absl::StrAppend(&script, Plots(chart, names));
  return Render(chart, script, height, names);
}

}  // namespace hourglass::reports
