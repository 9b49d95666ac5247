#include "reports/plot.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "reports/format.h"
#include "reports/gnuplot.h"

namespace hourglass::reports {
namespace {

// How one series looks. The colours are told apart with the common kinds of colour blindness and
// have 3:1 against white; the page replaces them in its dark form.
struct Style {
  const char* colour;    // in the script and in the standalone file
  const char* variable;  // in the page
  const char* dash;
  int marker;
};
constexpr std::array<Style, 6> kStyles = {{
    {"#0b62a4", "var(--series-1)", "1", 7},
    {"#c2410c", "var(--series-2)", "(18,6)", 5},
    {"#0f766e", "var(--series-3)", "(4,5)", 9},
    {"#7e22ce", "var(--series-4)", "(18,5,4,5)", 13},
    {"#8a6d00", "var(--series-5)", "(10,4)", 6},
    {"#475569", "var(--series-6)", "(2,4)", 4},
}};
constexpr std::pair<const char*, const char*> kInk = {"#44505c", "var(--chart-ink)"};
constexpr std::pair<const char*, const char*> kGrid = {"#d5dbe1", "var(--chart-grid)"};
constexpr std::pair<const char*, const char*> kBand = {"#94a3b8", "var(--chart-band)"};

constexpr int kWidth = 760;

std::string Number(double value) {
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific, 9);
  return std::string(buffer, end.ptr);
}

// Characters, not bytes: gnuplot measures the stand-in, the reader sees the name.
size_t Length(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

// A word as long as the name that will stand in its place: "Q3QQQQQ".
class StandIns {
 public:
  std::string Add(const std::string& name) {
    std::string word = absl::StrCat("Q", names_.size(), "Z");
    word.resize(std::max(word.size(), Length(name)), 'Z');
    names_.emplace_back(word, name);
    return word;
  }

  void Replace(std::string& svg) const {
    for (const auto& [word, name] : names_) {
      const std::string escaped = EscapeHtml(name);
      for (size_t at = svg.find(word); at != std::string::npos; at = svg.find(word, at)) {
        svg.replace(at, word.size(), escaped);
        at += escaped.size();
      }
    }
  }

 private:
  std::vector<std::pair<std::string, std::string>> names_;
};

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Removes every piece from `begin` up to and including `end`.
void Remove(std::string& text, std::string_view begin, std::string_view end) {
  for (size_t from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    const size_t to = text.find(end, from);
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

// "rgb( 11,  98, 164)", as gnuplot writes a colour: with and without padding.
std::vector<std::string> GnuplotForms(std::string_view hex) {
  int parts[3];
  for (int i = 0; i < 3; ++i)
    parts[i] = std::stoi(std::string(hex.substr(1 + 2 * i, 2)), nullptr, 16);
  char padded[40], plain[40], tight[40];
  std::snprintf(padded, sizeof(padded), "rgb(%3d, %3d, %3d)", parts[0], parts[1], parts[2]);
  std::snprintf(plain, sizeof(plain), "rgb(%d, %d, %d)", parts[0], parts[1], parts[2]);
  std::snprintf(tight, sizeof(tight), "rgb(%d,%d,%d)", parts[0], parts[1], parts[2]);
  return {padded, plain, tight};
}

std::vector<std::pair<std::string, std::string>> Colours() {
  std::vector<std::pair<std::string, std::string>> colours = {
      {kInk.first, kInk.second}, {kGrid.first, kGrid.second}, {kBand.first, kBand.second}};
  for (const Style& style : kStyles) colours.emplace_back(style.colour, style.variable);
  return colours;
}

// Groups without content are a good part of gnuplot's output.
void RemoveEmptyGroups(std::string& svg) {
  size_t close = svg.find("</g>");
  while (close != std::string::npos) {
    const size_t content_end = svg.find_last_not_of(" \t\n", close - 1);
    const size_t open = svg.rfind('<', close - 1);
    const bool empty = open != std::string::npos && content_end != std::string::npos &&
                       svg[content_end] == '>' && svg.compare(open, 3, "<g ") == 0 &&
                       svg.find('>', open) == content_end;
    if (empty) {
      const size_t next = std::min(svg.find_first_not_of(" \t\n", close + 4), svg.size());
      svg.erase(open, next - open);
      close = svg.find("</g>", open);  // the parent may be empty now
    } else {
      close = svg.find("</g>", close + 4);
    }
  }
}

// What stays of gnuplot's file: the drawing, without prologue, titles and filters of its own.
std::string Body(std::string svg) {
  const size_t begin = svg.find("<g id=\"gnuplot_canvas\">");
  const size_t end = svg.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos) return "";
  svg = svg.substr(begin, end - begin);
  Remove(svg, "<title>", "</title>");
  Remove(svg, "<filter", "</filter>");
  RemoveEmptyGroups(svg);
  return svg;
}

std::string Head(const std::string& id, const std::string& title, const std::string& description,
                 int height, bool standalone) {
  std::string head = standalone ? "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" : "";
  absl::StrAppend(&head, "<svg ", standalone ? "" : "class=\"chart\" ",
                  "role=\"img\" viewBox=\"0 0 ", kWidth, " ", height,
                  "\" xmlns=\"http://www.w3.org/2000/svg\"",
                  standalone ? " xmlns:xlink=\"http://www.w3.org/1999/xlink\"" : "",
                  " aria-labelledby=\"", id, "-title ", id, "-desc\">\n");
  absl::StrAppend(&head, "<title id=\"", id, "-title\">", EscapeHtml(title), "</title>\n",
                  "<desc id=\"", id, "-desc\">", EscapeHtml(description), "</desc>\n");
  if (standalone) {
    absl::StrAppend(&head, "<rect width=\"", kWidth, "\" height=\"", height,
                    "\" fill=\"#ffffff\"/>\n");
  }
  return head;
}

template <typename Chart>
Svg Finish(const Chart& chart, std::string body, int height, const StandIns& names) {
  ReplaceAll(body, "id='gp", absl::StrCat("id='", chart.id, "-gp"));
  ReplaceAll(body, "href='#gp", absl::StrCat("href='#", chart.id, "-gp"));
  ReplaceAll(body, "id=\"gnuplot_", absl::StrCat("id=\"", chart.id, "-"));
  Svg svg;
  std::string page = body;
  for (const auto& [hex, variable] : Colours()) {
    for (const std::string& form : GnuplotForms(hex)) {
      ReplaceAll(page, form, variable);
      ReplaceAll(body, form, hex);
    }
  }
  ReplaceAll(page, "xlink:href", "href");
  ReplaceAll(page, "font-family=\"sans-serif\"", "font-family=\"inherit\"");
  names.Replace(page);
  names.Replace(body);
  svg.inline_text =
      Head(chart.id, chart.title, chart.description, height, false) + page + "</svg>\n";
  svg.standalone_text =
      Head(chart.id, chart.title, chart.description, height, true) + body + "</svg>\n";
  return svg;
}

std::string Preamble(int height) {
  return absl::StrCat("set terminal svg size ", kWidth, ",", height,
                      " dynamic noenhanced font 'sans-serif,14' linewidth 1 dashlength 1\n"
                      "set encoding utf8\nset minussign\n"
                      "set tics nomirror textcolor rgb '",
                      kInk.first,
                      "'\n"
                      "set border 3 linecolor rgb '",
                      kInk.first, "'\n");
}

void AppendLineData(const LineChart& chart, std::string& script) {
  for (size_t i = 0; i < chart.series.size(); ++i) {
    absl::StrAppend(&script, "$S", i, " << END\n");
    for (const Series::Point& p : chart.series[i].points) {
      absl::StrAppend(&script, Number(p.x), " ", Number(p.y), " ", Number(p.low), " ",
                      Number(p.high), "\n");
    }
    absl::StrAppend(&script, "END\n");
  }
}

// Bands first, so that no line is hidden by one.
std::string LinePlots(const LineChart& chart, StandIns& names) {
  std::string bands, lines;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Style& style = kStyles[i % kStyles.size()];
    absl::StrAppend(&bands, "$S", i, " using 1:3:4 with filledcurves fillcolor rgb '", style.colour,
                    "' fillstyle transparent solid 0.16 noborder notitle, ");
    absl::StrAppend(&lines, i > 0 ? ", " : "", "$S", i,
                    " using 1:2 with linespoints linewidth 2 pointsize 0.55 linecolor rgb '",
                    style.colour, "' dashtype ", style.dash, " pointtype ", style.marker,
                    " title '", names.Add(chart.series[i].name), "'");
  }
  return "plot " + bands + lines + "\n";
}

bool CanBeLogarithmic(const LineChart& chart) {
  for (const Series& series : chart.series) {
    for (const Series::Point& point : series.points) {
      if (!(point.x > 0)) return false;
    }
  }
  return true;
}

struct Range {
  double low = INFINITY, high = -INFINITY;
  void Cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// 1, 2, 5, 10, ... within the range: gnuplot labels whole decades only.
std::string LogTics(double low, double high) {
  std::string tics;
  for (int decade = static_cast<int>(std::floor(std::log10(low))); decade <= std::log10(high);
       ++decade) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double tic = digit * std::pow(10, decade);
      if (tic < low * 0.97 || tic > high * 1.03) continue;
      absl::StrAppend(&tics, tics.empty() ? "" : ", ", "'",
                      tic >= 1 ? Grouped(std::llround(tic)) : Fixed(tic, -decade), "' ",
                      Number(tic));
    }
  }
  return tics;
}

}  // namespace

absl::StatusOr<Svg> DrawLines(const LineChart& chart) {
  StandIns names;
  const int height = 400 + 22 * static_cast<int>(chart.series.size());
  Range x;
  for (const Series& series : chart.series) {
    for (const Series::Point& point : series.points) x.Cover(point.x);
  }
  std::string script = Preamble(height);
  absl::StrAppend(&script, "set grid ytics linecolor rgb '", kGrid.first,
                  "' linewidth 1 dashtype 1\n", "set key above left vertical maxrows ",
                  chart.series.size(), " Left reverse samplen 5 spacing 1.25 textcolor rgb '",
                  kInk.first, "'\n", "set xlabel '", chart.x_label, "' textcolor rgb '", kInk.first,
                  "'\n", "set ylabel '", chart.y_label, "' textcolor rgb '", kInk.first, "'\n",
                  "set tics scale 0.6\nset format y '%.2f'\n");
  if (CanBeLogarithmic(chart) && x.high > 4 * x.low) {
    absl::StrAppend(&script, "set logscale x\nset xtics (", LogTics(x.low, x.high), ")\n");
  }
  absl::StrAppend(&script, "set xrange [", Number(x.low * 0.97), ":", Number(x.high * 1.03), "]\n");
  AppendLineData(chart, script);
  absl::StrAppend(&script, LinePlots(chart, names));
  HG_ASSIGN_OR_RETURN(const std::string svg, RunGnuplot(script));
  return Finish(chart, Body(svg), height, names);
}

absl::StatusOr<Svg> DrawDifferences(const DifferenceChart& chart) {
  StandIns names;
  const int rows = static_cast<int>(chart.rows.size());
  const int height = 110 + 62 * rows;
  Range x;
  x.Cover(-1.5 * chart.margin);
  x.Cover(1.5 * chart.margin);
  std::string seeds, means, intervals, tics;
  for (int i = 0; i < rows; ++i) {
    const DifferenceRow& row = chart.rows[i];
    const int y = rows - i;
    for (const double seed : row.seeds) {
      x.Cover(seed);
      absl::StrAppend(&seeds, Number(seed), " ", Number(y + 0.24), "\n");
    }
    absl::StrAppend(&means, Number(row.mean), " ", y, "\n");
    const double low = row.low.value_or(row.mean), high = row.high.value_or(row.mean);
    x.Cover(low);
    x.Cover(high);
    absl::StrAppend(&intervals, Number(row.mean), " ", y, " ", Number(low), " ", Number(high),
                    "\n");
    absl::StrAppend(&tics, i > 0 ? ", " : "", "'", names.Add(row.name), "' ", y);
  }
  const double pad = 0.06 * (x.high - x.low);
  const Style& style = kStyles[1];
  std::string script = Preamble(height);
  absl::StrAppend(&script, "set border 1\nset grid xtics linecolor rgb '", kGrid.first,
                  "' linewidth 1 dashtype 1\nunset key\nset tics scale 0\nset format x '%+.3f'\n",
                  "set xrange [", Number(x.low - pad), ":", Number(x.high + pad),
                  "]\nset yrange [0.4:", Number(rows + 0.6), "]\nset xlabel '", chart.x_label,
                  "' textcolor rgb '", kInk.first, "'\n", "set ytics (", tics, ")\n");
  absl::StrAppend(&script, "set object 1 rectangle from ", Number(-chart.margin), ", graph 0 to ",
                  Number(chart.margin), ", graph 1 behind fillcolor rgb '", kBand.first,
                  "' fillstyle transparent solid 0.22 noborder\n",
                  "set arrow 1 from 0, graph 0 to 0, graph 1 nohead linewidth 1.5 linecolor rgb '",
                  kInk.first, "'\n");
  absl::StrAppend(&script, "$SEEDS << END\n", seeds, "END\n$MEANS << END\n", means,
                  "END\n$INTERVALS << END\n", intervals, "END\n");
  absl::StrAppend(&script,
                  "plot $INTERVALS using 1:2:3:4 with xerrorbars linewidth 2.5 pointtype -1",
                  " linecolor rgb '", style.colour, "', $SEEDS using 1:2 with points pointtype 6 ",
                  "pointsize 0.8 linewidth 1.5 linecolor rgb '", kStyles[0].colour,
                  "', $MEANS using 1:2 with points pointtype 13 pointsize 1.1 linecolor rgb '",
                  style.colour, "'\n");
  HG_ASSIGN_OR_RETURN(const std::string svg, RunGnuplot(script));
  return Finish(chart, Body(svg), height, names);
}

}  // namespace hourglass::reports
