// The sections around the results: settings, provenance, glossary.

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "reports/compose.h"
#include "reports/format.h"
#include "reports/verdict.h"
#include "results_db/metrics.h"

namespace hourglass::reports {
namespace {

using Json = nlohmann::json;

// "training.learning_rate" -> "0.003".
void Flatten(const Json& json, const std::string& path, std::map<std::string, std::string>& out) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      Flatten(value, path.empty() ? key : path + "." + key, out);
    }
  } else {
    out[path] = json.is_string() ? json.get<std::string>()
                                 : json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

std::vector<std::map<std::string, std::string>> SettingsOf(const Analysis& analysis) {
  std::vector<std::map<std::string, std::string>> all;
  for (const Group& group : analysis.groups) {
    std::map<std::string, std::string>& settings = all.emplace_back();
    const Json json = Json::parse(group.any().config.canonical_json, nullptr, false);
    if (!json.is_discarded()) Flatten(json, "", settings);
    settings["budget"] = Grouped(group.any().cell.budget) + " " +
                         std::string(results::ToString(group.any().cell.budget_kind));
    settings["backend"] = group.any().cell.backend;
    settings["threads"] = std::to_string(group.any().run.threads);
  }
  return all;
}

std::string Lookup(const std::map<std::string, std::string>& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? std::string(kMissing) : found->second;
}

Table SharedSettings(const std::set<std::string>& keys,
                     const std::map<std::string, std::string>& settings) {
  Table table;
  table.id = "shared-settings";
  table.caption = "Settings shared by all models";
  table.columns = {{"Setting", "", false}, {"Value", "", false}};
  for (const std::string& key : keys) table.rows.push_back({{key, Lookup(settings, key)}});
  return table;
}

Table OwnSettings(const Analysis& analysis, const std::set<std::string>& keys,
                  const std::vector<std::map<std::string, std::string>>& settings) {
  Table table;
  table.id = "own-settings";
  table.caption = "Settings in which the models differ";
  table.columns = {{"Model", "", false}};
  for (const std::string& key : keys) table.columns.push_back({key, "", false});
  for (size_t i = 0; i < settings.size(); ++i) {
    TableRow row;
    row.cells.push_back(FullName(analysis.groups[i]));
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
  table.columns = {{"Model", "", false},
                   {"Replica", "", true},
                   {"Seed", "", true},
                   {"Loss trace SHA-256", "", false},
                   {"Checkpoint SHA-256", "", false},
                   {"Row SHA-256", "", false}};
  for (const Group& group : analysis.groups) {
    for (const auto& [replica, run] : group.by_replica) {
      const std::string& checkpoint = run->outcome.ckpt_sha256;
      table.rows.push_back(
          {{FullName(group), std::to_string(replica), std::to_string(run->cell.seed),
            run->outcome.trace_sha256, checkpoint.empty() ? std::string(kMissing) : checkpoint,
            run->row_sha256}});
    }
  }
  return table;
}

// A slug or command in a shell: quoted unless it is plain.
std::string ShellWord(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '-' ||
           c == '.';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::vector<std::string> MetricsUsed(const Analysis& analysis) {
  std::set<std::string> names;
  for (const results::RunRecord& run : analysis.runs) {
    for (const auto& [name, aggregates] : run.summaries) names.insert(name);
  }
  return {names.begin(), names.end()};
}

}  // namespace

Section SettingsSection(const Analysis& analysis) {
  Section section{"settings", "Settings", {}};
  if (analysis.groups.empty()) return section;
  const auto settings = SettingsOf(analysis);
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
  if (!own.empty()) section.blocks.push_back(OwnSettings(analysis, own, settings));
  if (!shared.empty()) section.blocks.push_back(SharedSettings(shared, settings.front()));
  return section;
}

Section ProvenanceSection(const Analysis& analysis) {
  Section section{"provenance", "Provenance", {}};
  if (!analysis.experiment.row.command.empty()) {
    section.blocks.push_back(Paragraph{"To run the experiment again:"});
    section.blocks.push_back(Command{analysis.experiment.row.command});
  }
  section.blocks.push_back(Paragraph{"To make this report again from its database:"});
  section.blocks.push_back(
      Command{"./bazelw run //reports:hourglass_report -- --database FILE --experiment " +
              ShellWord(analysis.experiment.row.slug) + " --output FOLDER"});
  section.blocks.push_back(FactTable(
      "record-table", "Record",
      {{"Database content SHA-256", analysis.database_sha256},
       {"Experiment", analysis.experiment.row.slug + " (" + analysis.experiment.id + ")"},
       {"Resolved spec SHA-256", analysis.experiment.spec_sha256},
       {"Other versions of this spec in the database",
        analysis.other_versions.empty()
            ? "none"
            : std::to_string(analysis.other_versions.size()) + ", not part of this report"}}));
  if (!analysis.runs.empty()) {
    const auto builds =
        DistinctBy(analysis, [](const results::RunRecord& run) { return run.build_id; });
    for (size_t i = 0; i < builds.size(); ++i) {
      section.blocks.push_back(FactTable("build-table-" + std::to_string(i + 1),
                                         Numbered("Build", i, builds.size()),
                                         BuildFacts(*builds[i])));
    }
    const auto hosts =
        DistinctBy(analysis, [](const results::RunRecord& run) { return run.host_id; });
    for (size_t i = 0; i < hosts.size(); ++i) {
      section.blocks.push_back(FactTable("host-table-" + std::to_string(i + 1),
                                         Numbered("Machine", i, hosts.size()),
                                         HostFacts(analysis, *hosts[i])));
    }
    section.blocks.push_back(DatasetTable(analysis));
    Table seeds = SeedTable(analysis);
    if (!seeds.rows.empty()) section.blocks.push_back(std::move(seeds));
  }
  section.blocks.push_back(Verbatim{"Resolved spec", analysis.experiment.row.spec_text});
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
      {"95 % interval", "Two-sided Student t interval of the mean paired difference."},
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
  section.blocks.push_back(std::move(terms));
  return section;
}

}  // namespace hourglass::reports
