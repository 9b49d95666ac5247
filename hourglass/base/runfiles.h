#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hourglass {

// Remembers how the program was called; main does it once, before any FindRunfile.
void SetProgramPath(std::string_view argv0);

// Path of a file of the repository ("experiments/data/enwik8.first3500000") that a Bazel target
// lists under `data`. Looked for, in this order, in RUNFILES_DIR, TEST_SRCDIR, the program's own
// .runfiles folder, RUNFILES_MANIFEST_FILE and the current directory. NotFound lists the places.
absl::StatusOr<std::string> FindRunfile(std::string_view path);

}  // namespace hourglass
