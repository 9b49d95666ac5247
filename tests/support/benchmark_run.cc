#include "tests/support/benchmark_run.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "hourglass/base/runfiles.h"
#include "hourglass/base/status.h"

namespace hourglass::testing {

absl::StatusOr<nlohmann::json> RunBenchmark(const std::string& program, const std::string& filter) {
  HG_ASSIGN_OR_RETURN(const std::string path, FindRunfile(program));
  const std::string command =
      absl::StrCat("'", path, "' --benchmark_format=json --benchmark_min_time=0.001 ",
                   "'--benchmark_filter=", filter, "' 2> /dev/null");
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::UnavailableError(absl::StrCat(program, " cannot be run"));
  std::string output;
  char piece[4096];
  for (size_t size; (size = fread(piece, 1, sizeof(piece), pipe)) > 0;) output.append(piece, size);
  if (pclose(pipe) != 0) return absl::InternalError(absl::StrCat(program, " failed: ", output));
  nlohmann::json json = nlohmann::json::parse(output, nullptr, false);
  if (!json.is_object()) return absl::InternalError(absl::StrCat(program, " printed ", output));
  return json;
}

}  // namespace hourglass::testing
