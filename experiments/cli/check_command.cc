#include <algorithm>

#include "absl/strings/str_cat.h"
#include "experiments/cli/command.h"
#include "experiments/parity/parity_check.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/paths.h"
#include "hourglass/base/core_count.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::vector<std::string> fixtures;
  std::string backend = "reference";
  std::string dtype;
  bool json = false;
};

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ToJson(const std::string& path, const std::string& backend, const std::string& dtype,
            const ParityResult& result) {
  Json json = {{"fixture", path},
               {"kind", result.kind},
               {"model", result.label},
               {"backend", backend},
               {"dtype", dtype},
               {"logits", OrNull(result.logits)},
               {"loss", OrNull(result.loss)},
               {"gradients", OrNull(result.gradients)},
               {"worst", result.worst},
               {"limit", result.limit},
               {"ok", result.ok}};
  if (result.final_parameters) {
    json["final_parameters"] = *result.final_parameters;
    json["final_parameters_limit"] = result.final_parameters_limit;
  }
  if (result.tokens_equal) json["tokens_equal"] = *result.tokens_equal;
  return json;
}

// All files are checked; the exit code is that of the first that does not pass.
absl::StatusOr<ExitCode> Check(const Flags& flags, const CliContext& context) {
  const std::string dtype_name = !flags.dtype.empty()           ? flags.dtype
                                 : flags.backend == "reference" ? "f64"
                                                                : "f32";
  HG_ASSIGN_OR_RETURN(const DType dtype, ParseDType(dtype_name));
  HG_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, MakeBackend(flags.backend));
  // As `run` does, whatever OMP_NUM_THREADS and OMP_DYNAMIC say.
  SetThreadCount(CoreCount());
  ExitCode code = kExitOk;
  for (const std::string& fixture : flags.fixtures) {
    const absl::StatusOr<ParityResult> result = CheckFixture(CallerPath(fixture), backend, dtype);
    ExitCode own = kExitOk;
    if (!result.ok()) {
      own = ExitCodeFor(result.status());
      const std::string message(result.status().message());
      *context.err << "hourglass: " << message << std::endl;
      *context.out << JsonText(Json({{"fixture", fixture}, {"ok", false}, {"error", message}}))
                   << "\n";
    } else {
      own = result->ok ? kExitOk : kExitOutOfTolerance;
      *context.out << JsonText(ToJson(fixture, flags.backend, dtype_name, *result)) << "\n";
    }
    if (code == kExitOk) code = own;
  }
  return code;
}

}  // namespace

void AddCheckCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb = app.add_subcommand(
      "check", "Hold a backend against fixtures: logits, loss and every gradient");
  auto flags = std::make_shared<Flags>();
  verb->add_option("--fixture", flags->fixtures, "Files written by the parity oracle")
      ->required()
      ->expected(1, -1);
  verb->add_option("--backend", flags->backend, "reference or onednn")->capture_default_str();
  // The oracle states limits for these two alone.
  verb->add_option("--dtype", flags->dtype, "default: f64 on reference, f32 elsewhere")
      ->check(CLI::IsMember({"f64", "f32"}));
  verb->add_flag("--json", flags->json, "Accepted for symmetry: the output is always JSON lines");
  verb->footer(
      "Examples:\n"
      "  hourglass check --fixture tests/golden/parity/nested_attention.safetensors\n"
      "  hourglass check --backend onednn --fixture tests/golden/parity/*.safetensors\n"
      "Prints one JSON line per fixture: the largest differences relative to the largest value, "
      "the\n"
      "worst tensors and the limit. Exit 0 within the limits, 19 outside, 69 for an attention "
      "kind\n"
      "that is not built, 65 for a broken file, 66 for a missing one.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Check(*flags, context); };
  });
}

}  // namespace hourglass
