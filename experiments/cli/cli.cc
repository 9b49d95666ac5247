#include <algorithm>
#include <exception>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/cli/command.h"

namespace hourglass {
namespace {

constexpr char kFooter[] =
    R"(Examples:
  hourglass list                                     what can be run
  hourglass plan enwik8/table1                       parameters, FLOPs and memory, without running
  hourglass run quickstart                           train, evaluate, store
  hourglass report quickstart                        the page about it
  hourglass show RUN                                 everything stored about a run
  hourglass data fetch enwik8                        the corpus of the paper, verified
  hourglass bench --hierarchy "2@1 8@3 2@1"          how fast a model trains on this machine
  hourglass VERB --help                              flags and examples of a verb

Exit codes: 0 ok, 17 verification failed (db check), 18 a run diverged, 19 check out of tolerance,
64 usage, 65 bad data, 66 file or data set missing, 69 not available here, 70 internal error,
74 I/O error, 75 try again, 78 bad configuration, 130 interrupted.)";

std::vector<std::string> VerbNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

// CLI11 would call an unknown verb an unexpected argument, or a missing one ("data remve").
absl::Status CheckVerbs(const CLI::App& app, const std::vector<std::string>& args) {
  const CLI::App* level = &app;
  std::string before;
  for (const std::string& arg : args) {
    const std::vector<std::string> names = VerbNames(*level);
    if (names.empty() || arg.empty() || arg[0] == '-') break;
    if (std::find(names.begin(), names.end(), arg) == names.end()) {
      return UsageError(
          absl::StrCat("no verb \"", before, arg, "\"; there are: ", absl::StrJoin(names, ", ")));
    }
    level = level->get_subcommand(arg);
    absl::StrAppend(&before, arg, " ");
  }
  return absl::OkStatus();
}

// Verbs that ask context.stop between two pieces of work.
bool StopsByItself(const std::string& verb) {
  constexpr std::string_view kVerbs[] = {"run", "bench", "eval", "data"};
  return std::find(std::begin(kVerbs), std::end(kVerbs), verb) != std::end(kVerbs);
}

// A result that could not be written is not a success, whatever the verb says.
absl::Status CheckWritten(std::ostream& out) {
  out.flush();
  return out ? absl::OkStatus()
             : absl::ResourceExhaustedError(
                   "cannot write the result to standard output (disk full, or closed)");
}

// What a report of a problem needs first.
std::string Version(const SourceStamp& stamp) {
  const std::map<std::string, std::string> libraries = LibraryVersions();
  return absl::StrCat("hourglass, commit ", stamp.commit,
                      stamp.dirty ? " with uncommitted changes" : "", "\noneDNN ",
                      libraries.at("oneDNN"), "\nSQLite ", libraries.at("SQLite"));
}

int PrintError(const CliContext& context, const absl::Status& status) {
  *context.err << "hourglass: " << std::string(status.message()) << std::endl;
  return ExitCodeFor(status);
}

}  // namespace

int RunCli(const CliContext& context) {
  CLI::App app("Trains, measures and compares Hourglass language models, reproducibly.",
               "hourglass");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag(
      "--version", [&context] { return Version(context.stamp); },
      "Commit of the build, versions of oneDNN and SQLite");
  Verb chosen;
  AddListCommand(app, chosen);
  AddPlanCommand(app, chosen);
  AddRunCommand(app, chosen);
  AddBenchCommand(app, chosen);
  AddCheckCommand(app, chosen);
  AddEvalCommand(app, chosen);
  AddReportCommand(app, chosen);
  AddShowCommand(app, chosen);
  AddDbCommand(app, chosen);
  AddDataCommand(app, chosen);
  AddEnvCommand(app, chosen);
  if (const absl::Status status = CheckVerbs(app, context.args); !status.ok()) {
    return PrintError(context, status);
  }
  try {
    // CLI11 takes the arguments from the back.
    app.parse(std::vector<std::string>(context.args.rbegin(), context.args.rend()));
  } catch (const CLI::Success& error) {  // --help, --version
    return app.exit(error, *context.out, *context.err);
  } catch (const CLI::ParseError& error) {
    app.exit(error, *context.out, *context.err);
    return kExitUsage;
  }
  try {
    if (context.catch_signals && StopsByItself(context.args[0])) context.catch_signals();
    const absl::StatusOr<ExitCode> code = chosen(context);
    if (!code.ok()) return PrintError(context, code.status());
    const absl::Status written = CheckWritten(*context.out);
    return written.ok() ? *code : PrintError(context, written);
  } catch (const std::bad_alloc&) {
    return PrintError(context, absl::ResourceExhaustedError("not enough memory"));
  } catch (const std::exception& error) {
    return PrintError(context, absl::InternalError(error.what()));
  }
}

}  // namespace hourglass
