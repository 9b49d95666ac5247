#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "baselines/catalog.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/cli/view_rows.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/spec_fields.h"
#include "experiments/runner/spec_loader.h"
#include "experiments/specs/builtin_specs.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "hourglass/nn/attention.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string experiment;
  std::string database;
  bool fields = false;
  bool json = false;
};

Json Describe(const specs::Experiment& spec) {
  Json json = {{"name", spec.name()}, {"title", spec.title()}, {"paper_ref", spec.paper_ref()}};
  json["profiles"] = Json::array();
  for (const specs::Profile& profile : spec.profiles()) json["profiles"].push_back(profile.name());
  json["replicas"] = spec.replicas();
  json["cells"] = Json::array();
  for (const specs::Cell& cell : spec.cells()) json["cells"].push_back(cell.label());
  return json;
}

absl::StatusOr<Json> DescribeAll(const std::string& only) {
  Json list = Json::array();
  if (!only.empty()) {
    HG_ASSIGN_OR_RETURN(const specs::Experiment spec, LoadSpec(only));
    list.push_back(Describe(spec));
    return list;
  }
  for (const BuiltinSpec& builtin : BuiltinSpecs()) {
    HG_ASSIGN_OR_RETURN(const specs::Experiment spec, LoadSpec(std::string(builtin.name)));
    list.push_back(Describe(spec));
  }
  return list;
}

void PrintExperiments(const Json& list, bool cells, std::ostream& out) {
  for (const Json& spec : list) {
    const std::vector<std::string> profiles = spec["profiles"];
    out << absl::StrFormat("%-16s %s\n%-16s %d cells, profiles %s\n",
                           spec["name"].get<std::string>(), spec["title"].get<std::string>(), "",
                           spec["cells"].size(), absl::StrJoin(profiles, ", "));
    if (!cells) continue;
    for (const Json& cell : spec["cells"]) out << "  " << cell.get<std::string>() << "\n";
  }
}

// What a person looks for in a run, of all columns of v_result.
Json RunLine(const Json& result) {
  Json line;
  for (const char* column : {"run", "status", "experiment", "model", "replica", "budget",
                             "budget_kind", "bits_per_byte", "commit_sha", "dirty"}) {
    line[column] = result.at(column);
  }
  return line;
}

// Numbers and hashes as short as a terminal likes them.
Json Shortened(Json line) {
  Json& bits = line["bits_per_byte"];
  if (bits.is_number()) bits = absl::StrFormat("%.4f", bits.get<double>());
  line["commit_sha"] = line["commit_sha"].get<std::string>().substr(0, 10);
  line["dirty"] = line["dirty"] == 0 ? "clean" : "DIRTY";
  return line;
}

// Experiments and runs of a database, in the order in which they were started.
absl::StatusOr<ExitCode> ListDatabase(const Flags& flags, const CliContext& context) {
  const std::string path = CallerPath(flags.database);
  HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(path));
  const auto wanted = [&](const Json& id, const Json& slug) {
    return flags.experiment.empty() || id == flags.experiment || slug == flags.experiment;
  };
  HG_ASSIGN_OR_RETURN(const Json all_experiments, ViewRows(*reader, "v_experiment"));
  Json experiments = Json::array(), runs = Json::array();
  for (Json experiment : all_experiments) {
    if (!wanted(experiment["id"], experiment["slug"])) continue;
    experiment.erase("spec_text");
    experiments.push_back(std::move(experiment));
  }
  if (experiments.empty() && !flags.experiment.empty()) {
    return absl::NotFoundError(absl::StrCat(path, ": no experiment \"", flags.experiment, "\""));
  }
  HG_ASSIGN_OR_RETURN(const Json results, ViewRows(*reader, "v_result"));
  for (const Json& result : results) {
    if (wanted(result["experiment_id"], result["experiment"])) runs.push_back(RunLine(result));
  }
  std::sort(runs.begin(), runs.end(),
            [](const Json& a, const Json& b) { return a["run"] < b["run"]; });
  if (flags.json) {
    *context.out << JsonText(
                        Json({{"database", path}, {"experiments", experiments}, {"runs", runs}}), 2)
                 << "\n";
    return kExitOk;
  }
  for (const Json& experiment : experiments) {
    *context.out << "experiment " << PlainText(experiment["slug"]) << "  "
                 << PlainText(experiment["id"]) << "  " << experiment["cells"] << " cells, "
                 << experiment["runs"] << " runs\n";
  }
  for (Json& run : runs) run = Shortened(run);
  PrintRows(runs, *context.out);
  return kExitOk;
}

absl::StatusOr<ExitCode> List(const Flags& flags, const CliContext& context) {
  if (flags.fields) {
    *context.out << DescribeFields();
    return kExitOk;
  }
  if (!flags.database.empty()) return ListDatabase(flags, context);
  HG_ASSIGN_OR_RETURN(const Json experiments, DescribeAll(flags.experiment));
  Json families = Json::array(), attention = Json::array();
  for (const ModelFamily& family : ModelFamilies()) {
    families.push_back({{"name", family.name}, {"summary", family.summary}});
  }
  for (const AttentionKind& kind : AttentionKinds()) attention.push_back(kind.name);
  if (flags.json) {
    *context.out << JsonText(Json({{"experiments", experiments},
                                   {"families", families},
                                   {"attention", attention},
                                   {"backends", {"onednn", "reference"}}}),
                             2)
                 << "\n";
    return kExitOk;
  }
  PrintExperiments(experiments, !flags.experiment.empty(), *context.out);
  if (!flags.experiment.empty()) return kExitOk;
  *context.out << "\nmodel families:\n";
  for (const ModelFamily& family : ModelFamilies()) {
    *context.out << absl::StrFormat("  %-14s %s\n", std::string(family.name),
                                    std::string(family.summary));
  }
  *context.out << "attention kinds:";
  for (const AttentionKind& kind : AttentionKinds()) *context.out << " " << kind.name;
  *context.out << "\nbackends: onednn reference\n";
  return kExitOk;
}

}  // namespace

void AddListCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb = app.add_subcommand(
      "list", "Experiments, models and attention kinds there are, or the runs of a database");
  auto flags = std::make_shared<Flags>();
  verb->add_option("EXPERIMENT", flags->experiment, "Only this one, with its cells");
  AddDatabaseFlag(*verb, flags->database, "The experiments and runs of this database instead");
  verb->add_flag("--fields", flags->fields, "Every field of a spec that --set can change");
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Examples:\n"
      "  hourglass list\n"
      "  hourglass list enwik8/table1\n"
      "  hourglass list --db results/quickstart.db\n"
      "  hourglass list --fields");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return List(*flags, context); };
  });
}

}  // namespace hourglass
