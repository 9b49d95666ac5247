#pragma once
// What the flags of several verbs have in common.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace hourglass {

// Accepts whole numbers from `least` to `most`; the message names the bound that is broken.
CLI::Validator WholeNumber(int64_t least, int64_t most = std::numeric_limits<int64_t>::max());

// Refuses "": an empty variable of a script must not mean the default.
CLI::Validator NotEmpty();

// --db, a results database by its path.
void AddDatabaseFlag(CLI::App& verb, std::string& database, const std::string& help);

// --threads; 0, the default, means one per core.
void AddThreadsFlag(CLI::App& verb, int& threads);
int ThreadsOrCores(int threads);

// --recompute and --memory-limit, as training.recompute and training.memory_limit of a spec.
void AddRecomputeFlags(CLI::App& verb, std::string& recompute, std::string& memory_limit);

}  // namespace hourglass
