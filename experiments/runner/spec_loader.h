#pragma once
// From the text of a spec to one resolved experiment.
//
// Precedence, later wins: the experiment, the profile, `--set` assignments. In a cell its own model
// fields win over all of them, except those that a `--set cells[i]...` names.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/model/model_config.h"

namespace hourglass {

// InvalidArgument "FILE:LINE:COLUMN: ..." for text that is no spec; an unknown field also gets the
// list of those there are.
absl::StatusOr<specs::Experiment> ParseSpec(std::string_view text, const std::string& file);

// A spec by its built-in name ("enwik8/table1") or by the path of a .textproto file. A usage error
// lists the built-in names if there is neither.
absl::StatusOr<specs::Experiment> LoadSpec(const std::string& name_or_path);

// Applies a profile (empty: the first of the spec) and assignments, fills in defaults, and checks
// every field and every cell's model. The result has no profiles, and `budgets`, in ascending
// order, only where there are several; it is what is stored with a run.
absl::StatusOr<specs::Experiment> ResolveSpec(specs::Experiment spec, const std::string& profile,
                                              std::span<const std::string> assignments);

// The same text for the same experiment; ParseSpec reads it back.
std::string CanonicalText(const specs::Experiment& spec);

// Numbers of optimizer steps that every cell of a resolved experiment is trained for, ascending.
std::vector<int64_t> BudgetsOf(const specs::Experiment& spec);

// The model of a cell of a resolved experiment.
ModelConfig ModelOf(const specs::Experiment& spec, const specs::Cell& cell);

// Bytes of the training sequences of a cell of a resolved experiment; the largest of all cells.
int64_t LengthOf(const specs::Experiment& spec, const specs::Cell& cell);
int64_t LongestOf(const specs::Experiment& spec);

}  // namespace hourglass
