#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/cli/view_rows.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;
using results::ObjectName;
using results::ResultsReader;

// An id that fits more objects than this is too short to list them all.
constexpr size_t kMostCandidates = 12;

struct Flags {
  std::string id;
  std::string database;
  bool json = false;
};

struct Match {
  std::string database;
  ObjectName object;
};

// The database named, or all in the default folder.
std::vector<std::string> Databases(const Flags& flags) {
  if (!flags.database.empty()) return {CallerPath(flags.database)};
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(DefaultResultsFolder(), ignored)) {
    if (entry.path().extension() == ".db") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::vector<Match>> FindMatches(const Flags& flags, const CliContext& context) {
  std::vector<Match> matches;
  for (const std::string& database : Databases(flags)) {
    const auto reader = ResultsReader::Open(database);
    if (!reader.ok()) {
      if (!flags.database.empty()) return reader.status();
      *context.err << "hourglass: warning: " << reader.status().message() << std::endl;
      continue;
    }
    HG_ASSIGN_OR_RETURN(const std::vector<ObjectName> found, (*reader)->FindObjects(flags.id));
    for (const ObjectName& object : found) {
      // A whole id names one thing, whatever else starts with it.
      if (object.id == flags.id) return std::vector<Match>{{database, object}};
      matches.push_back({database, object});
    }
  }
  return matches;
}

absl::StatusOr<Match> FindOne(const Flags& flags, const CliContext& context) {
  HG_ASSIGN_OR_RETURN(std::vector<Match> matches, FindMatches(flags, context));
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no run, cell or experiment starts with \"", flags.id, "\" in ",
        flags.database.empty() ? DefaultResultsFolder() + "/*.db" : CallerPath(flags.database),
        "; `hourglass list --db FILE` lists them"));
  }
  std::string text =
      absl::StrCat("\"", flags.id, "\" fits ", matches.size(), " objects; give more of the id:");
  for (size_t i = 0; i < std::min(matches.size(), kMostCandidates); ++i) {
    absl::StrAppend(&text, "\n  ", matches[i].object.kind, " ", matches[i].object.id, "  ",
                    matches[i].object.label, "  (", matches[i].database, ")");
  }
  if (matches.size() > kMostCandidates) absl::StrAppend(&text, "\n  ...");
  return UsageError(text);
}

// First, last and number of the values of each curve.
absl::StatusOr<Json> Curves(ResultsReader& reader, const std::string& run, const Json& summaries) {
  Json curves = Json::array();
  std::string last;
  for (const Json& summary : summaries) {
    const std::string metric = summary["metric"];
    if (metric == last) continue;
    last = metric;
    HG_ASSIGN_OR_RETURN(const auto points, reader.Curve(run, metric));
    if (points.empty()) continue;
    curves.push_back({{"metric", metric},
                      {"unit", summary["unit"]},
                      {"points", points.size()},
                      {"first_step", points.front().step},
                      {"last_step", points.back().step}});
  }
  return curves;
}

// One entry for each data set, protocol and step.
Json Evaluations(const Json& blocks) {
  Json list = Json::array();
  for (const Json& block : blocks) {
    const bool same = !list.empty() && list.back()["dataset_id"] == block["dataset_id"] &&
                      list.back()["protocol"] == block["protocol"] &&
                      list.back()["step"] == block["step"];
    if (!same) {
      list.push_back({{"dataset", block["dataset"]},
                      {"split", block["split"]},
                      {"protocol", block["protocol"]},
                      {"step", block["step"]},
                      {"blocks", 0},
                      {"units", 0},
                      {"nll_bits", 0.0},
                      {"dataset_id", block["dataset_id"]}});
    }
    Json& entry = list.back();
    entry["blocks"] = entry["blocks"].get<int64_t>() + 1;
    entry["units"] = entry["units"].get<int64_t>() + block["n_units"].get<int64_t>();
    if (block["nll_bits"].is_number() && entry["nll_bits"].is_number()) {
      entry["nll_bits"] = entry["nll_bits"].get<double>() + block["nll_bits"].get<double>();
    } else {
      entry["nll_bits"] = nullptr;
    }
  }
  return list;
}

absl::StatusOr<Json> DescribeRun(ResultsReader& reader, const Match& match) {
  const std::string& id = match.object.id;
  HG_ASSIGN_OR_RETURN(const Json results, ViewRows(reader, "v_result", {{"run", id}}));
  HG_ASSIGN_OR_RETURN(const Json runs, ViewRows(reader, "v_run", {{"id", id}}));
  HG_ASSIGN_OR_RETURN(const Json provenance, ViewRows(reader, "v_provenance", {{"run", id}}));
  HG_ASSIGN_OR_RETURN(const Json summaries, ViewRows(reader, "v_summary", {{"run", id}}));
  HG_ASSIGN_OR_RETURN(const Json blocks, ViewRows(reader, "v_eval_block", {{"run", id}}));
  HG_ASSIGN_OR_RETURN(const auto timings, reader.Timings(id));
  Json json = {{"result", results.at(0)}, {"run", runs.at(0)}, {"summaries", summaries}};
  HG_ASSIGN_OR_RETURN(json["curves"], Curves(reader, id, summaries));
  json["evaluations"] = Evaluations(blocks);
  json["timings"] = timings.size();
  json["provenance"] = provenance.at(0);
  const std::string checkpoint = absl::StrCat(FolderOf(match.database), "/", id, ".safetensors");
  std::error_code ignored;
  json["checkpoint"] =
      std::filesystem::exists(checkpoint, ignored) ? Json(checkpoint) : Json(nullptr);
  return json;
}

absl::StatusOr<Json> DescribeCell(ResultsReader& reader, const Match& match) {
  HG_ASSIGN_OR_RETURN(const Json cells, ViewRows(reader, "v_cell", {{"cell", match.object.id}}));
  HG_ASSIGN_OR_RETURN(const Json runs, ViewRows(reader, "v_result", {{"cell", match.object.id}}));
  return Json({{"cell", cells.at(0)}, {"runs", runs}});
}

absl::StatusOr<Json> DescribeExperiment(ResultsReader& reader, const Match& match) {
  const std::string& id = match.object.id;
  HG_ASSIGN_OR_RETURN(const Json found, ViewRows(reader, "v_experiment", {{"id", id}}));
  HG_ASSIGN_OR_RETURN(const Json scores, ViewRows(reader, "v_score", {{"experiment_id", id}}));
  HG_ASSIGN_OR_RETURN(const Json cells, ViewRows(reader, "v_cell", {{"experiment_id", id}}));
  HG_ASSIGN_OR_RETURN(const Json runs, ViewRows(reader, "v_result", {{"experiment_id", id}}));
  return Json({{"experiment", found.at(0)}, {"scores", scores}, {"cells", cells}, {"runs", runs}});
}

absl::StatusOr<Json> Describe(const Match& match) {
  HG_ASSIGN_OR_RETURN(const auto reader, ResultsReader::Open(match.database));
  Json head = {{"kind", match.object.kind}, {"id", match.object.id}, {"database", match.database}};
  const auto describe = match.object.kind == "run"    ? DescribeRun
                        : match.object.kind == "cell" ? DescribeCell
                                                      : DescribeExperiment;
  HG_ASSIGN_OR_RETURN(const Json body, describe(*reader, match));
  head.update(body);
  return head;
}

void PrintObject(const Json& object, const std::string& indent, std::ostream& out);

void PrintField(const std::string& name, const Json& value, const std::string& indent,
                std::ostream& out) {
  const bool text_block = value.is_string() && absl::StrContains(value.get<std::string>(), "\n");
  if (value.is_object() && !value.empty()) {
    out << indent << name << "\n";
    PrintObject(value, indent + "  ", out);
  } else if (text_block) {
    out << indent << name << "\n" << value.get<std::string>() << "\n";
  } else {
    out << indent << absl::StrFormat("%-22s ", name) << PlainText(value) << "\n";
  }
}

void PrintObject(const Json& object, const std::string& indent, std::ostream& out) {
  for (const auto& [name, value] : object.items()) PrintField(name, value, indent, out);
}

void PrintReadable(const Json& json, std::ostream& out) {
  for (const auto& [name, value] : json.items()) {
    if (value.is_array()) {
      out << "\n" << name << " (" << value.size() << ")\n";
      PrintRows(value, out);
    } else if (value.is_object()) {
      out << "\n" << name << "\n";
      PrintObject(value, "  ", out);
    } else {
      PrintField(name, value, "", out);
    }
  }
}

absl::StatusOr<ExitCode> Show(const Flags& flags, const CliContext& context) {
  HG_ASSIGN_OR_RETURN(const Match match, FindOne(flags, context));
  HG_ASSIGN_OR_RETURN(const Json json, Describe(match));
  if (flags.json) {
    *context.out << JsonText(json, 2) << "\n";
  } else {
    PrintReadable(json, *context.out);
  }
  return kExitOk;
}

}  // namespace

void AddShowCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("show", "Everything stored about a run, a cell or an experiment");
  auto flags = std::make_shared<Flags>();
  verb->add_option("ID", flags->id, "Its id or the start of it, or an experiment's name")
      ->required();
  AddDatabaseFlag(*verb, flags->database, "Results database; default: all in results/");
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Examples:\n"
      "  hourglass show 01KAMR3Y\n"
      "  hourglass show quickstart --db results/quickstart.db --json\n"
      "Every run prints its id; `hourglass list --db FILE` prints them all.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Show(*flags, context); };
  });
}

}  // namespace hourglass
