// gnuplot as a child process.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace hourglass::reports {

// What gnuplot prints for `script`, in the C locale and without anybody's start-up files.
absl::StatusOr<std::string> RunGnuplot(const std::string& script);

}  // namespace hourglass::reports
