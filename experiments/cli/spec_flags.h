#pragma once
// The flags that name an experiment, shared by several verbs.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"

namespace hourglass {

struct SpecFlags {
  std::string name;
  std::string profile;
  std::vector<std::string> assignments;
  std::string backend;
  std::string recompute, memory_limit;

  void AddTo(CLI::App& verb);
  absl::StatusOr<specs::Experiment> Resolve() const;
  // The part of a command line that names the same experiment again.
  std::string ToArguments() const;
};

}  // namespace hourglass
