#pragma once
// The verbs of the `hourglass` program. Each reads its flags into a closure that does the work.

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"

namespace hourglass {

// What the program's surroundings are; tests put their own in.
struct CliContext {
  std::ostream* out = nullptr;  // results
  std::ostream* err = nullptr;  // progress, warnings, errors
  SourceStamp stamp;
  // From here on SIGINT and SIGTERM make `stop` true, the second one ends the process. Called for
  // the verbs that ask `stop`; the others end at the first signal. May be empty.
  std::function<void()> catch_signals;
  std::function<bool()> stop;
  std::string command = "./bazelw run //experiments:hourglass --";  // how the program is started
  std::string repeat;  // what to type to run the same again; empty: command and verb
  std::vector<std::string> args;
};

using Verb = std::function<absl::StatusOr<ExitCode>(const CliContext&)>;

// Each adds its subcommand; parsing it sets `chosen`.
void AddListCommand(CLI::App& app, Verb& chosen);
void AddPlanCommand(CLI::App& app, Verb& chosen);
void AddRunCommand(CLI::App& app, Verb& chosen);
void AddBenchCommand(CLI::App& app, Verb& chosen);
void AddCheckCommand(CLI::App& app, Verb& chosen);
void AddEvalCommand(CLI::App& app, Verb& chosen);
void AddReportCommand(CLI::App& app, Verb& chosen);
void AddShowCommand(CLI::App& app, Verb& chosen);
void AddDbCommand(CLI::App& app, Verb& chosen);
void AddDataCommand(CLI::App& app, Verb& chosen);
void AddEnvCommand(CLI::App& app, Verb& chosen);

// The whole program but for its surroundings: parses args (without the program's name), runs the
// verb, prints errors and returns the exit code.
int RunCli(const CliContext& context);

}  // namespace hourglass
