// Labelled points, each label where it covers no other.

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "reports/format.h"
#include "reports/svg.h"

namespace hourglass::reports {
namespace {

constexpr int kHeight = 470;
// The plotting area in shares of the picture, so that pixels can be computed.
constexpr double kLeft = 0.10, kRight = 0.97, kBottom = 0.13, kTop = 0.86;
// A character of the font used, roughly; a line of text.
constexpr double kCharacter = 7.3, kLine = 16;

struct Box {
  double left = 0, bottom = 0, right = 0, top = 0;
  double Overlap(const Box& other) const {
    const double width = std::min(right, other.right) - std::max(left, other.left);
    const double height = std::min(top, other.top) - std::max(bottom, other.bottom);
    return width > 0 && height > 0 ? width * height : 0;
  }
};

// From data to pixels of the plotting area.
class Frame {
 public:
  explicit Frame(const PointChart& chart) : log_(chart.log_x) {
    for (const PointChart::Family& family : chart.families) {
      for (const PointChart::Point& point : family.points) {
        x_.Cover(point.x);
        y_.Cover(point.y);
        y_.Cover(point.low);
        y_.Cover(point.high);
      }
    }
    // Within a factor of two a logarithmic axis has hardly a number to show.
    log_ = log_ && x_.low > 0 && x_.high > 2 * x_.low;
    if (log_) {
      const double pad = std::pow(std::max(x_.high / x_.low, 1.05), 0.12);
      x_.low /= pad;
      x_.high *= pad;
    } else {
      Pad(x_, 0.12);
    }
    Pad(y_, 0.08);
  }

  double X(double x) const {
    const double share = log_ ? std::log(x / x_.low) / std::log(x_.high / x_.low)
                              : (x - x_.low) / (x_.high - x_.low);
    return share * (kRight - kLeft) * kChartWidth;
  }
  double Y(double y) const {
    return (y - y_.low) / (y_.high - y_.low) * (kTop - kBottom) * kHeight;
  }
  const Range& x() const { return x_; }
  const Range& y() const { return y_; }
  bool log() const { return log_; }

 private:
  static void Pad(Range& range, double share) {
    double pad = share * (range.high - range.low);
    if (!(pad > 0)) pad = std::max(std::abs(range.high) * share, 1e-3);
    range.low -= pad;
    range.high += pad;
  }

  bool log_;
  Range x_, y_;
};

// Where a label stands: right, left, above, below, and the corners.
struct Side {
  double x = 0, y = 0;  // -1, 0, 1
};
constexpr std::array<Side, 8> kSides = {
    {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}};

Box BoxAt(double x, double y, const Side& side, size_t characters) {
  const double width = kCharacter * static_cast<double>(characters);
  const double centre_x = x + side.x * (width / 2 + 13), centre_y = y + side.y * (kLine / 2 + 9);
  return {centre_x - width / 2, centre_y - kLine / 2, centre_x + width / 2, centre_y + kLine / 2};
}

double Cost(const Box& box, const std::vector<Box>& taken) {
  double cost = 0;
  for (const Box& other : taken) cost += box.Overlap(other);
  const Box picture{0, 0, (kRight - kLeft) * kChartWidth, (kTop - kBottom) * kHeight};
  const double area = (box.right - box.left) * (box.top - box.bottom);
  return cost + 4 * (area - box.Overlap(picture));
}

std::string Labels(const PointChart& chart, const Frame& frame, StandIns& names) {
  std::vector<Box> taken;
  for (const PointChart::Family& family : chart.families) {
    for (const PointChart::Point& point : family.points) {
      const double x = frame.X(point.x), y = frame.Y(point.y);
      taken.push_back({x - 6, frame.Y(point.low.value_or(point.y)) - 6, x + 6,
                       frame.Y(point.high.value_or(point.y)) + 6});
      taken.push_back({x - 6, y - 6, x + 6, y + 6});
    }
  }
  std::string script;
  for (const PointChart::Family& family : chart.families) {
    for (const PointChart::Point& point : family.points) {
      const double x = frame.X(point.x), y = frame.Y(point.y);
      const auto cost = [&](const Side& side) {
        return Cost(BoxAt(x, y, side, TextLength(point.label)), taken);
      };
      const Side& best =
          *std::min_element(kSides.begin(), kSides.end(),
                            [&](const Side& a, const Side& b) { return cost(a) < cost(b); });
      const Box box = BoxAt(x, y, best, TextLength(point.label));
      taken.push_back(box);
      const double share_x = (box.left + box.right) / 2 / ((kRight - kLeft) * kChartWidth);
      const double share_y = (box.bottom + box.top) / 2 / ((kTop - kBottom) * kHeight);
      absl::StrAppend(&script, "set label '", names.Add(point.label), "' at graph ",
                      Number(share_x), ", graph ", Number(share_y),
                      " center font ',12' textcolor rgb '", kInkColour, "'\n");
    }
  }
  return script;
}

std::string Plots(const PointChart& chart, StandIns& names, std::string& script) {
  std::string bars, lines, points;
  for (size_t i = 0; i < chart.families.size(); ++i) {
    const PointChart::Family& family = chart.families[i];
    const Style style = StyleOf(family.style);
    absl::StrAppend(&script, "$F", i, " << END\n");
    for (const PointChart::Point& p : family.points) {
      absl::StrAppend(&script, Number(p.x), " ", Number(p.y), " ", Number(p.low.value_or(p.y)), " ",
                      Number(p.high.value_or(p.y)), "\n");
    }
    absl::StrAppend(&script, "END\n");
    const std::string colour = absl::StrCat(" linecolor rgb '", style.colour, "'");
    absl::StrAppend(&bars, "$F", i, " using 1:2:3:4 with yerrorbars pointtype -1 linewidth 1.5",
                    colour, " notitle, ");
    if (family.joined && family.points.size() > 1) {
      absl::StrAppend(&lines, "$F", i, " using 1:2 with lines linewidth 1.2 dashtype ", style.dash,
                      colour, " notitle, ");
    }
    absl::StrAppend(&points, i > 0 ? ", " : "", "$F", i,
                    " using 1:2 with points pointsize 0.9 linewidth 1.5 pointtype ",
                    family.hollow ? style.hollow_marker : style.marker, colour, " title '",
                    names.Add(family.name), "'");
  }
  return "plot " + bars + lines + points + "\n";
}

}  // namespace

absl::StatusOr<Svg> Draw(const PointChart& chart) {
  StandIns names;
  const Frame frame(chart);
  std::string script = ScriptHead(kHeight) + AxisLabels(chart);
  absl::StrAppend(&script, "set lmargin at screen ", kLeft, "\nset rmargin at screen ", kRight,
                  "\nset bmargin at screen ", kBottom, "\nset tmargin at screen ", kTop,
                  "\nset grid ytics linecolor rgb '", kGridColour,
                  "' linewidth 1 dashtype 1\nset key above left horizontal Left reverse samplen 1 "
                  "textcolor rgb '",
                  kInkColour, "'\nset format y '%.2f'\n");
  if (frame.log()) {
    absl::StrAppend(&script, "set logscale x\nset xtics (", LogTics(frame.x().low, frame.x().high),
                    ")\n");
  }
  absl::StrAppend(&script, "set xrange [", Number(frame.x().low), ":", Number(frame.x().high),
                  "]\nset yrange [", Number(frame.y().low), ":", Number(frame.y().high), "]\n",
                  Labels(chart, frame, names));
  const std::string plots = Plots(chart, names, script);
  return Render(chart, script + plots, kHeight, names);
}

}  // namespace hourglass::reports
