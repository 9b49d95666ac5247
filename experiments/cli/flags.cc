#include "experiments/cli/flags.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "hourglass/base/core_count.h"

namespace hourglass {
namespace {

// More would be a mistake on any machine, and OpenMP ends the process when it cannot start them.
constexpr int64_t kMostThreads = 1024;

}  // namespace

CLI::Validator WholeNumber(int64_t least, int64_t most) {
  const auto check = [least, most](std::string& text) -> std::string {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) {
      return absl::StrCat("\"", text, "\" is not a whole number of 64 bits");
    }
    if (number < least) return absl::StrCat(text, " is less than ", least);
    if (number > most) return absl::StrCat(text, " is more than ", most);
    return {};
  };
  return CLI::Validator(check, "", "whole number");
}

CLI::Validator NotEmpty() {
  const auto check = [](std::string& text) -> std::string {
    return text.empty() ? "is empty; name a file" : "";
  };
  return CLI::Validator(check, "", "not empty");
}

void AddDatabaseFlag(CLI::App& verb, std::string& database, const std::string& help) {
  verb.add_option("--db", database, help)->check(NotEmpty());
}

void AddThreadsFlag(CLI::App& verb, int& threads) {
  verb.add_option("--threads", threads, "0: one per core")
      ->capture_default_str()
      ->check(WholeNumber(0, kMostThreads));
}

int ThreadsOrCores(int threads) { return threads > 0 ? threads : CoreCount(); }

void AddRecomputeFlags(CLI::App& verb, std::string& recompute, std::string& memory_limit) {
  verb.add_option("--recompute", recompute,
                  "Less memory, more time, the same numbers: elementwise, blocks, levels or scopes "
                  "such as pre.0, comma-separated");
  verb.add_option("--memory-limit", memory_limit,
                  "Planned memory of a training step, as 2G: recompute as much as that needs");
}

}  // namespace hourglass
