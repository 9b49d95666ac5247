// The sections with results: differences by seed, the table of models, every run.

#include <algorithm>
#include <cmath>
#include <set>

#include "reports/compose.h"
#include "reports/format.h"
#include "reports/verdict.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

// Columns for more seeds than this would not fit a page; the differences table lists them anyway.
constexpr size_t kMostSeedColumns = 5;

double UnitsPerStep(const Group& group) { return static_cast<double>(group.any().UnitsPerStep()); }

std::set<int64_t> Replicas(const Analysis& analysis) {
  std::set<int64_t> replicas;
  for (const Group& group : analysis.groups) {
    for (const auto* run : group.runs) replicas.insert(run->cell.replica);
  }
  return replicas;
}

const Comparison* ComparisonOf(const Analysis& analysis, const Group& group) {
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.candidate == &group) return &comparison;
  }
  return nullptr;
}

bool IsReference(const Analysis& analysis, const Group& group) {
  return std::any_of(analysis.comparisons.begin(), analysis.comparisons.end(),
                     [&](const Comparison& c) { return c.reference == &group; });
}

std::string Mismatch(const Analysis& analysis, const Group& group) {
  if (const Comparison* comparison = ComparisonOf(analysis, group)) {
    return Signed(comparison->compute_mismatch * 100, 2);
  }
  return IsReference(analysis, group) ? "reference" : std::string(kMissing);
}

// "3 ok", "2 ok, 1 diverged".
std::string Status(const Group& group) {
  std::map<std::string, int64_t> counts;
  for (const auto& [replica, status] : group.lost) ++counts[status];
  std::string text;
  if (!group.by_replica.empty()) text = std::to_string(group.by_replica.size()) + " ok";
  for (const auto& [status, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + status;
  }
  return text;
}

Scale PerUnitScale(const Analysis& analysis) {
  double largest = 0;
  for (const Group& group : analysis.groups) {
    largest =
        std::max(largest, static_cast<double>(group.any().DenseStepFlops()) / UnitsPerStep(group));
  }
  return ScaleFor(largest);
}

Table ResultsTable(const Analysis& analysis) {
  const std::set<int64_t> replicas = Replicas(analysis);
  const bool seeds = replicas.size() <= kMostSeedColumns;
  const Scale scale = PerUnitScale(analysis);
  Table table;
  table.id = "results-table";
  table.caption = "Quality, speed and memory of each model";
  table.columns = {{"Model", "", false},
                   {"Parameters", "", true},
                   {"Training compute, needed", scale.prefix + "FLOP/" + analysis.unit, true},
                   {"Compute against reference", "%", true},
                   {"Mean", "bits/" + analysis.unit, true},
                   {"SD over seeds", "bits/" + analysis.unit, true}};
  if (seeds) {
    for (const int64_t replica : replicas) {
      table.columns.push_back({"Seed " + std::to_string(replica), "bits/" + analysis.unit, true});
    }
  }
  table.columns.push_back({"Training speed", analysis.unit + "s/s", true});
  table.columns.push_back({"Peak memory", "MiB", true});
  table.columns.push_back({"Runs", "", false});
  for (const Group& group : analysis.groups) {
    TableRow row;
    row.cells = {FullName(group),
                 Grouped(group.any().config.n_params),
                 Fixed(static_cast<double>(group.any().NeededStepFlops()) / UnitsPerStep(group) /
                           scale.divisor,
                       3),
                 Mismatch(analysis, group),
                 Fixed(group.mean_bits, 4),
                 Fixed(group.sd_bits, 4)};
    if (seeds) {
      for (const int64_t replica : replicas) {
        const auto bits = group.bits.find(replica);
        const auto lost = group.lost.find(replica);
        row.cells.push_back(bits != group.bits.end()   ? Fixed(bits->second, 4)
                            : lost != group.lost.end() ? lost->second
                                                       : std::string(kMissing));
      }
    }
    row.cells.push_back(GroupedRounded(group.train_units_per_second));
    row.cells.push_back(group.peak_bytes ? Fixed(*group.peak_bytes / 1048576, 1)
                                         : std::string(kMissing));
    row.cells.push_back(Status(group));
    table.rows.push_back(std::move(row));
  }
  table.note =
      "Bits are measured on the validation text after training. A seed column holds the "
      "models that saw the same batches. Speed is the median over the seeds, memory the "
      "largest; memory is what the engine held for the model, not the whole process.";
  return table;
}

Table ComputeTable(const Analysis& analysis) {
  const Scale scale = PerUnitScale(analysis);
  const std::string unit = scale.prefix + "FLOP/" + analysis.unit;
  Table table;
  table.id = "compute-table";
  table.caption = "Compute of each model";
  table.columns = {{"Model", "", false},
                   {"Batch", "sequences", true},
                   {"Length", analysis.unit + "s", true},
                   {"Forward, needed", unit, true},
                   {"Training, needed", unit, true},
                   {"Training, dense", unit, true},
                   {"Training, executed", unit, true},
                   {"Forward, dense, batch 8", unit, true},
                   {"Budget", "", true},
                   {"Whole training, needed", "TFLOP", true}};
  for (const Group& group : analysis.groups) {
    const results::Config& config = group.any().config;
    const double per_unit = 1 / (UnitsPerStep(group) * scale.divisor);
    std::optional<double> executed, trax, total;
    if (group.executed_step_flops) executed = *group.executed_step_flops * per_unit;
    if (config.flops_fwd_dense_trax) {
      trax = static_cast<double>(*config.flops_fwd_dense_trax) /
             (8.0 * static_cast<double>(config.units_per_sequence) * scale.divisor);
    }
    if (group.total_flops) total = *group.total_flops * 1e-12;
    table.rows.push_back({{FullName(group), Grouped(config.batch), Grouped(config.sequence_length),
                           Fixed(static_cast<double>(config.flops_fwd_needed) * per_unit, 3),
                           Fixed(static_cast<double>(group.any().NeededStepFlops()) * per_unit, 3),
                           Fixed(static_cast<double>(group.any().DenseStepFlops()) * per_unit, 3),
                           Fixed(executed, 3), Fixed(trax, 3),
                           Grouped(group.any().cell.budget) + " " +
                               std::string(results::ToString(group.any().cell.budget_kind)),
                           total ? Significant(*total) : std::string(kMissing)}});
  }
  table.note =
      "Needed counts the causal triangle and decides what is equal in compute; dense counts "
      "full squares; executed is what the kernels did, tiles and skipped tiles included. "
      "Training is forward and backward. All but the batch-8 column are for the batch named.";
  return table;
}

std::string OutcomeCell(const Comparison& comparison) {
  if (!comparison.equal_compute) {
    return "not judged: compute " + Signed(comparison.compute_mismatch * 100, 1) + " %";
  }
  const int64_t lost = comparison.lost_candidate + comparison.lost_reference;
  return OutcomeLabel(comparison.outcome) +
         (lost > 0 ? ": " + Count(lost, "run", "runs") + " lost" : "");
}

Table DifferenceTable(const Analysis& analysis) {
  Table table;
  table.id = "difference-table";
  table.caption = "Paired differences from the vanilla model nearest in compute, seed by seed";
  table.columns = {{"Model", "", false},
                   {"Reference", "", false, true},
                   {"Seed", "", true},
                   {"Reference", "bits/" + analysis.unit, true},
                   {"Model", "bits/" + analysis.unit, true},
                   {"Difference", "bits/" + analysis.unit, true},
                   {"95 % interval", "bits/" + analysis.unit, true},
                   {"Outcome", "", false, true}};
  for (const Comparison& comparison : analysis.comparisons) {
    const std::string candidate = FullName(*comparison.candidate);
    const std::string reference = FullName(*comparison.reference);
    for (const auto& [replica, difference] : comparison.differences) {
      table.rows.push_back(
          {{candidate, reference, std::to_string(replica),
            Fixed(comparison.reference->bits.at(replica), 4),
            Fixed(comparison.candidate->bits.at(replica), 4), Signed(difference, 4), "", ""}});
    }
    if (!comparison.paired) continue;
    const PairedDifference& paired = *comparison.paired;
    const std::string interval = paired.low
                                     ? Signed(*paired.low, 4) + " to " + Signed(*paired.high, 4)
                                     : "none from one seed";
    table.rows.push_back({{candidate, reference, "mean of " + std::to_string(paired.n), "", "",
                           Signed(paired.mean, 4), interval, OutcomeCell(comparison)},
                          true});
  }
  table.note =
      "Negative is better than vanilla. Outcomes use a margin of " + Fixed(kQualityMargin, 2) +
      " bits per " + analysis.unit +
      ", the size of one step between rows of the paper's tables: better or worse when the "
      "interval excludes zero and the mean reaches the margin, the same when the whole "
      "interval lies inside the margin.";
  return table;
}

}  // namespace

Section VerdictSection(const Analysis& analysis) {
  Section section{"differences", "Differences by seed", {}};
  Table table = DifferenceTable(analysis);
  if (!table.rows.empty()) section.blocks.push_back(std::move(table));
  return section;
}

Section ResultsSection(const Analysis& analysis) {
  Section section{"results", "Results", {}};
  if (analysis.groups.empty()) return section;
  section.blocks.push_back(ResultsTable(analysis));
  section.blocks.push_back(ComputeTable(analysis));
  return section;
}

Section RunsSection(const Analysis& analysis) {
  Section section{"runs", "Every run", {}};
  if (analysis.runs.empty()) return section;
  Table table;
  table.id = "runs-table";
  table.caption = "Every run of the experiment, failed ones included";
  table.columns = {{"Run", "", false},
                   {"Model", "", false},
                   {"Replica", "", true},
                   {"Attempt", "", true},
                   {"Status", "", false},
                   {"Validation", "bits/" + analysis.unit, true},
                   {"Training speed", analysis.unit + "s/s", true},
                   {"Started", "UTC", false, true},
                   {"Remarks", "", false}};
  for (const Group& group : analysis.groups) {
    for (const results::RunRecord* run : group.runs) {
      const auto value = [&](std::string_view metric, std::string_view fallback) {
        const auto final_value = run->Value(metric, "final");
        return final_value ? final_value : run->Value(metric, fallback);
      };
      std::string remarks = run->outcome.error;
      for (const std::string& warning : run->run.warnings) {
        remarks += (remarks.empty() ? "" : "; ") + warning;
      }
      if (run->source.dirty)
        remarks += std::string(remarks.empty() ? "" : "; ") + "uncommitted changes";
      const auto counted = group.by_replica.find(run->cell.replica);
      const bool unused = run->status == results::RunStatus::kOk &&
                          counted != group.by_replica.end() && counted->second != run;
      std::string status(results::ToString(run->status));
      if (unused) status += ", not used: an earlier run of the seed counts";
      table.rows.push_back({{run->id, FullName(group), std::to_string(run->cell.replica),
                             std::to_string(run->attempt), status,
                             Fixed(value(results::kValidBitsPerByte, "last"), 4),
                             GroupedRounded(value(results::kTrainBytesPerSecond, "median")),
                             Minute(run->started_at), remarks}});
    }
  }
  section.blocks.push_back(std::move(table));
  return section;
}

}  // namespace hourglass::reports
