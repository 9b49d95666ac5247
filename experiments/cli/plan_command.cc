#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/cli/command.h"
#include "experiments/cli/spec_flags.h"
#include "experiments/runner/planner.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/core_count.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMega = 1e6;
constexpr double kMebi = 1 << 20;
constexpr double kGiga = 1e9;

struct Flags {
  SpecFlags spec;
  bool print_config = false;
  bool json = false;
};

Json FlopsPerByte(const CellPlan& plan, const FlopNames& flops) {
  return {{"needed", plan.PerByte(flops.needed)},
          {"dense", plan.PerByte(flops.dense)},
          {"dense_trax", plan.TraxPerByte(flops.dense_trax)}};
}

Json ToJson(const specs::Experiment& spec, const CellPlan& plan) {
  Json json;
  json["experiment"] = spec.name();
  json["profile"] = spec.profile();
  json["scope"] = spec.scope();
  json["label"] = plan.cell.label();
  json["family"] = plan.cell.family();
  json["hierarchy"] = plan.config.hierarchy;
  json["parameters"] = plan.parameters;
  json["batch"] = plan.batch;
  json["length"] = plan.length;
  json["steps"] = plan.steps;
  json["dense_trax_batch"] = CellPlan::kTraxBatch;
  json["forward_flops_per_byte"] = FlopsPerByte(plan, plan.forward);
  json["training_flops_per_byte"] = FlopsPerByte(plan, plan.training);
  json["training_flops_per_step_needed"] = plan.training.needed;
  json["training_flops_total_needed"] =
      static_cast<double>(plan.training.needed) * static_cast<double>(plan.steps);
  json["memory_bytes"] = plan.planned_bytes;
  json["state_bytes"] = plan.state_bytes;
  json["recomputed"] = plan.recomputed;
  json["mismatch"] = plan.mismatch ? Json(*plan.mismatch) : Json(nullptr);
  if (plan.cell.has_published()) {
    const specs::Published& published = plan.cell.published();
    json["paper"] = {
        {"ref", plan.cell.paper_ref()},         {"bits_per_byte", published.bits_per_byte()},
        {"memory_gb", published.memory_gb()},   {"steps_per_second", published.steps_per_second()},
        {"parameters", published.parameters()}, {"source", published.source()}};
  }
  return json;
}

void PrintTable(const specs::Experiment& spec, const std::vector<CellPlan>& plans,
                std::ostream& out) {
  const specs::Training& training = spec.training();
  const bool several = training.budgets_size() > 0;
  out << absl::StrFormat("%s, profile %s (%s): %s steps of %d x %s bytes, %d seeds\n\n",
                         spec.name(), spec.profile(), spec.scope(),
                         absl::StrJoin(BudgetsOf(spec), " and "), training.batch(),
                         LengthNames(plans), spec.replicas());
  const int width = LabelWidth(plans);
  out << absl::StrFormat("%-*s %12s  %-26s %10s %9s\n", width, "", "", "forward MFLOP/byte",
                         "training", "memory");
  out << absl::StrFormat("%-*s %12s %8s %8s %9s %11s %9s", width, "cell", "parameters", "needed",
                         "dense", "trax*", "MFLOP/byte", "MiB");
  if (several) out << absl::StrFormat(" %9s", "steps");
  out << (spec.has_match() ? "  mismatch\n" : "\n");
  for (const CellPlan& plan : plans) {
    out << absl::StrFormat("%-*s %12d %8.3f %8.3f %9.3f %11.3f %9.1f", width, plan.cell.label(),
                           plan.parameters, plan.PerByte(plan.forward.needed) / kMega,
                           plan.PerByte(plan.forward.dense) / kMega,
                           plan.TraxPerByte(plan.forward.dense_trax) / kMega,
                           plan.PerByte(plan.training.needed) / kMega,
                           static_cast<double>(plan.planned_bytes) / kMebi);
    if (several) out << absl::StrFormat(" %9d", plan.steps);
    if (plan.mismatch) out << absl::StrFormat("  %+7.2f %%", 100 * *plan.mismatch);
    if (!plan.recomputed.empty()) out << "  recomputed: " << absl::StrJoin(plan.recomputed, ", ");
    out << "\n";
  }
  double total = 0;
  for (const CellPlan& plan : plans) {
    total += static_cast<double>(plan.training.needed) * static_cast<double>(plan.steps);
  }
  total *= static_cast<double>(spec.replicas());
  out << absl::StrFormat("\nneeded training GFLOP of the whole sweep: %.0f\n", total / kGiga)
      << "FLOPs: a multiply-add counts 2, products only, padding included; needed = causal part,\n"
      << "dense = full squares, both at batch " << training.batch()
      << "; *the paper's program, at batch " << CellPlan::kTraxBatch << ".\n";
}

absl::StatusOr<ExitCode> Plan(const Flags& flags, const CliContext& context) {
  HG_ASSIGN_OR_RETURN(const specs::Experiment spec, flags.spec.Resolve());
  if (flags.print_config) {
    *context.out << CanonicalText(spec);
    return kExitOk;
  }
  // As `run` does: kernels take memory for every thread.
  SetThreadCount(CoreCount());
  HG_ASSIGN_OR_RETURN(const std::vector<CellPlan> plans, PlanExperiment(spec));
  if (flags.json) {
    // An array with one object a line, for programs and for eyes.
    for (size_t i = 0; i < plans.size(); ++i) {
      *context.out << (i == 0 ? "[" : ",\n ") << JsonText(ToJson(spec, plans[i]));
    }
    *context.out << "]\n";
  } else {
    PrintTable(spec, plans, *context.out);
  }
  return kExitOk;
}

}  // namespace

void AddPlanCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("plan", "Parameters, FLOPs and memory of every cell, without running it");
  auto flags = std::make_shared<Flags>();
  flags->spec.AddTo(*verb);
  verb->add_flag("--print-config", flags->print_config, "Only the resolved spec");
  verb->add_flag("--json", flags->json, "A JSON array with one object per cell and budget");
  verb->footer(
      "Examples:\n"
      "  hourglass plan enwik8/table1                         the fifteen models of Table 1\n"
      "  hourglass plan enwik8/table1 --profile paper --json  the same for programs\n"
      "  hourglass plan quickstart --set model.d_model=96     what another width would cost\n"
      "  hourglass plan enwik8/table1 --memory-limit 4G       what to recompute to stay below\n"
      "  hourglass plan quickstart --print-config             the resolved spec");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Plan(*flags, context); };
  });
}

}  // namespace hourglass
