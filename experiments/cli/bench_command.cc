#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/runner/bench.h"
#include "experiments/runner/bench_table.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

struct Flags {
  BenchOptions bench;
  std::string middle_attention;
  bool json = false;
};

// Names and defaults of the PyTorch peer.
void AddModelFlags(CLI::App& verb, Flags& flags) {
  ModelConfig& model = flags.bench.model;
  model.hierarchy = "1@1 4@3 1@1";
  model.d_model = 256;
  model.d_ff = 1024;
  model.n_heads = 4;
  const CLI::Validator number = WholeNumber(1);
  verb.add_option("--hierarchy", model.hierarchy, "Layers @ factor")->capture_default_str();
  verb.add_option("--d_model", model.d_model)->capture_default_str()->check(number);
  verb.add_option("--d_ff", model.d_ff)->capture_default_str()->check(number);
  verb.add_option("--heads", model.n_heads)->capture_default_str()->check(number);
  verb.add_option("--vocabulary", model.vocab_size)->capture_default_str()->check(number);
  verb.add_option("--attention", model.vanilla_attention, "At full length")->capture_default_str();
  verb.add_option("--middle_attention", flags.middle_attention, "Default: as --attention");
  verb.add_option("--shortening", model.shortening, "average, linear or attention")
      ->capture_default_str();
  verb.add_option("--shortening_query", model.shortening_query, "S: average or linear")
      ->capture_default_str();
  verb.add_option("--upsampling", model.upsampling, "repeat, linear or attention")
      ->capture_default_str();
  verb.add_option("--upsampling_query", model.upsampling_query, "U: none, linear or repeat")
      ->capture_default_str();
  verb.add_option("--dropout", model.dropout)->capture_default_str();
}

void AddTimingFlags(CLI::App& verb, Flags& flags) {
  BenchOptions& bench = flags.bench;
  const CLI::Validator positive = WholeNumber(1), count = WholeNumber(0);
  verb.add_option("--length", bench.length)->capture_default_str()->check(positive);
  verb.add_option("--batch", bench.batch)->capture_default_str()->check(positive);
  verb.add_option("--dtype", bench.dtype, "f32, bf16; f64 on the reference backend")
      ->capture_default_str();
  bench.threads = 0;
  AddThreadsFlag(verb, bench.threads);
  verb.add_option("--steps", bench.steps, "Timed training steps")
      ->capture_default_str()
      ->check(positive);
  verb.add_option("--warmup", bench.warmup, "Steps before timing")
      ->capture_default_str()
      ->check(count);
  verb.add_option("--lr", bench.lr)->capture_default_str();
  verb.add_option("--lr_warmup", bench.lr_warmup)->capture_default_str()->check(count);
  verb.add_option("--lr_cycle", bench.lr_cycle, "0: constant after warm-up")
      ->capture_default_str()
      ->check(count);
  verb.add_option("--data", bench.data, "File of bytes; random bytes if left out")
      ->check(NotEmpty());
  verb.add_option("--seed", bench.seed)->capture_default_str()->check(count);
  verb.add_option("--backend", bench.backend, "onednn or reference")->capture_default_str();
  AddRecomputeFlags(verb, bench.recompute, bench.memory_limit);
  verb.add_flag("--profile_ops", bench.profile_ops,
                "Also time every kind of op, in extra steps after the timed ones");
  verb.add_flag("--json", flags.json, "One line of JSON only");
}

absl::StatusOr<ExitCode> Bench(Flags& flags, const CliContext& context) {
  ModelConfig& model = flags.bench.model;
  model.middle_attention =
      flags.middle_attention.empty() ? model.vanilla_attention : flags.middle_attention;
  flags.bench.threads = ThreadsOrCores(flags.bench.threads);
  flags.bench.stop = context.stop;
  HG_ASSIGN_OR_RETURN(const nlohmann::ordered_json result, RunBench(flags.bench));
  for (const nlohmann::ordered_json& warning : result["warnings"]) {
    *context.err << "hourglass: warning: noisy machine: " << warning.get<std::string>()
                 << std::endl;
  }
  *context.out << (flags.json ? JsonText(result) + "\n" : BenchText(result));
  return kExitOk;
}

}  // namespace

void AddBenchCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("bench",
                         "Speed and memory of training steps and forward passes, and how "
                         "near that is to what the machine does at best");
  auto flags = std::make_shared<Flags>();
  AddModelFlags(*verb, *flags);
  AddTimingFlags(*verb, *flags);
  verb->footer(
      "Examples:\n"
      "  hourglass bench --hierarchy \"2@1 8@3 2@1\" --d_model 512 --d_ff 2048 --heads 8 \\\n"
      "      --length 1026 --batch 4 --shortening attention --upsampling attention --json\n"
      "  hourglass bench --hierarchy 4@1 --steps 5 --profile_ops\n"
      "What each number means: docs/speed.md.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Bench(*flags, context); };
  });
}

}  // namespace hourglass
