// hourglass_report: the report of an experiment from its database alone.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "CLI/CLI.hpp"
#include "reports/format.h"
#include "reports/report.h"

namespace {

// `bazel run` starts the program in its runfiles: paths mean the caller's directory.
std::string FromCaller(const std::string& path) {
  const char* caller = std::getenv("BUILD_WORKING_DIRECTORY");
  if (caller == nullptr || std::filesystem::path(path).is_absolute()) return path;
  return (std::filesystem::path(caller) / path).string();
}

// The exit codes of the hourglass program.
int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kDataLoss:
      return 65;
    case absl::StatusCode::kNotFound:
      return 66;
    case absl::StatusCode::kUnavailable:
      return 69;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kResourceExhausted:
      return 74;
    case absl::StatusCode::kAborted:
      return 75;
    default:
      return 70;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Writes report.html and report.md of an experiment, from its results database alone.",
      "hourglass_report");
  app.footer(
      "Example:\n"
      "  hourglass_report --database results.db --experiment quickstart --output report\n"
      "Exit codes: 0 written, 64 usage, 65 not a results database, 66 no such file or experiment,\n"
      "  69 gnuplot is missing, 74 cannot read or write, 75 database locked: try again.");
  hourglass::reports::ReportOptions options;
  app.add_option("--database", options.database, "Results database, as written by hourglass run")
      ->required();
  app.add_option("--experiment", options.experiment,
                 "Name or id of the experiment; left out: the one with the newest run");
  app.add_option("--output", options.output_directory, "Folder to write into; created if missing")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 64;
  }
  options.command = "./bazelw run //reports:hourglass_report -- --database " +
                    hourglass::reports::ShellWord(options.database);
  if (!options.experiment.empty()) {
    options.command += " --experiment " + hourglass::reports::ShellWord(options.experiment);
  }
  options.command += " --output FOLDER";
  options.database = FromCaller(options.database);
  options.output_directory = FromCaller(options.output_directory);
  options.on_warning = [](const std::string& warning) {
    std::fprintf(stderr, "hourglass_report: warning: %s\n", warning.c_str());
  };
  const absl::Status status = hourglass::reports::WriteReport(options);
  if (!status.ok()) {
    const std::string message(status.message().data(), status.message().size());
    std::fprintf(stderr, "hourglass_report: %s\n", message.c_str());
    return ExitCode(status);
  }
  std::printf("%s/report.html\n", options.output_directory.c_str());
  return 0;
}
