// How fast the models trained, and how far that can be trusted.

#include <algorithm>
#include <cmath>

#include "nlohmann/json.hpp"
#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

using Json = nlohmann::json;

// More than the run's own threads, and what a system does by itself.
constexpr double kIdleLoad = 0.5;

// The load average at one end of a run; empty when it was not stored.
std::optional<double> LoadAt(const results::RunRecord& run, const char* moment) {
  const Json json = Json::parse(run.outcome.load_json, nullptr, false);
  if (!json.is_object() || !json.contains(moment) || !json[moment].is_object()) {
    return std::nullopt;
  }
  const Json load = json[moment].value("load_average_1m", Json());
  return load.is_number() ? std::optional<double>(load.get<double>()) : std::nullopt;
}

// The larger of both ends.
std::optional<double> Load(const results::RunRecord& run) {
  const auto before = LoadAt(run, "before"), after = LoadAt(run, "after");
  if (!before || !after) return before ? before : after;
  return std::max(*before, *after);
}

bool WasBusy(const results::RunRecord& run) {
  const auto load = Load(run);
  return load && *load > static_cast<double>(run.run.threads) + kIdleLoad;
}

Paragraph LoadParagraph(const Analysis& analysis) {
  int64_t busy = 0, known = 0, runs = 0;
  double worst = 0;
  for (const Group& group : analysis.groups) {
    for (const auto& [replica, run] : group.by_replica) {
      ++runs;
      const auto load = Load(*run);
      if (!load) continue;
      ++known;
      busy += WasBusy(*run) ? 1 : 0;
      worst = std::max(worst, *load);
    }
  }
  if (known == 0) return {"The load of the machine was not stored with these runs."};
  if (busy == 0) {
    return {"No other work was noticed: the load average at both ends of " + std::to_string(known) +
            " of " + Count(runs, "run", "runs") + " never exceeded " + Fixed(worst, 1) +
            ", which the threads of the runs explain. It is a mean over a minute, so short or " +
            "light work beside them would not show."};
  }
  return {"⚠ WARNING: the machine was busy with other work during " + std::to_string(busy) +
          " of " + Count(runs, "run", "runs") + " (load average up to " + Fixed(worst, 1) +
          "): read the speeds below with care. Quality is not touched by it."};
}

// --- ratios ---

absl::Status AddRatios(const Analysis& analysis, Section& section) {
  Figure figure;
  figure.id = "speed-ratios";
  figure.title = "Training speed against the vanilla reference";
  figure.data.caption = "Training speed of each model over that of its reference";
  figure.data.columns = ModelColumns(analysis, {{"Reference", "", false, true},
                                                {"Compute", "% of reference", true},
                                                {"Ratio", "times", true},
                                                {"95 % interval", "times", true},
                                                {"Seeds", "", true}});
  RowChart chart;
  chart.x_label = "Times the training speed of the reference";
  chart.log_x = true;
  chart.centre = 1;
  chart.band_low = 1 / (1 + kSpeedMargin);
  chart.band_high = 1 + kSpeedMargin;
  int64_t faster = 0, slower = 0;
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.log_speed) continue;
    const PairedDifference& logs = *comparison.log_speed;
    RowChart::Row row;
    row.name = comparison.candidate->name;
    if (analysis.several_budgets()) row.name += ", " + BudgetName(comparison.budget());
    for (const auto& [replica, ratio] : comparison.speed_ratios) row.values.push_back(ratio);
    row.mean = std::exp(logs.mean);
    if (logs.low) row.low = std::exp(*logs.low);
    if (logs.high) row.high = std::exp(*logs.high);
    if (logs.one_sided_low) row.inner_low = std::exp(*logs.one_sided_low);
    if (logs.one_sided_high) row.inner_high = std::exp(*logs.one_sided_high);
    faster += row.low && *row.low > chart.band_high ? 1 : 0;
    slower += row.high && *row.high < chart.band_low ? 1 : 0;
    const int decimals = row.low ? std::min(3, DecimalsFor((*row.high - *row.low) / 2)) : 2;
    figure.data.rows.push_back(
        ComparisonRow(analysis, comparison,
                      {FullName(*comparison.reference),
                       Fixed((1 + comparison.compute_mismatch) * 100, 1), Fixed(row.mean, decimals),
                       RangeText(row.low, row.high, decimals), std::to_string(logs.n)}));
    chart.rows.push_back(std::move(row));
  }
  if (chart.rows.empty()) {
    Add(section, Paragraph{"No two models were timed on one machine."});
    return absl::OkStatus();
  }
  figure.caption =
      "Training speed over that of the vanilla reference at the same seed: of " +
      Count(static_cast<int64_t>(chart.rows.size()), "comparison", "comparisons") + ", " +
      std::to_string(faster) + " surely faster and " + std::to_string(slower) +
      " surely slower by more than the margin of " + Fixed(kSpeedMargin * 100, 0) +
      " % (grey band). Rings are seeds, the diamond their geometric mean, the bar its 95 % "
      "interval, thick its one-sided bounds. Right of 1 the model is faster.";
  HG_RETURN_IF_ERROR(AddFigure(section, std::move(figure), std::move(chart)));
  Add(section, Paragraph{analysis.has_aa_control
                             ? "The reference was timed against itself as a control; those rows "
                               "are in the database."
                             : "No A/A control was run: how much two runs of the same program "
                               "differ on this machine is not known, and runs were made one after "
                               "the other."});
  return absl::OkStatus();
}

// --- raw samples ---

absl::Status AddStepTimes(const Analysis& analysis, Section& section) {
  if (analysis.step_times.empty()) {
    Add(section, Paragraph{"No run stored the times of its steps."});
    return absl::OkStatus();
  }
  Figure figure;
  figure.id = "step-times";
  figure.title = "Step times in the order of the runs";
  figure.data.caption = "Step times of each run, in the order of their start";
  figure.data.columns = {{"Run", "by start", false}, {"Model", "", false}};
  if (analysis.several_budgets()) figure.data.columns.push_back({"Budget", "", true});
  for (Column column : std::vector<Column>{{"Seed", "", true},
                                           {"Started", "UTC", false, true},
                                           {"Steps", "", true},
                                           {"10 %", "ms", true},
                                           {"Median", "ms", true},
                                           {"90 %", "ms", true},
                                           {"Slowest", "ms", true},
                                           {"Load average", "", true}}) {
    figure.data.columns.push_back(std::move(column));
  }
  std::map<size_t, Series> series;
  double lowest = INFINITY, highest = 0;
  const StepTimes* slowest = nullptr;
  double slowest_ratio = 0;
  for (const StepTimes& times : analysis.step_times) {
    // Every length and factor is a model of its own there, too many for as many lines.
    const bool together = !analysis.costs.empty();
    Series& one = series[together ? 0 : times.group->model];
    one.name = together ? "every model" : FullName(*times.group);
    one.style = together ? 0 : times.group->model;
    double run_high = 0;
    for (size_t i = 0; i < times.slices.size(); ++i) {
      const StepTimes::Slice& slice = times.slices[i];
      one.points.push_back({slice.position, slice.median, slice.low, slice.high, i == 0});
      lowest = std::min(lowest, slice.median);
      highest = std::max(highest, slice.median);
      run_high = std::max(run_high, slice.median);
    }
    if (run_high > slowest_ratio) {
      slowest_ratio = run_high;
      slowest = &times;
    }
    const auto load = Load(*times.run);
    TableRow row;
    row.dirty = times.run->source.dirty;
    row.cells = {std::to_string(times.order), FullName(*times.group)};
    if (analysis.several_budgets()) row.cells.push_back(BudgetName(times.group->budget));
    for (std::string cell :
         {std::to_string(times.run->cell.replica), Minute(times.run->started_at),
          Grouped(times.steps), Fixed(times.low_ms, 2), Fixed(times.median_ms, 2),
          Fixed(times.high_ms, 2), Fixed(times.slowest_ms, 1),
          load ? Fixed(*load, 2) : std::string(kMissing)}) {
      row.cells.push_back(std::move(cell));
    }
    figure.data.rows.push_back(std::move(row));
  }
  LineChart chart;
  chart.linear_x = true;
  chart.level = 1;
  chart.level_margin = kSpeedMargin;
  chart.x_label = "Runs in the order of their start";
  chart.y_label = "Step time over the median of its model";
  for (auto& [model, one] : series) chart.series.push_back(std::move(one));
  figure.caption =
      "Step times in run order, each as a share of the median of its model" +
      std::string(analysis.several_budgets() ? " and budget" : "") +
      ": slices of runs lie between " + Fixed(lowest, 2) + " and " + Fixed(highest, 2) +
      " times, the slowest in run " + std::to_string(slowest->order) + " (" +
      FullName(*slowest->group) + ", seed " + std::to_string(slowest->run->cell.replica) +
      "). A level that moves from run to run is drift of the machine. Bands reach from 10 % to "
      "90 % of the steps, the grey band is the margin.";
  return AddFigure(section, std::move(figure), std::move(chart));
}

// --- throughput ---

Table ThroughputTable(const Analysis& analysis) {
  Table table;
  table.id = "throughput-table";
  table.caption = "Throughput, memory and arithmetic speed";
  table.columns =
      ModelColumns(analysis, {{"Training", analysis.unit + "s/s", true},
                              {"Step", "ms", true},
                              {"Seeds, slowest to fastest", analysis.unit + "s/s", true},
                              {"Executed", "GFLOP/s", true},
                              {"Needed", "GFLOP/s", true},
                              {"Peak memory held", "MiB", true},
                              {"Peak memory planned", "MiB", true}});
  for (const Group& group : analysis.groups) {
    if (!group.train_units_per_second) continue;
    const double speed = *group.train_units_per_second;
    std::vector<double> speeds;
    for (const auto& [replica, value] : group.speeds) speeds.push_back(value);
    std::optional<double> executed, planned;
    if (group.executed_step_flops) {
      executed = *group.executed_step_flops / group.UnitsPerStep() * speed * 1e-9;
    }
    for (const auto& [replica, run] : group.by_replica) {
      if (run->outcome.peak_bytes_planned) {
        planned = static_cast<double>(*run->outcome.peak_bytes_planned) / 1048576;
      }
    }
    table.rows.push_back(ModelRow(
        analysis, group,
        {GroupedRounded(speed), Fixed(group.UnitsPerStep() / speed * 1000, 2),
         GroupedRounded(Quantile(speeds, 0)) + " to " + GroupedRounded(Quantile(speeds, 1)),
         Fixed(executed, 1), Fixed(group.TrainingFlopsPerUnit() * speed * 1e-9, 1),
         group.peak_bytes ? Fixed(*group.peak_bytes / 1048576, 1) : std::string(kMissing),
         Fixed(planned, 1)}));
  }
  table.note =
      "Medians over the seeds. Executed counts the FLOPs the kernels really did, needed those the "
      "causal model asks for; evaluation and checkpoints are not in the time.";
  return table;
}

}  // namespace

absl::StatusOr<Section> SpeedSection(const Analysis& analysis) {
  Section section{"speed", "Speed and memory", {}};
  const bool timed = std::any_of(analysis.groups.begin(), analysis.groups.end(),
                                 [](const Group& group) { return !group.speeds.empty(); });
  if (!timed) return section;
  Add(section, LoadParagraph(analysis));
  if (analysis.costs.empty()) HG_RETURN_IF_ERROR(AddRatios(analysis, section));
  Add(section, ThroughputTable(analysis));
  HG_RETURN_IF_ERROR(AddStepTimes(analysis, section));
  return section;
}

}  // namespace hourglass::reports
