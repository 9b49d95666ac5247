#include "reports/compose.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "reports/format.h"
#include "reports/plot.h"
#include "reports/verdict.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

std::string MetricName(const Analysis& analysis) {
  return analysis.curve_metric == results::kValidBitsPerByte ? "Validation" : "Training";
}

std::vector<Highlight> Highlights(const Analysis& analysis) {
  std::vector<Highlight> highlights;
  for (const Group& group : analysis.groups) {
    if (!group.mean_bits || highlights.size() >= 4) continue;
    std::string detail = "bits per " + analysis.unit + ", mean of " +
                         Count(static_cast<int64_t>(group.bits.size()), "seed", "seeds");
    if (group.train_units_per_second) {
      detail += "; trained at " + GroupedRounded(group.train_units_per_second) + " " +
                analysis.unit + "s/s";
    }
    highlights.push_back({FullName(group), Fixed(*group.mean_bits, 3), detail});
  }
  return highlights;
}

std::vector<std::string> Marks(const Analysis& analysis) {
  std::vector<std::string> marks;
  if (analysis.smoke) marks.push_back("smoke run");
  if (analysis.scaled) marks.push_back("scaled down");
  if (analysis.dirty) marks.push_back("uncommitted changes");
  return marks;
}

std::string Subtitle(const Analysis& analysis) {
  std::string text = CleanText(analysis.experiment.row.paper_ref);
  if (!text.empty()) text += " · ";
  text += Count(static_cast<int64_t>(analysis.groups.size()), "model", "models") + ", " +
          Count(static_cast<int64_t>(analysis.runs.size()), "run", "runs");
  if (!analysis.runs.empty()) {
    std::string first = analysis.runs.front().started_at, last = first;
    for (const auto& run : analysis.runs) {
      first = std::min(first, run.started_at);
      last = std::max(last, run.ended_at.empty() ? run.started_at : run.ended_at);
    }
    text += " · " + Minute(first) + " to " + Minute(last) + " UTC";
  }
  return text;
}

// --- figures ---

// What the figure shows, in a sentence computed from its last points.
std::string CurveFinding(const Analysis& analysis, const std::string& against) {
  std::string text = MetricName(analysis) + " bits per " + analysis.unit + " against " + against;
  int64_t last_step = 0;
  for (const Curve& curve : analysis.curves) {
    last_step = std::max(last_step, curve.points.back().step);
  }
  for (size_t i = 0; i < analysis.curves.size(); ++i) {
    const CurvePoint& end = analysis.curves[i].points.back();
    text += (i == 0 ? ": " : ", ") + FullName(*analysis.curves[i].group);
    text += end.step < last_step ? " stops after " + Grouped(end.step) + " steps at " : " ends at ";
    text += Fixed(end.mean, 3);
  }
  text += ". Lines are means over the seeds, bands reach from the best to the worst seed.";
  if (analysis.curve_window > 1) {
    text += " Each point is the mean of " + std::to_string(analysis.curve_window) + " steps.";
  }
  if (analysis.curve_head_left_out) text += " The first twentieth of the budget is left out.";
  return text;
}

Table CurveTable(const Analysis& analysis, const std::string& id, bool by_time, Scale scale) {
  Table table;
  table.id = id + "-data";
  table.caption =
      MetricName(analysis) + " bits per " + analysis.unit + ": the numbers of the figure";
  table.columns = {{"Model", "", false},
                   {"Step", "", true},
                   by_time ? Column{"Training time", "s", true}
                           : Column{"Training FLOPs", scale.prefix + "FLOP", true},
                   {"Mean", "bits/" + analysis.unit, true},
                   {"Best seed", "bits/" + analysis.unit, true},
                   {"Worst seed", "bits/" + analysis.unit, true},
                   {"Seeds", "", true}};
  for (const Curve& curve : analysis.curves) {
    for (const CurvePoint& point : curve.points) {
      const std::string x =
          by_time ? (std::isnan(point.seconds) ? std::string(kMissing) : Fixed(point.seconds, 2))
                  : Fixed(point.flops / scale.divisor, 3);
      table.rows.push_back({{FullName(*curve.group), Grouped(point.step), x, Fixed(point.mean, 4),
                             Fixed(point.low, 4), Fixed(point.high, 4), std::to_string(point.n)}});
    }
  }
  return table;
}

absl::StatusOr<Figure> CurveFigure(const Analysis& analysis, bool by_time) {
  double largest = 0;
  for (const Curve& curve : analysis.curves) {
    for (const CurvePoint& point : curve.points) largest = std::max(largest, point.flops);
  }
  const Scale scale = ScaleFor(largest);
  Figure figure;
  figure.id = by_time ? "bits-by-time" : "bits-by-flops";
  const std::string against = by_time ? "training time" : "training FLOPs";
  figure.title = MetricName(analysis) + " bits per " + analysis.unit + " against " + against;
  figure.caption = CurveFinding(analysis, against);
  figure.description = figure.caption + " The table below the figure holds every number.";
  figure.data = CurveTable(analysis, figure.id, by_time, scale);
  LineChart chart;
  chart.id = figure.id;
  chart.title = figure.title;
  chart.description = figure.description;
  chart.x_label = by_time ? "Training time in seconds"
                          : "Training " + scale.prefix + "FLOP, needed, forward and backward";
  chart.y_label = MetricName(analysis) + " bits per " + analysis.unit;
  for (const Curve& curve : analysis.curves) {
    Series series;
    series.name = FullName(*curve.group);
    for (const CurvePoint& point : curve.points) {
      const double x = by_time ? point.seconds : point.flops / scale.divisor;
      if (std::isfinite(x)) series.points.push_back({x, point.mean, point.low, point.high});
    }
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  HG_ASSIGN_OR_RETURN(const Svg svg, DrawLines(chart));
  figure.inline_svg = svg.inline_text;
  figure.standalone_svg = svg.standalone_text;
  return figure;
}

bool HasTimes(const Analysis& analysis) {
  for (const Curve& curve : analysis.curves) {
    for (const CurvePoint& point : curve.points) {
      if (std::isfinite(point.seconds)) return true;
    }
  }
  return false;
}

}  // namespace

absl::Status AddCurveFigures(const Analysis& analysis, Section& section) {
  if (analysis.curves.empty()) {
    section.blocks.push_back(Paragraph{"No run stored enough points for a curve."});
    return absl::OkStatus();
  }
  HG_ASSIGN_OR_RETURN(Figure by_flops, CurveFigure(analysis, false));
  section.blocks.push_back(std::move(by_flops));
  if (!HasTimes(analysis)) {
    section.blocks.push_back(Paragraph{"No run stored its training time point by point."});
    return absl::OkStatus();
  }
  HG_ASSIGN_OR_RETURN(Figure by_time, CurveFigure(analysis, true));
  section.blocks.push_back(std::move(by_time));
  return absl::OkStatus();
}

absl::Status AddDifferenceFigure(const Analysis& analysis, Section& section) {
  DifferenceChart chart;
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.paired || !comparison.equal_compute) continue;
    DifferenceRow row;
    row.name = comparison.candidate->name;
    for (const auto& [replica, difference] : comparison.differences)
      row.seeds.push_back(difference);
    row.mean = comparison.paired->mean;
    row.low = comparison.paired->low;
    row.high = comparison.paired->high;
    chart.rows.push_back(std::move(row));
  }
  if (chart.rows.empty()) return absl::OkStatus();
  Figure figure;
  figure.id = chart.id = "seed-differences";
  figure.title = chart.title = "Differences from vanilla, seed by seed";
  figure.caption =
      "Difference in validation bits per " + analysis.unit +
      " from the vanilla model of equal compute: rings are seeds, the filled mark their mean, the "
      "bar its 95 % interval. Left of zero the model is better than vanilla; the grey band is the "
      "margin of ±" +
      Fixed(kQualityMargin, 2) + ".";
  figure.description = chart.description = figure.caption;
  chart.x_label = "Bits per " + analysis.unit + " minus those of vanilla";
  chart.margin = kQualityMargin;
  HG_ASSIGN_OR_RETURN(const Svg svg, DrawDifferences(chart));
  figure.inline_svg = svg.inline_text;
  figure.standalone_svg = svg.standalone_text;
  section.blocks.push_back(std::move(figure));
  return absl::OkStatus();
}

absl::StatusOr<Document> Compose(const Analysis& analysis) {
  Document document;
  const Verdict verdict = MakeVerdict(analysis);
  document.title = CleanText(analysis.experiment.row.slug);
  document.subtitle = Subtitle(analysis);
  document.outcome = verdict.outcome;
  document.symbol = verdict.symbol;
  document.word = verdict.word;
  document.verdict = verdict.sentence;
  document.notes = verdict.notes;
  document.marks = Marks(analysis);
  document.highlights = Highlights(analysis);
  document.footer =
      "Made from the rows of the results database alone; every number above can be "
      "asked of it again. Database content " +
      analysis.database_sha256 + ".";

  Section differences = VerdictSection(analysis);
  HG_RETURN_IF_ERROR(AddDifferenceFigure(analysis, differences));
  Section curves{"curves", "Loss curves", {}};
  HG_RETURN_IF_ERROR(AddCurveFigures(analysis, curves));
  for (Section& section :
       std::vector<Section>{std::move(differences), ResultsSection(analysis), std::move(curves),
                            SettingsSection(analysis), RunsSection(analysis),
                            ProvenanceSection(analysis), GlossarySection(analysis)}) {
    if (!section.blocks.empty()) document.sections.push_back(std::move(section));
  }
  return document;
}

}  // namespace hourglass::reports
