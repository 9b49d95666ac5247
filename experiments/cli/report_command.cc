#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "reports/analysis.h"
#include "reports/format.h"
#include "reports/report.h"
#include "reports/verdict.h"
#include "results_db/query.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string experiment;
  std::string database;
  std::string output;
  bool json = false;
};

absl::StatusOr<ExitCode> Report(const Flags& flags, const CliContext& context) {
  reports::ReportOptions options;
  if (flags.database.empty() && flags.experiment.empty()) {
    return UsageError("name an experiment (`hourglass list`) or a database (--db)");
  }
  options.database =
      flags.database.empty() ? DefaultDatabase(flags.experiment) : CallerPath(flags.database);
  options.experiment = flags.experiment;
  HG_ASSIGN_OR_RETURN(const auto reader, results::ResultsReader::Open(options.database));
  HG_ASSIGN_OR_RETURN(const auto analysis, reports::Analyse(*reader, flags.experiment));
  const std::string slug = absl::StrReplaceAll(analysis->experiment.row.slug, {{"/", "-"}});
  options.output_directory = flags.output.empty()
                                 ? absl::StrCat(FolderOf(options.database), "/report-", slug)
                                 : CallerPath(flags.output);
  // As typed, but for the folder: where a report is put does not change it. A name means the newest
  // version, so an id stays one.
  const bool typed_id = flags.experiment == analysis->experiment.id;
  options.command =
      absl::StrCat("./bazelw run //experiments:hourglass -- report ",
                   reports::ShellWord(typed_id ? flags.experiment : analysis->experiment.row.slug));
  if (!flags.database.empty()) {
    absl::StrAppend(&options.command, " --db ", reports::ShellWord(flags.database));
  }
  Json warnings = Json::array();
  options.on_warning = [&](const std::string& warning) {
    warnings.push_back(warning);
    *context.err << "hourglass: warning: " << warning << std::endl;
  };
  HG_RETURN_IF_ERROR(reports::WriteReport(options));
  const reports::Verdict verdict = reports::MakeVerdict(*analysis);
  const std::string html = options.output_directory + "/report.html";
  if (flags.json) {
    *context.out << JsonText(Json({{"experiment", analysis->experiment.row.slug},
                                   {"outcome", verdict.outcome},
                                   {"verdict", verdict.sentence},
                                   {"warnings", warnings},
                                   {"html", html},
                                   {"markdown", options.output_directory + "/report.md"}}),
                             2)
                 << "\n";
  } else {
    *context.out << verdict.sentence << "\n" << html << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddReportCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("report", "One HTML page, and its Markdown twin, about an experiment");
  auto flags = std::make_shared<Flags>();
  verb->add_option("EXPERIMENT", flags->experiment,
                   "Name or id; with --db by default the one with the newest run");
  AddDatabaseFlag(*verb, flags->database, "Results database; default: results/EXPERIMENT.db");
  verb->add_option("--out", flags->output,
                   "Folder to write into; default: report-EXPERIMENT beside the database");
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Examples:\n"
      "  hourglass report quickstart\n"
      "  hourglass report enwik8/table1 --db trial.db --out page\n"
      "The same database gives the same bytes. One that fails `hourglass db check` is reported "
      "on with a\n"
      "warning above everything else, and here.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Report(*flags, context); };
  });
}

}  // namespace hourglass
