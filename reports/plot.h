// Charts as SVG, drawn by gnuplot in a child process.
//
// No text of a user reaches gnuplot: names are stand-ins of the same length, replaced afterwards by
// the escaped names. Series differ by dash and marker as well as by colour. At most six colours.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hourglass::reports {

// What every chart has.
struct ChartHead {
  std::string id;           // prefix of every id in the SVG
  std::string title;        // <title>
  std::string description;  // <desc>
  std::string x_label;      // of the program: no text of a user
  std::string y_label;
};

// One line with its band, or with bars where the chart says so.
struct Series {
  std::string name;
  size_t style = 0;  // equal styles look alike in every chart of a report
  struct Point {
    double x = 0, y = 0;
    std::optional<double> low, high;
    bool starts_segment = false;  // no line from the point before
  };
  std::vector<Point> points;  // finite, in increasing x
};

struct LineChart : ChartHead {
  std::vector<Series> series;
  bool bars = false;                   // intervals as bars, not as bands
  bool linear_x = false;               // else logarithmic where the range asks for it
  bool log_y = false;                  // every value is above zero
  std::optional<double> level;         // a horizontal line, drawn strong
  std::optional<double> level_margin;  // a band around it
  struct Mark {
    double x = 0;
    std::string label;
  };
  std::vector<Mark> marks;  // vertical lines
  int y_decimals = 2;
};

// Rows with a mean, its intervals and the values behind it.
struct RowChart : ChartHead {
  struct Row {
    std::string name;
    std::vector<double> values;
    double mean = 0;
    std::optional<double> low, high;              // two-sided
    std::optional<double> inner_low, inner_high;  // of two one-sided tests
  };
  std::vector<Row> rows;
  double centre = 0;
  double band_low = 0, band_high = 0;  // the margin
  bool log_x = false;
};

// Values of several seeds on one row for each model; a line joins the values of a seed.
struct SeedChart : ChartHead {
  std::vector<std::string> rows;
  struct Seed {
    std::string name;
    std::vector<std::optional<double>> values;  // one for each row
  };
  std::vector<Seed> seeds;
};

// Labelled points.
struct PointChart : ChartHead {
  struct Point {
    std::string label;
    double x = 0, y = 0;
    std::optional<double> low, high;
  };
  struct Family {
    std::string name;
    size_t style = 0;
    bool hollow = false;
    bool joined = false;  // by a line, in the order of the points
    std::vector<Point> points;
  };
  std::vector<Family> families;
  bool log_x = true;
};

struct Svg {
  std::string inline_text;      // for the page: colours are its CSS variables, no XML prologue
  std::string standalone_text;  // a complete file on white
};

// Unavailable when gnuplot cannot be started or fails; the message says what to install.
absl::StatusOr<Svg> Draw(const LineChart& chart);
absl::StatusOr<Svg> Draw(const RowChart& chart);
absl::StatusOr<Svg> Draw(const SeedChart& chart);
absl::StatusOr<Svg> Draw(const PointChart& chart);

}  // namespace hourglass::reports
