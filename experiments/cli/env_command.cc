#include <cstdlib>

#include "absl/strings/str_format.h"
#include "experiments/cli/command.h"
#include "experiments/cli/flags.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/data_source.h"
#include "experiments/runner/environment.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  int threads = 0;
  bool json = false;
};

// A thing that experiments need, and whether it is there.
Json Finding(const char* what, const absl::Status& status, const std::string& detail) {
  return {{"check", what},
          {"ok", status.ok()},
          {"detail", status.ok() ? detail : std::string(status.message())}};
}

Json Findings(const Environment& environment) {
  Json findings = Json::array();
  specs::Data data;
  data.set_corpus("enwik8-3500k");
  const auto corpus = OpenCorpus(data);
  findings.push_back(Finding("enwik8 excerpt", corpus.status(),
                             corpus.ok() ? "sha256 " + (*corpus)->identity().sha256 : ""));
  const bool gnuplot = std::system("gnuplot --version > /dev/null 2>&1") == 0;
  findings.push_back(Finding(
      "gnuplot",
      gnuplot ? absl::OkStatus() : absl::UnavailableError("not found: reports need gnuplot-nox"),
      "found"));
  findings.push_back(Finding("optimised build",
                             environment.debug_build
                                 ? absl::FailedPreconditionError("debug build: no timings stored")
                                 : absl::OkStatus(),
                             "yes"));
  findings.push_back(Finding("clean work tree",
                             environment.source.dirty
                                 ? absl::FailedPreconditionError("dirty: `run` needs --allow-dirty")
                                 : absl::OkStatus(),
                             "yes"));
  return findings;
}

Json ToJson(const Environment& environment, int threads) {
  Json json;
  json["source"] = {{"commit", environment.source.commit_sha},
                    {"tree", environment.source.tree_sha},
                    {"committed_at", environment.source.committed_at},
                    {"dirty", environment.source.dirty}};
  json["build"] = {{"binary_sha256", environment.build.binary_sha256},
                   {"compiler", environment.build.compiler},
                   {"flags", environment.build.flags},
                   {"pinned_dependencies_sha256", environment.build.deps_sha256},
                   {"libraries", environment.build.deps},
                   {"debug", environment.debug_build}};
  json["machine"] = environment.host.fingerprint;
  json["backend"] = Json::parse(environment.describe_json);
  json["threads"] = threads;
  json["perf_class"] = environment.host.perf_class;
  json["numeric_class"] = environment.host.numeric_class;
  json["variables"] = environment.env;
  if (const std::string load = LoadJson(); !load.empty()) json["load"] = Json::parse(load);
  json["checks"] = Findings(environment);
  return json;
}

void Print(const Json& json, const std::string& indent, std::ostream& out) {
  for (const auto& [key, value] : json.items()) {
    if (key == "checks") continue;
    if (value.is_object()) {
      out << indent << key << ":\n";
      Print(value, indent + "  ", out);
    } else {
      out << indent
          << absl::StrFormat("%-22s %s\n", key,
                             value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

absl::StatusOr<ExitCode> Env(const Flags& flags, const CliContext& context) {
  const int threads = ThreadsOrCores(flags.threads);
  SetThreadCount(threads);
  HG_ASSIGN_OR_RETURN(const std::shared_ptr<Backend> backend, MakeBackend("onednn"));
  HG_ASSIGN_OR_RETURN(const Environment environment,
                      CaptureEnvironment(context.stamp, *backend, threads, "f32"));
  const Json json = ToJson(environment, threads);
  if (flags.json) {
    *context.out << JsonText(json, 2) << "\n";
    return kExitOk;
  }
  Print(json, "", *context.out);
  *context.out << "checks:\n";
  for (const Json& finding : json["checks"]) {
    *context.out << absl::StrFormat("  %-4s %-18s %s\n", finding["ok"].get<bool>() ? "ok" : "NO",
                                    finding["check"].get<std::string>(),
                                    finding["detail"].get<std::string>());
  }
  return kExitOk;
}

}  // namespace

void AddEnvCommand(CLI::App& app, Verb& chosen) {
  CLI::App* verb =
      app.add_subcommand("env", "What results depend on here, and whether anything is missing");
  auto flags = std::make_shared<Flags>();
  AddThreadsFlag(*verb, flags->threads);
  verb->add_flag("--json", flags->json, "One JSON document");
  verb->footer(
      "Example:\n"
      "  hourglass env\n"
      "Every run stores the same facts. Two results may be compared for speed only within one\n"
      "perf_class, for bits only within one numeric_class.");
  verb->callback([flags, &chosen] {
    chosen = [flags](const CliContext& context) { return Env(*flags, context); };
  });
}

}  // namespace hourglass
