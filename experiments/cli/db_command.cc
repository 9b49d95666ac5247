#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/check.h"
#include "results_db/export.h"
#include "results_db/migrate.h"
#include "results_db/store.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string file;
  std::string folder;
  std::string format = "csv";
  bool force = false;
  bool json = false;

  std::string Path() const { return CallerPath(file); }
};

// Prints one JSON document or one line.
void Print(const Flags& flags, const CliContext& context, const Json& json,
           const std::string& line) {
  *context.out << (flags.json ? JsonText(json, 2) : line) << "\n";
}

absl::StatusOr<ExitCode> Init(const Flags& flags, const CliContext& context) {
  const std::string path = flags.Path();
  std::error_code ignored;
  const bool existed = std::filesystem::exists(path, ignored);
  const auto store = results::ResultsStore::Open(path);
  HG_RETURN_IF_ERROR(store.status());
  Print(flags, context,
        {{"database", path}, {"schema", results::kSchemaVersion}, {"created", !existed}},
        absl::StrCat(path, ": ", existed ? "is a results database already" : "created", ", schema ",
                     results::kSchemaVersion));
  return kExitOk;
}

absl::StatusOr<ExitCode> Migrate(const Flags& flags, const CliContext& context) {
  const std::string path = flags.Path();
  HG_ASSIGN_OR_RETURN(const results::MigrateResult result, results::Migrate(path));
  const Json json = {{"database", path},
                     {"from", result.from},
                     {"to", result.to},
                     {"backup", result.backup.empty() ? Json() : Json(result.backup)}};
  Print(flags, context, json,
        result.backup.empty() ? absl::StrCat(path, ": has schema ", result.to, " already")
                              : absl::StrCat(path, ": schema ", result.from, " to ", result.to,
                                             "; as it was before: ", result.backup));
  return kExitOk;
}

Json ToJson(const results::CheckReport& report, const std::string& path) {
  Json findings = Json::array();
  for (const results::Finding& finding : report.findings) {
    findings.push_back({{"error", finding.error},
                        {"kind", finding.kind},
                        {"subject", finding.subject},
                        {"message", finding.message}});
  }
  return {{"database", path},        {"schema", report.schema}, {"runs", report.runs},
          {"points", report.points}, {"clean", report.Clean()}, {"findings", std::move(findings)}};
}

absl::StatusOr<ExitCode> Check(const Flags& flags, const CliContext& context) {
  const std::string path = flags.Path();
  HG_ASSIGN_OR_RETURN(const results::CheckReport report, results::CheckDatabase(path));
  std::string lines;
  for (const results::Finding& finding : report.findings) {
    absl::StrAppend(&lines, finding.error ? "error" : "note", ": ", finding.kind, ": ",
                    finding.subject, ": ", finding.message, "\n");
  }
  absl::StrAppend(&lines, path, ": ", report.Clean() ? "clean" : "NOT CLEAN", ", schema ",
                  report.schema, ", ", report.runs, " runs, ", report.points, " points");
  Print(flags, context, ToJson(report, path), lines);
  return report.Clean() ? kExitOk : kExitVerificationFailed;
}

absl::StatusOr<ExitCode> Export(const Flags& flags, const CliContext& context) {
  results::ExportOptions options;
  options.database = flags.Path();
  options.folder = CallerPath(flags.folder);
  options.format =
      flags.format == "csv" ? results::ExportFormat::kCsv : results::ExportFormat::kJsonLines;
  options.overwrite = flags.force;
  const auto files = results::ExportViews(options);
  if (absl::IsAlreadyExists(files.status())) {
    return UsageError(absl::StrCat(files.status().message(),
                                   "; name another folder, or replace the files with --force"));
  }
  HG_RETURN_IF_ERROR(files.status());
  Json json = Json::array();
  std::string lines;
  for (const results::ExportedFile& file : *files) {
    json.push_back({{"file", file.path}, {"rows", file.rows}});
    absl::StrAppend(&lines, lines.empty() ? "" : "\n", file.path, "  ", file.rows, " rows");
  }
  Print(flags, context, {{"database", options.database}, {"files", std::move(json)}}, lines);
  return kExitOk;
}

using Action = absl::StatusOr<ExitCode> (*)(const Flags&, const CliContext&);

CLI::App* AddAction(CLI::App& db, Verb& chosen, const std::string& name, const std::string& help,
                    Action action, const std::shared_ptr<Flags>& flags) {
  CLI::App* verb = db.add_subcommand(name, help);
  verb->add_option("FILE", flags->file, "Results database")->required()->check(NotEmpty());
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->callback([flags, action, &chosen] {
    chosen = [flags, action](const CliContext& context) { return action(*flags, context); };
  });
  return verb;
}

}  // namespace

void AddDbCommand(CLI::App& app, Verb& chosen) {
  CLI::App* db = app.add_subcommand("db", "Create, migrate, check or export a results database");
  db->require_subcommand(1);
  auto flags = std::make_shared<Flags>();
  AddAction(*db, chosen, "init", "Create an empty database; one that is there is left alone", Init,
            flags)
      ->footer("Example: hourglass db init trial.db");
  AddAction(*db, chosen, "migrate", "Bring a database of an older program to this one's schema",
            Migrate, flags)
      ->footer(
          "Example: hourglass db migrate results/quickstart.db\n"
          "Waits until no other program has the file open, copies it to FILE.backup-v<N>-<time>\n"
          "and changes it in one transaction. The backup is kept; delete it when you are content.");
  AddAction(*db, chosen, "check", "Is the file whole, and do its hashes hold?", Check, flags)
      ->footer(
          "Example: hourglass db check results/quickstart.db\n"
          "SQLite's own checks, the schema, and the hashes of every ended run and of everything\n"
          "measured in it.\n"
          "One line per finding. Exit 0: clean; 17: not. A run that is `running` is not finished:\n"
          "it still runs, or the same `run` command goes on with it. It is named, and no error.");
  CLI::App* verb = AddAction(*db, chosen, "export", "Every public view as a file", Export, flags);
  verb->add_option("--output", flags->folder, "Folder to write into")->required();
  verb->add_option("--format", flags->format, "csv or jsonl (JSON, an object per line)")
      ->check(CLI::IsMember({"csv", "jsonl"}))
      ->capture_default_str();
  verb->add_flag("--force", flags->force, "Replace the files of an earlier export");
  verb->footer(
      "Examples:\n"
      "  hourglass db export results/quickstart.db --output tables\n"
      "  hourglass db export results/quickstart.db --output tables --format jsonl --force\n"
      "The same rows give the same bytes. docs/sql.md describes the views and their columns.");
  db->footer(
      "Examples:\n"
      "  hourglass db check results/quickstart.db --json\n"
      "  hourglass db migrate results/quickstart.db\n"
      "  hourglass db export results/quickstart.db --output tables\n"
      "A file of an older schema is only ever changed by `db migrate`; every other verb refuses "
      "it\n"
      "(exit 65), and a newer one likewise.");
}

}  // namespace hourglass
