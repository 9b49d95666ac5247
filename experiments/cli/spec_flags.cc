#include "experiments/cli/spec_flags.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// As a word of a shell; plain words stay as they are.
std::string Quoted(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_-./=:@[]") == std::string::npos) {
    return text;
  }
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

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
}

absl::StatusOr<specs::Experiment> SpecFlags::Resolve() const {
  HG_ASSIGN_OR_RETURN(specs::Experiment spec, LoadSpec(IsFile(name) ? CallerPath(name) : name));
  std::vector<std::string> all = assignments;
  if (!backend.empty()) all.push_back("backend=" + backend);
  return ResolveSpec(std::move(spec), profile, all);
}

std::string SpecFlags::ToArguments() const {
  std::string text = Quoted(name);
  if (!profile.empty()) absl::StrAppend(&text, " --profile ", Quoted(profile));
  for (const std::string& assignment : assignments) {
    absl::StrAppend(&text, " --set ", Quoted(assignment));
  }
  if (!backend.empty()) absl::StrAppend(&text, " --backend ", Quoted(backend));
  return text;
}

}  // namespace hourglass
