// The sections around the results: settings, provenance, glossary.

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "reports/compose.h"
#include "reports/compose_parts.h"
#include "reports/costs.h"
#include "reports/format.h"
#include "reports/names.h"
#include "reports/settings.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

std::string Lookup(const Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? std::string(kMissing) : found->second;
}

Table SharedSettings(const std::set<std::string>& keys, const Settings& settings) {
  Table table;
  table.id = "shared-settings";
  table.caption = "Settings shared by all models";
  table.columns = {{"Setting", "", false}, {"Value", "", false}};
  for (const std::string& key : keys) table.rows.push_back({{key, Lookup(settings, key)}});
  return table;
}

Table OwnSettings(const Analysis& analysis, const std::set<std::string>& keys,
                  const std::vector<Settings>& settings) {
  Table table;
  table.id = "own-settings";
  table.caption = "Settings in which the models differ";
  table.columns = {{"Model", "", false}};
  for (const std::string& key : keys) table.columns.push_back({key, "", false});
  for (size_t i = 0; i < settings.size(); ++i) {
    TableRow row;
    row.cells.push_back(NameAt(analysis.groups[i], analysis));
    row.dirty = analysis.groups[i].dirty;
    for (const std::string& key : keys) row.cells.push_back(Lookup(settings[i], key));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Rows of a two-column table, in the order of the map.
using Facts = std::vector<std::pair<std::string, std::string>>;

Table FactTable(const std::string& id, const std::string& caption, const Facts& facts) {
  Table table;
  table.id = id;
  table.caption = caption;
  table.columns = {{"Fact", "", false}, {"Value", "", false}};
  for (const auto& [name, value] : facts) {
    table.rows.push_back({{name, value.empty() ? std::string(kMissing) : value}});
  }
  return table;
}

std::string Numbered(const std::string& what, size_t index, size_t count) {
  return count > 1 ? what + " " + std::to_string(index + 1) + " of " + std::to_string(count) : what;
}

// The first run of each distinct value of `key`, by that value.
template <typename Key>
std::vector<const results::RunRecord*> DistinctBy(const Analysis& analysis, const Key& key) {
  std::map<std::string, const results::RunRecord*> distinct;
  for (const results::RunRecord& run : analysis.runs) distinct.emplace(key(run), &run);
  std::vector<const results::RunRecord*> list;
  for (const auto& [id, run] : distinct) list.push_back(run);
  return list;
}

Facts BuildFacts(const results::RunRecord& run) {
  Facts facts = {
      {"Commit", run.source.commit_sha},
      {"Work tree",
       run.source.dirty ? "UNCOMMITTED CHANGES, diff SHA-256 " + run.diff_sha256 : "clean"},
      {"Committed at", run.source.committed_at},
      {"Program SHA-256", run.build.binary_sha256},
      {"Compiler", run.build.compiler},
      {"Flags", run.build.flags},
      {"Bazel", run.build.bazel_version},
  };
  for (const auto& [library, version] : run.build.deps) facts.emplace_back(library, version);
  return facts;
}

Facts HostFacts(const Analysis& analysis, const results::RunRecord& run) {
  static const std::map<std::string, std::string> kNames = {
      {"cpu_model", "CPU"}, {"cpu_features", "CPU features"},
      {"cores", "Cores"},   {"memory_bytes", "Memory in bytes"},
      {"kernel", "Kernel"}, {"libc", "C library"}};
  Facts facts;
  for (const auto& [key, name] : kNames) {
    const auto found = run.host.fingerprint.find(key);
    if (found != run.host.fingerprint.end()) facts.emplace_back(name, found->second);
  }
  for (const auto& [key, value] : run.host.fingerprint) {
    if (!kNames.contains(key)) facts.emplace_back(key, value);
  }
  std::set<int64_t> threads;
  for (const auto& other : analysis.runs) {
    if (other.host_id == run.host_id) threads.insert(other.run.threads);
  }
  std::string list;
  for (const int64_t count : threads) absl::StrAppend(&list, list.empty() ? "" : ", ", count);
  facts.emplace_back("Threads used", list);
  facts.emplace_back("Speed class", run.host.perf_class);
  facts.emplace_back("Numeric class", run.host.numeric_class);
  return facts;
}

Table DatasetTable(const Analysis& analysis) {
  Table table;
  table.id = "dataset-table";
  table.caption = "Data";
  table.columns = {{"Data set", "", false}, {"Split", "", false},   {"Range or version", "", false},
                   {"Bytes", "", true},     {"SHA-256", "", false}, {"Licence", "", false}};
  std::map<std::string, const results::Dataset*> datasets;
  for (const results::RunRecord& run : analysis.runs) {
    datasets.emplace(run.cell.dataset_train, &run.train);
    if (run.valid) datasets.emplace(*run.cell.dataset_valid, &*run.valid);
  }
  for (const auto& [id, data] : datasets) {
    table.rows.push_back({{data->name + (data->synthetic ? " (synthetic)" : ""), data->split,
                           data->version, Grouped(data->bytes), data->sha256, data->licence}});
  }
  std::sort(table.rows.begin(), table.rows.end(),
            [](const TableRow& a, const TableRow& b) { return a.cells < b.cells; });
  return table;
}

Table SeedTable(const Analysis& analysis) {
  Table table;
  table.id = "seed-table";
  table.caption = "Seeds and traces of the runs used";
  table.columns = ModelColumns(analysis, {{"Replica", "", true},
                                          {"Seed", "", true},
                                          {"Loss trace SHA-256", "", false},
                                          {"Checkpoint SHA-256", "", false},
                                          {"Row SHA-256", "", false}});
  for (const Group& group : analysis.groups) {
    for (const auto& [replica, run] : group.by_replica) {
      const std::string& checkpoint = run->outcome.ckpt_sha256;
      table.rows.push_back(RunRow(
          analysis, group, *run,
          {std::to_string(replica), std::to_string(run->cell.seed), run->outcome.trace_sha256,
           checkpoint.empty() ? std::string(kMissing) : checkpoint, run->row_sha256}));
    }
  }
  return table;
}

std::vector<std::string> MetricsUsed(const Analysis& analysis) {
  std::set<std::string> names;
  for (const results::RunRecord& run : analysis.runs) {
    for (const auto& [name, aggregates] : run.summaries) names.insert(name);
  }
  return {names.begin(), names.end()};
}

Section CostMethods() {
  Terms terms;
  terms.items = {
      {"Time",
       "Of every optimizer step, data included, evaluation and checkpoints left out; medians over "
       "the steps of all replicas. Replicas are a whole sweep apart."},
      {"Parts",
       "Attention: its forward and backward operations in the shortened stack. Rest: the other "
       "operations of that stack. Outside: what is as long as the sequence. Parameters: adding up "
       "gradients, and the update, which depend on neither n nor k. The clock is read twice around "
       "every operation."},
      {"Law",
       "In the stack shortened by k, attention takes time as (n / k)^2 and the rest as "
       "n / k, for some scale."},
      {"Fit",
       "Least squares on the logarithms of time, n and k; intervals of the exponents are two-sided "
       "95 % Student t intervals on points - 3 degrees of freedom. R² is that of the logarithms."},
      {"Outcome",
       "Margin " + Fixed(kExponentMargin, 1) +
           ". Holds: the intervals of both exponents lie within the margin around the law's. "
           "Departs: one of them lies outside. Else not resolved."},
      {"Computed with", "Boost.Math (Student t); quantiles by linear interpolation."},
  };
  Section section{"methods", "Statistical methods", {}};
  Add(section, std::move(terms));
  return section;
}

}  // namespace

Section SettingsSection(const Analysis& analysis) {
  Section section{"settings", "Settings", {}};
  if (analysis.groups.empty()) return section;
  std::vector<Settings> settings;
  for (const Group& group : analysis.groups) settings.push_back(SettingsOf(group));
  std::set<std::string> keys, shared, own;
  for (const auto& one : settings) {
    for (const auto& [key, value] : one) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const bool same = std::all_of(settings.begin(), settings.end(), [&](const auto& one) {
      return Lookup(one, key) == Lookup(settings.front(), key);
    });
    (same ? shared : own).insert(key);
  }
  if (!own.empty()) Add(section, OwnSettings(analysis, own, settings));
  if (!shared.empty()) Add(section, SharedSettings(shared, settings.front()));
  return section;
}

Section ProvenanceSection(const Analysis& analysis) {
  Section section{"provenance", "Provenance", {}};
  Add(section,
      FactTable("record-table", "Record",
                {{"Database content SHA-256", analysis.database_sha256},
                 {"Experiment", analysis.experiment.row.slug + " (" + analysis.experiment.id + ")"},
                 {"Resolved spec SHA-256", analysis.experiment.spec_sha256},
                 {"Other versions of this spec in the database",
                  analysis.other_versions.empty() ? "none"
                                                  : std::to_string(analysis.other_versions.size()) +
                                                        ", not part of this report"}}));
  if (!analysis.runs.empty()) {
    const auto builds =
        DistinctBy(analysis, [](const results::RunRecord& run) { return run.build_id; });
    for (size_t i = 0; i < builds.size(); ++i) {
      Add(section, FactTable("build-table-" + std::to_string(i + 1),
                             Numbered("Build", i, builds.size()), BuildFacts(*builds[i])));
    }
    const auto hosts =
        DistinctBy(analysis, [](const results::RunRecord& run) { return run.host_id; });
    for (size_t i = 0; i < hosts.size(); ++i) {
      Add(section, FactTable("host-table-" + std::to_string(i + 1),
                             Numbered("Machine", i, hosts.size()), HostFacts(analysis, *hosts[i])));
    }
    Add(section, DatasetTable(analysis));
    Table seeds = SeedTable(analysis);
    if (!seeds.rows.empty()) Add(section, std::move(seeds));
  }
  Add(section, Verbatim{"Resolved spec", analysis.experiment.row.spec_text});
  return section;
}

Section MethodsSection(const Analysis& analysis) {
  Section section{"methods", "Statistical methods", {}};
  if (analysis.groups.empty()) return section;
  if (!analysis.costs.empty()) return CostMethods();
  const std::string margin = "±" + Fixed(kQualityMargin, 2) + " " + Bits(analysis);
  Terms terms;
  terms.items = {
      {"Pairing",
       "Runs of one seed number saw the same batches in the same order. Differences are taken "
       "within a seed, model minus vanilla reference, and only then averaged. Runs of different "
       "budgets, data or backends are never paired."},
      {"Reference",
       "Of the vanilla models at the same budget the one nearest in needed training FLOPs; "
       "within " +
           Fixed(kComputeTolerance * 100, 0) +
           " % the two count as equal in compute, beyond it the mismatch stands beside the "
           "outcome. Where vanilla models lie on both sides, bits are also interpolated between "
           "them, seed by seed, over the logarithm of compute."},
      {"Interval",
       "Two-sided 95 % Student t interval, n - 1 degrees of freedom; of ratios on their "
       "logarithms. Each stands alone, uncorrected for the number of comparisons."},
      {"Outcome",
       "Margin " + margin +
           ". Better or worse: the interval excludes zero and the mean reaches the margin. The "
           "same: the interval lies inside the margin. Else not resolved, and so when a run of "
           "either side was lost: diverged runs count as failures, they are never dropped."},
      {"At most the margin worse",
       "Non-inferiority: shown when the one-sided 95 % upper bound of the mean difference lies "
       "below the margin, refuted when the lower bound lies above it."},
      {"Equivalent",
       "Two one-sided tests (TOST) at 5 % each against the margin; shown when the 90 % interval "
       "lies inside it."},
      {"Sign-flip p",
       "Exact, two-sided: the share of all sign patterns of the differences whose mean is as far "
       "from zero. With n pairs it cannot fall below 2 / 2^n. It assumes no normal scatter."},
      {"Speed",
       "A model's speed is the median over its seeds; a ratio is the geometric mean of the ratios "
       "of the seeds that both models have, so it need not be the quotient of the two medians. "
       "Ratio of training speeds at the same seed, on one machine class and thread count only, "
       "margin ±" +
           Fixed(kSpeedMargin * 100, 0) + " %. Raw step times are in the database."},
      {"Computed with", "Boost.Math (Student t); quantiles by linear interpolation."},
  };
  Add(section, std::move(terms));
  return section;
}

Section GlossarySection(const Analysis& analysis) {
  Section section{"glossary", "Units and terms", {}};
  Terms terms;
  terms.items = {
      {"bits per byte",
       "Negative log2-likelihood that the model gives to the text, divided by its "
       "bytes: what an ideal coder driven by the model would need. Lower is better."},
      {"hierarchy",
       "2@1 8@3 2@1 is 2 layers at full length, 8 layers at a third of it, 2 at full "
       "length again; N@1 is a vanilla Transformer."},
      {"FLOP",
       "One addition or one multiplication of a matrix or attention product, padding "
       "included; embeddings, norms and activations are not counted (convention flops-v1)."},
      {"equal compute", "Needed training FLOPs of the whole run differ by at most " +
                            Fixed(kComputeTolerance * 100, 0) + " %."},
      {"replica, seed",
       "Runs of one replica number see the same batches in the same order, so their "
       "difference is one between models and not between data."},
      {"95 % interval",
       "Two-sided Student t interval of a mean over seeds, or of the mean paired difference."},
      {"budget",
       "How long a model is trained; runs of different budgets are trained anew, each "
       "with its own schedule, and compared only within one budget."},
      {"margin", "The difference that would matter; smaller ones count as none."},
      {"GFLOP/s", "10^9 floating-point operations per second."},
      {"scaled down",
       "Smaller than in the paper; supports an order, a ratio or a trend, never a "
       "value."},
      {"MiB", "1,048,576 bytes."},
  };
  for (const std::string& name : MetricsUsed(analysis)) {
    if (const results::MetricDefinition* metric = results::FindMetric(name)) {
      terms.items.emplace_back(name, std::string(metric->definition) +
                                         " Unit: " + std::string(metric->unit) + "; definition " +
                                         std::to_string(metric->version) + ".");
    }
  }
  Add(section, std::move(terms));
  return section;
}

}  // namespace hourglass::reports
