#include "reports/svg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "reports/format.h"
#include "reports/gnuplot.h"

namespace hourglass::reports {
namespace {

// The colours are told apart with the common kinds of colour blindness and have 3:1 against white;
// the page replaces them in its dark form.
constexpr std::array<const char*, kColours> kSeriesColours = {"#0b62a4", "#c2410c", "#0f766e",
                                                              "#7e22ce", "#8a6d00", "#475569"};
constexpr std::array<const char*, kColours> kDashes = {"1",          "(18,6)", "(4,5)",
                                                       "(18,5,4,5)", "(10,4)", "(2,4)"};
// gnuplot's circle, square, triangle, diamond, inverted triangle, pentagon.
constexpr std::array<int, kColours> kFilledMarkers = {7, 5, 9, 13, 11, 15};

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
  std::vector<std::pair<std::string, std::string>> colours = {{kInkColour, "var(--chart-ink)"},
                                                              {kGridColour, "var(--chart-grid)"},
                                                              {kBandColour, "var(--chart-band)"}};
  for (size_t i = 0; i < kColours; ++i) {
    colours.emplace_back(kSeriesColours[i], absl::StrCat("var(--series-", i + 1, ")"));
  }
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

std::string Head(const ChartHead& chart, int height, bool standalone) {
  std::string head = standalone ? "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" : "";
  absl::StrAppend(&head, "<svg ", standalone ? "" : "class=\"chart\" ",
                  "role=\"img\" viewBox=\"0 0 ", kChartWidth, " ", height,
                  "\" xmlns=\"http://www.w3.org/2000/svg\"",
                  standalone ? " xmlns:xlink=\"http://www.w3.org/1999/xlink\"" : "",
                  " aria-labelledby=\"", chart.id, "-title ", chart.id, "-desc\">\n");
  absl::StrAppend(&head, "<title id=\"", chart.id, "-title\">", EscapeHtml(chart.title),
                  "</title>\n", "<desc id=\"", chart.id, "-desc\">", EscapeHtml(chart.description),
                  "</desc>\n");
  if (standalone) {
    absl::StrAppend(&head, "<rect width=\"", kChartWidth, "\" height=\"", height,
                    "\" fill=\"#ffffff\"/>\n");
  }
  return head;
}

Svg Finish(const ChartHead& chart, std::string body, int height, const StandIns& names) {
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
  svg.inline_text = Head(chart, height, false) + page + "</svg>\n";
  svg.standalone_text = Head(chart, height, true) + body + "</svg>\n";
  return svg;
}

}  // namespace

Style StyleOf(size_t index) {
  const size_t colour = index % kColours, shifted = (index + index / kColours) % kColours;
  const int marker = kFilledMarkers[shifted];
  return {kSeriesColours[colour], kDashes[shifted], marker, marker - 1};
}

std::string Number(double value) {
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific, 9);
  return std::string(buffer, end.ptr);
}

void Range::Cover(double value) {
  low = std::min(low, value);
  high = std::max(high, value);
}

void Range::Cover(const std::optional<double>& value) {
  if (value) Cover(*value);
}

// 1, 2, 5, 10, ... within the range: gnuplot labels whole decades only.
std::string LogTics(double low, double high) {
  const std::vector<double> digits =
      high > 8 * low ? std::vector<double>{1, 2, 5}
                     : std::vector<double>{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9};
  std::string tics;
  for (int decade = static_cast<int>(std::floor(std::log10(low))); decade <= std::log10(high);
       ++decade) {
    for (const double digit : digits) {
      const double tic = digit * std::pow(10, decade);
      if (tic < low * 0.97 || tic > high * 1.03) continue;
      const int decimals = std::max(0, (digit == std::floor(digit) ? 0 : 1) - decade);
      absl::StrAppend(&tics, tics.empty() ? "" : ", ", "'",
                      decimals == 0 ? Grouped(std::llround(tic)) : Fixed(tic, decimals), "' ",
                      Number(tic));
    }
  }
  return tics;
}

// Characters, not bytes: gnuplot measures the stand-in, the reader sees the name.
size_t TextLength(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

std::string StandIns::Add(const std::string& name) {
  std::string word = absl::StrCat("Q", names_.size(), "Z");
  word.resize(std::max(word.size(), TextLength(name)), 'Z');
  names_.emplace_back(word, name);
  return word;
}

void StandIns::Replace(std::string& svg) const {
  for (const auto& [word, name] : names_) {
    const std::string escaped = EscapeHtml(name);
    for (size_t at = svg.find(word); at != std::string::npos; at = svg.find(word, at)) {
      svg.replace(at, word.size(), escaped);
      at += escaped.size();
    }
  }
}

std::string ScriptHead(int height) {
  return absl::StrCat("set terminal svg size ", kChartWidth, ",", height,
                      " dynamic noenhanced font 'sans-serif,14' linewidth 1 dashlength 1\n"
                      "set encoding utf8\nset minussign\n"
                      "set tics nomirror scale 0.6 textcolor rgb '",
                      kInkColour,
                      "'\n"
                      "set border 3 linecolor rgb '",
                      kInkColour, "'\n");
}

std::string AxisLabels(const ChartHead& chart) {
  std::string labels =
      absl::StrCat("set xlabel '", chart.x_label, "' textcolor rgb '", kInkColour, "'\n");
  if (!chart.y_label.empty()) {
    absl::StrAppend(&labels, "set ylabel '", chart.y_label, "' textcolor rgb '", kInkColour, "'\n");
  }
  return labels;
}

absl::StatusOr<Svg> Render(const ChartHead& chart, const std::string& script, int height,
                           const StandIns& names) {
  HG_ASSIGN_OR_RETURN(const std::string svg, RunGnuplot(script));
  return Finish(chart, Body(svg), height, names);
}

}  // namespace hourglass::reports
