#include "experiments/cli/spec_flags.h"

#include "absl/strings/str_cat.h"
#include "experiments/cli/flags.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"
#include "reports/format.h"

namespace hourglass {
namespace {

bool IsFile(const std::string& name) {
  constexpr char kEnding[] = ".textproto";
  return name.size() >= sizeof(kEnding) &&
         name.compare(name.size() - sizeof(kEnding) + 1, std::string::npos, kEnding) == 0;
}

}  // namespace

void SpecFlags::AddTo(CLI::App& verb) {
  verb.add_option("EXPERIMENT", name, "Built-in name (see `hourglass list`) or a .textproto file")
      ->required();
  verb.add_option("--profile", profile,
                  "Size of the experiment: paper, cpu, smoke; default: its first profile");
  verb.add_option("--set", assignments,
                  "FIELD=VALUE of the spec, such as model.d_model=256; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  verb.add_option("--backend", backend, "onednn or reference; default: what the spec says");
  AddRecomputeFlags(verb, recompute, memory_limit);
}

absl::StatusOr<specs::Experiment> SpecFlags::Resolve() const {
  HG_ASSIGN_OR_RETURN(specs::Experiment spec, LoadSpec(IsFile(name) ? CallerPath(name) : name));
  std::vector<std::string> all = assignments;
  if (!backend.empty()) all.push_back("backend=" + backend);
  if (!recompute.empty()) all.push_back("training.recompute=" + recompute);
  if (!memory_limit.empty()) all.push_back("training.memory_limit=" + memory_limit);
  return ResolveSpec(std::move(spec), profile, all);
}

std::string SpecFlags::ToArguments() const {
  std::string text = reports::ShellWord(name);
  if (!profile.empty()) absl::StrAppend(&text, " --profile ", reports::ShellWord(profile));
  for (const std::string& assignment : assignments) {
    absl::StrAppend(&text, " --set ", reports::ShellWord(assignment));
  }
  if (!backend.empty()) absl::StrAppend(&text, " --backend ", reports::ShellWord(backend));
  if (!recompute.empty()) absl::StrAppend(&text, " --recompute ", reports::ShellWord(recompute));
  if (!memory_limit.empty())
    absl::StrAppend(&text, " --memory-limit ", reports::ShellWord(memory_limit));
  return text;
}

}  // namespace hourglass
