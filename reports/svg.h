// From gnuplot's drawing to the SVG of a report: looks, names, ids, accessibility.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/plot.h"

namespace hourglass::reports {

inline constexpr int kChartWidth = 760;
inline constexpr size_t kColours = 6;

// Colours in the script and in the standalone file; the page puts its variables in their place.
inline constexpr const char* kInkColour = "#44505c";
inline constexpr const char* kGridColour = "#d5dbe1";
inline constexpr const char* kBandColour = "#94a3b8";

// How a series looks. Styles beyond the sixth repeat a colour with another marker and dash.
struct Style {
  const char* colour;
  const char* dash;
  int marker;         // filled
  int hollow_marker;  // the same shape
};
Style StyleOf(size_t index);

// A number for the script: the same bytes on every machine.
std::string Number(double value);

// A range that grows with what it must show.
struct Range {
  double low = INFINITY, high = -INFINITY;
  void Cover(double value);
  void Cover(const std::optional<double>& value);
  bool empty() const { return low > high; }
};

// 1, 2, 5, 10, ... within the range: gnuplot labels whole decades only.
std::string LogTics(double low, double high);

// Characters, not bytes: gnuplot measures the stand-in, the reader sees the name.
size_t TextLength(std::string_view text);

// A word as long as the name that will stand in its place: "Q3ZZZZZ".
class StandIns {
 public:
  std::string Add(const std::string& name);
  void Replace(std::string& svg) const;

 private:
  std::vector<std::pair<std::string, std::string>> names_;
};

// Terminal, fonts, borders.
std::string ScriptHead(int height);
std::string AxisLabels(const ChartHead& chart);

// Runs the script and dresses what comes back.
absl::StatusOr<Svg> Render(const ChartHead& chart, const std::string& script, int height,
                           const StandIns& names);

}  // namespace hourglass::reports
