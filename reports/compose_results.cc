// The tables of results: every model, its compute.

#include <algorithm>
#include <set>

#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

// Columns for more seeds than this would not fit a page; the differences list them anyway.
constexpr size_t kMostSeedColumns = 5;

std::set<int64_t> Replicas(const Analysis& analysis) {
  std::set<int64_t> replicas;
  for (const Group& group : analysis.groups) {
    for (const auto* run : group.runs) replicas.insert(run->cell.replica);
  }
  return replicas;
}

std::string Mismatch(const Analysis& analysis, const Group& group) {
  bool is_reference = false;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.candidate == &group) return Signed(comparison.compute_mismatch * 100, 2);
    is_reference |= comparison.reference == &group;
  }
  return is_reference ? "reference" : std::string(kMissing);
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
        std::max(largest, static_cast<double>(group.any().DenseStepFlops()) / group.UnitsPerStep());
  }
  return ScaleFor(largest);
}

std::string SeedCell(const Group& group, int64_t replica, int decimals) {
  const auto bits = group.bits.find(replica);
  if (bits != group.bits.end()) return Fixed(bits->second, decimals);
  const auto lost = group.lost.find(replica);
  return lost != group.lost.end() ? lost->second : std::string(kMissing);
}

Table ResultsTable(const Analysis& analysis) {
  const std::set<int64_t> replicas = Replicas(analysis);
  const bool seeds = replicas.size() <= kMostSeedColumns;
  const Scale scale = PerUnitScale(analysis);
  const int decimals = QualityDecimals(analysis);
  const std::string bits = BitsUnit(analysis);
  Table table;
  table.id = "results-table";
  table.caption = "Quality, speed and memory of each model";
  std::vector<Column> columns = {
      {"Parameters", "", true},
      {"Training compute, needed", scale.prefix + "FLOP/" + analysis.unit, true},
      {"Compute against reference", "%", true},
      {"Mean", bits, true},
      {"95 % interval", bits, true, true}};
  if (seeds) {
    for (const int64_t replica : replicas) {
      columns.push_back({"Seed " + std::to_string(replica), bits, true});
    }
  }
  columns.push_back({"Training speed", analysis.unit + "s/s", true});
  columns.push_back({"Peak memory", "MiB", true});
  columns.push_back({"Runs", "", false});
  table.columns = ModelColumns(analysis, std::move(columns));
  for (const Group& group : analysis.groups) {
    std::vector<std::string> cells = {
        Grouped(group.any().config.n_params),
        Fixed(group.TrainingFlopsPerUnit() / scale.divisor, 3), Mismatch(analysis, group),
        group.quality ? Fixed(group.quality->mean, decimals) : std::string(kMissing),
        group.quality ? RangeText(group.quality->low, group.quality->high, decimals)
                      : std::string(kMissing)};
    if (seeds) {
      for (const int64_t replica : replicas) cells.push_back(SeedCell(group, replica, decimals));
    }
    cells.push_back(GroupedRounded(group.train_units_per_second));
    cells.push_back(group.peak_bytes ? Fixed(*group.peak_bytes / 1048576, 1)
                                     : std::string(kMissing));
    cells.push_back(Status(group));
    table.rows.push_back(ModelRow(analysis, group, std::move(cells)));
  }
  table.note =
      "Bits are measured on the validation text after training. A seed column holds the "
      "models that saw the same batches. The reference of a model is the vanilla model nearest in "
      "needed training compute at the same budget. Speed is the median over the seeds, memory the "
      "largest; memory is what the engine held for the model, not the whole process.";
  return table;
}

Table ComputeTable(const Analysis& analysis) {
  const Scale scale = PerUnitScale(analysis);
  const std::string unit = scale.prefix + "FLOP/" + analysis.unit;
  Table table;
  table.id = "compute-table";
  table.caption = "Compute of each model, planned and executed";
  table.columns = ModelColumns(analysis, {{"Batch", "sequences", true},
                                          {"Length", analysis.unit + "s", true},
                                          {"Forward, needed", unit, true},
                                          {"Training, needed", unit, true},
                                          {"Training, dense", unit, true},
                                          {"Training, executed", unit, true},
                                          {"Forward, dense, batch 8", unit, true},
                                          {"Budget", "", true},
                                          {"Whole training, needed", "TFLOP", true}});
  // The budget is there already where there are several.
  const bool own_budget = !analysis.several_budgets();
  if (!own_budget) table.columns.erase(table.columns.end() - 2);
  for (const Group& group : analysis.groups) {
    const results::Config& config = group.any().config;
    const double per_unit = 1 / (group.UnitsPerStep() * scale.divisor);
    std::optional<double> executed, trax;
    if (group.executed_step_flops) executed = *group.executed_step_flops * per_unit;
    if (config.flops_fwd_dense_trax) {
      trax = static_cast<double>(*config.flops_fwd_dense_trax) /
             (8.0 * static_cast<double>(config.units_per_sequence) * scale.divisor);
    }
    std::vector<std::string> cells = {
        Grouped(config.batch),
        Grouped(config.sequence_length),
        Fixed(group.ForwardFlopsPerUnit() / scale.divisor, 3),
        Fixed(group.TrainingFlopsPerUnit() / scale.divisor, 3),
        Fixed(static_cast<double>(group.any().DenseStepFlops()) * per_unit, 3),
        Fixed(executed, 3),
        Fixed(trax, 3)};
    if (own_budget) cells.push_back(BudgetName(group.budget));
    cells.push_back(group.total_flops ? Significant(*group.total_flops * 1e-12)
                                      : std::string(kMissing));
    table.rows.push_back(ModelRow(analysis, group, std::move(cells)));
  }
  table.note =
      "Needed counts the causal triangle and decides what is equal in compute; dense counts "
      "full squares; executed is what the kernels did, tiles and skipped tiles included. "
      "Training is forward and backward. All but the batch-8 column are for the batch named.";
  return table;
}

}  // namespace

Section ResultsSection(const Analysis& analysis) {
  const bool quality = analysis.costs.empty();
  Section section{"results", quality ? "Results" : "Compute", {}};
  if (analysis.groups.empty()) return section;
  if (quality) Add(section, ResultsTable(analysis));
  Add(section, ComputeTable(analysis));
  return section;
}

}  // namespace hourglass::reports
