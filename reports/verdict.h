// The sentences of a report that judge: computed from the comparisons, never typed.
#pragma once

#include <string>
#include <vector>

#include "reports/analysis.h"

namespace hourglass::reports {

struct Verdict {
  std::string outcome;   // "better", "worse", "same" or "open"
  std::string symbol;    // "▲", ...
  std::string word;      // "Better", "Worse", "The same", "Not resolved", "Mixed", "No verdict"
  std::string sentence;  // the first sentence of the report
  std::vector<std::string> notes;  // what it rests on, how fast the models ran, what it cannot show
};

Verdict MakeVerdict(const Analysis& analysis);

// "better", "worse", "the same", "not resolved"; with its symbol: "▲ better".
std::string OutcomeWord(Outcome outcome);
std::string OutcomeLabel(Outcome outcome);

// "Hourglass 2@1 8@3 2@1", "vanilla 4@1".
std::string FullName(const Group& group);

}  // namespace hourglass::reports
