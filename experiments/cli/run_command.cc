#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/cli/spec_flags.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/run_experiment.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "reports/format.h"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  SpecFlags spec;
  std::string database;
  Selection selection;
  int threads = 0;
  bool force = false;
  bool allow_dirty = false;
  bool no_checkpoint = false;
  double checkpoint_seconds = RunOptions().checkpoint_seconds;
  bool print_config = false;
  bool quiet = false;
  bool json = false;
};

Json OrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json ToJson(const RunSummary& summary, const std::string& database) {
  Json cells = Json::array();
  for (const CellOutcome& cell : summary.cells) {
    cells.push_back({{"label", cell.label},
                     {"budget", cell.budget},
                     {"replica", cell.replica},
                     {"run", cell.run_id},
                     {"status", cell.status},
                     {"bits_per_byte", OrNull(cell.bits_per_byte)},
                     {"test_bits_per_byte", OrNull(cell.test_bits_per_byte)},
                     {"steps_done", cell.steps_done},
                     {"train_seconds", cell.train_seconds}});
  }
  return {{"experiment", summary.experiment_id},
          {"database", database},
          {"cells", std::move(cells)},
          {"exit_code", static_cast<int>(summary.exit_code)}};
}

void PrintSummary(const RunSummary& summary, const std::string& database, std::ostream& out) {
  size_t width = 0;
  for (const CellOutcome& cell : summary.cells) width = std::max(width, cell.label.size());
  for (const CellOutcome& cell : summary.cells) {
    out << absl::StrFormat("%-*s %d steps seed %d  %-15s", static_cast<int>(width), cell.label,
                           cell.budget, cell.replica, cell.status);
    if (cell.bits_per_byte) out << absl::StrFormat("  %.4f bits per byte", *cell.bits_per_byte);
    if (cell.test_bits_per_byte) out << absl::StrFormat(" (test %.4f)", *cell.test_bits_per_byte);
    out << "  run " << cell.run_id << "\n";
  }
  out << "results: " << database << "\n";
}

absl::StatusOr<ExitCode> Run(const Flags& flags, const CliContext& context) {
  HG_ASSIGN_OR_RETURN(const specs::Experiment spec, flags.spec.Resolve());
  if (flags.print_config) {
    *context.out << CanonicalText(spec);
    return kExitOk;
  }
  RunOptions options;
  options.database =
      flags.database.empty() ? DefaultDatabase(spec.name()) : CallerPath(flags.database);
  options.command =
      !context.repeat.empty()
          ? context.repeat
          : absl::StrCat(
                context.command, " run ", flags.spec.ToArguments(),
                flags.database.empty() ? "" : " --db " + reports::ShellWord(flags.database));
  options.argv = context.args;
  options.argv.insert(options.argv.begin(), "hourglass");
  options.stamp = context.stamp;
  options.threads = flags.threads;
  options.force = flags.force;
  options.allow_dirty = flags.allow_dirty;
  options.checkpoints = !flags.no_checkpoint;
  options.checkpoint_seconds = flags.checkpoint_seconds;
  options.selection = flags.selection;
  options.stop = context.stop;
  options.log = context.err;
  options.progress = DefaultProgress(flags.quiet);
  HG_ASSIGN_OR_RETURN(const RunSummary summary, RunExperiment(spec, options));
  if (flags.json) {
    *context.out << JsonText(ToJson(summary, options.database), 2) << "\n";
  } else {
    PrintSummary(summary, options.database, *context.out);
  }
  if (summary.exit_code == kExitInterrupted) {
    *context.err << "hourglass: stopped by a signal; nothing is lost, the same command goes on"
                 << std::endl;
  }
  return summary.exit_code;
}

}  // namespace

void AddRunCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("run", "Train and evaluate every cell and seed, and store it");
  auto flags = std::make_shared<Flags>();
  flags->spec.AddTo(*verb);
  AddDatabaseFlag(*verb, flags->database, "Results database; default: results/EXPERIMENT.db");
  verb->add_option("--cell", flags->selection.cell,
                   "Only the cell with this label, at all its budgets");
  verb->add_option("--replica", flags->selection.replica, "Only this seed, counted from 0");
  verb->add_option("--budget", flags->selection.budget, "Only the trainings of so many steps");
  AddThreadsFlag(*verb, flags->threads);
  verb->add_flag("--force", flags->force,
                 "Run finished, diverged and unfinished cells anew, as further attempts");
  verb->add_flag("--allow-dirty", flags->allow_dirty,
                 "Run although files are not committed; stored with the difference, and marked");
  verb->add_flag("--no-checkpoint", flags->no_checkpoint,
                 "Do not write RUN.safetensors beside the database; a run that is cut off then "
                 "starts again from its first step");
  verb->add_option("--checkpoint-seconds", flags->checkpoint_seconds,
                   "Time between two checkpoints; more where saving takes long")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  verb->add_flag("--print-config", flags->print_config, "Print the resolved spec and stop");
  verb->add_flag("--quiet", flags->quiet, "No progress");
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Examples:\n"
      "  hourglass run quickstart\n"
      "  hourglass run enwik8/table1 --profile cpu --cell \"2@1 8@4 2@1\"\n"
      "  hourglass run quickstart --set training.budgets=400,1600 --replica 0 --budget 400\n"
      "  hourglass run enwik8/table1 --profile paper --set data.path=enwik8\n"
      "  hourglass run my.textproto --set training.steps=100 --db trial.db\n"
      "A cell that has finished is not run again, nor one that diverged under the same program, "
      "machine and\n"
      "threads (exit 18): it would again. Ctrl-C saves after the current step and ends "
      "(exit 130); a\n"
      "second one ends at once. Whatever ended it, the same command goes on from the last "
      "checkpoint, to the\n"
      "same bits.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Run(*flags, context); };
  });
}

}  // namespace hourglass
