// Charts as SVG, drawn by gnuplot in a child process.
//
// No text of a user reaches gnuplot: names are stand-ins of the same length, replaced afterwards by
// the escaped names. Series differ by dash and marker as well as by colour.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hourglass::reports {

// One line with its band.
struct Series {
  std::string name;
  struct Point {
    double x = 0, y = 0, low = 0, high = 0;
  };
  std::vector<Point> points;  // finite, in increasing x
};

struct LineChart {
  std::string id;           // prefix of every id in the SVG
  std::string title;        // <title>
  std::string description;  // <desc>
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
};

// One row of a chart of differences: a mark for every seed, the mean, its interval.
struct DifferenceRow {
  std::string name;
  std::vector<double> seeds;
  double mean = 0;
  std::optional<double> low, high;
};

struct DifferenceChart {
  std::string id;
  std::string title;
  std::string description;
  std::string x_label;
  double margin = 0;  // drawn as a band around zero
  std::vector<DifferenceRow> rows;
};

struct Svg {
  std::string inline_text;      // for the page: colours are its CSS variables, no XML prologue
  std::string standalone_text;  // a complete file on white
};

// Unavailable when gnuplot cannot be started or fails; the message says what to install.
absl::StatusOr<Svg> DrawLines(const LineChart& chart);
absl::StatusOr<Svg> DrawDifferences(const DifferenceChart& chart);

}  // namespace hourglass::reports
