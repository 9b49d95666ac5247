#pragma once
// What a result depends on beside the spec: source, build, machine. Captured once per process and
// written into the results database with every run.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "results_db/rows.h"

namespace hourglass {

// Which source the program was built from, as the build stamped it.
struct SourceStamp {
  std::string commit = "unknown", tree = "unknown", parent = "none", committed_at = "unknown";
  bool dirty = true;
};

struct Environment {
  results::SourceRev source;
  results::Build build;                        // `source_rev` is still empty
  results::Host host;                          // for the backend, threads and dtype asked for
  std::map<std::string, std::string> env;      // variables that change results
  std::map<std::string, std::string> backend;  // Backend::Describe()
  std::string describe_json;                   // the same as JSON, with the backend's name
  bool debug_build = false;
  // A line for each thing that makes results weaker, but for a dirty work tree: that is in
  // `source`.
  std::vector<std::string> warnings;
};

// The difference between the work tree and HEAD for a dirty build is taken from git at the
// workspace (BUILD_WORKSPACE_DIRECTORY), when there is one.
absl::StatusOr<Environment> CaptureEnvironment(const SourceStamp& stamp, const Backend& backend,
                                               int threads, const std::string& dtype);

// The libraries that the program is built with: name -> version.
std::map<std::string, std::string> LibraryVersions();

// The files that a difference names, as SourceRev::diff holds it: changed ones, then untracked
// ones.
std::vector<std::string> ChangedFiles(const std::string& diff);

// Average over the last minute of how many threads wanted to run.
std::optional<double> LoadAverage();

// {"load_average_1m": ...}: how busy the machine is now.
std::string LoadJson();

// Largest resident set of this process so far, in bytes.
int64_t PeakResidentBytes();

// The system's setting of transparent huge pages: "always", "madvise" (the engine asks for them) or
// "never"; "unknown" where the kernel does not say.
std::string HugePageSetting();
// The word in brackets of such a file's text: "always [madvise] never" -> "madvise".
std::string ChosenWord(const std::string& text);

// Bytes of this process that lie in transparent huge pages now; empty where the kernel does not
// say.
std::optional<int64_t> HugePageBytes();

}  // namespace hourglass
