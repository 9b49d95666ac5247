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
  // One for each comparison where the sentence only counts them, then what the verdict rests on,
  // how fast the models ran, what it cannot show.
  std::vector<std::string> notes;
  bool vanilla_leads = false;  // in at least one comparison, and not the same
};

Verdict MakeVerdict(const Analysis& analysis);
// That of an experiment about cost, without the notes on what was run; part of MakeVerdict.
Verdict MakeCostVerdict(const Analysis& analysis);

// "better", "worse", "the same", "not resolved"; with its symbol: "▲ better".
std::string OutcomeWord(Outcome outcome);
std::string OutcomeLabel(Outcome outcome);

// "+0.035 to +0.045".
std::string IntervalText(const MeanInterval& mean);

// "28 ok, 1 diverged".
std::string StatusCounts(const Analysis& analysis);

}  // namespace hourglass::reports
