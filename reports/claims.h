// The statements of the paper that this experiment can speak to, each with what was found. The
// statements are data (paper/paper.textproto and the resolved spec); the outcomes are computed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/analysis.h"
#include "reports/paper/paper.pb.h"

namespace hourglass::reports {

enum class ClaimOutcome { kReproduced, kPartly, kNotReproduced, kInconclusive, kNotRun };

// "reproduced", "partly", "not reproduced", "inconclusive", "not run".
std::string ClaimWord(ClaimOutcome outcome);
// With its symbol: "✓ reproduced".
std::string ClaimLabel(ClaimOutcome outcome);

struct ClaimRow {
  std::string id;
  std::string locator;
  std::string statement;
  std::string published;             // as printed, or the relation: "below 8@1"
  std::string finding;               // ours in words, where one number does not say it
  std::optional<double> ours;        // an estimate in `unit`
  std::optional<double> low, high;   // its interval
  std::optional<double> difference;  // ours minus the published value
  int64_t n = 0;                     // seeds, pairs
  std::string unit;
  std::string margin;
  std::string budget;   // empty: the statement is not about one budget
  bool scaled = false;  // from a scaled-down run: never a value
  bool dirty = false;
  ClaimOutcome outcome = ClaimOutcome::kNotRun;
  std::string why;       // what the outcome rests on
  std::string evidence;  // id of a section of the page
};

struct Claims {
  std::vector<ClaimRow> values;      // one for each published bits per byte
  std::vector<ClaimRow> statements;  // orderings and ratios, by budget, and the database's claims
  std::map<ClaimOutcome, int64_t> counts;
};

// What the paper says that concerns this experiment. `chapter` points into `paper`; null: nothing.
struct PaperView {
  paper::Paper paper;
  paper::Spec spec;
  const paper::Chapter* chapter = nullptr;
};

// Internal when the data file of the program cannot be read. A spec that cannot be read has no
// published values.
absl::StatusOr<std::unique_ptr<PaperView>> ReadPaper(const Analysis& analysis);

Claims JudgeClaims(const Analysis& analysis, const PaperView& view);

}  // namespace hourglass::reports
