// quickstart: `hourglass run quickstart`, then `hourglass report quickstart`. Arguments are passed
// on to the run, except --db, which goes to both.

#include <string>
#include <vector>

#include "experiments/cli/main_context.h"

namespace hourglass {
namespace {

std::vector<std::string> WithVerb(const std::string& verb, const std::vector<std::string>& args) {
  std::vector<std::string> all = {verb, "quickstart"};
  all.insert(all.end(), args.begin(), args.end());
  return all;
}

// The arguments that name the database.
std::vector<std::string> DatabaseArgs(const std::vector<std::string>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--db" && i + 1 < args.size()) return {args[i], args[i + 1]};
    if (args[i].rfind("--db=", 0) == 0) return {args[i]};
  }
  return {};
}

int Quickstart(CliContext context) {
  const std::vector<std::string> args = context.args;
  context.repeat = "./bazelw run //experiments:quickstart";
  for (size_t i = 0; i < args.size(); ++i) context.repeat += (i == 0 ? " -- " : " ") + args[i];
  context.args = WithVerb("run", args);
  // Whoever tries the project after a change of his own is not refused: his report says so.
  context.args.push_back("--allow-dirty");
  if (const int code = RunCli(context); code != kExitOk) return code;
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h" || arg == "--print-config") return kExitOk;
  }
  context.args = WithVerb("report", DatabaseArgs(args));
  return RunCli(context);
}

}  // namespace
}  // namespace hourglass

int main(int argc, char** argv) {
  return hourglass::Quickstart(hourglass::ProcessContext(argc, argv));
}
