#pragma once
// A Google Benchmark program as a test sees it: which benchmarks it has and what they count, not
// how fast they are.

#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace hourglass::testing {

// Runs `program`, a file of the runfiles ("tests/ops/op_benchmark"), for as short as it goes on the
// benchmarks that match `filter`, and returns its JSON: "benchmarks" has one object for each, with
// its counters. Unavailable if it cannot be run, Internal if it fails or prints no JSON.
absl::StatusOr<nlohmann::json> RunBenchmark(const std::string& program, const std::string& filter);

}  // namespace hourglass::testing
