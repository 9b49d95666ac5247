// The verdict of an experiment about cost: does the time of a step follow the law?

#include <algorithm>
#include <string>
#include <vector>

#include "reports/costs.h"
#include "reports/format.h"
#include "reports/verdict.h"

namespace hourglass::reports {
namespace {

// What all laws together say: the worst of them.
LawOutcome Together(const std::vector<CostLaw>& laws) {
  LawOutcome worst = LawOutcome::kHolds;
  for (const CostLaw& law : laws) {
    if (law.outcome == LawOutcome::kDeparts) return LawOutcome::kDeparts;
    if (law.outcome == LawOutcome::kNotResolved) worst = law.outcome;
  }
  return worst;
}

void Wear(LawOutcome outcome, Verdict& verdict) {
  verdict.outcome = outcome == LawOutcome::kHolds ? "same" : "open";
  const std::string label = LawLabel(outcome);
  verdict.symbol = label.substr(0, label.find(' '));
  verdict.word = outcome == LawOutcome::kHolds     ? "The law holds"
                 : outcome == LawOutcome::kDeparts ? "The law does not hold"
                                                   : "Not resolved";
}

std::string Clause(const CostLaw& law) {
  return (law.part == "rest" ? "the rest" : law.part) + " takes time as " + PowersText(law.fit) +
         " (law " + law.law + ", R² " + Fixed(law.fit.r_squared, 3) + ")";
}

std::string Sentence(const std::vector<CostPoint>& costs, const std::vector<CostLaw>& laws) {
  std::vector<std::string> clauses;
  for (const CostLaw& law : laws) clauses.push_back(Clause(law));
  return "in the stack shortened by k, " + Listed(clauses) + ", over " +
         Count(static_cast<int64_t>(costs.size()), "combination", "combinations") +
         " of length n = " + SpanText(costs, &CostPoint::n) +
         " and k = " + SpanText(costs, &CostPoint::k) +
         "; an exponent may differ from the law's by " + Fixed(kExponentMargin, 1) + ".";
}

// What is found where the law can be expected. Empty if that is everywhere or too little.
std::string LongNote(const std::vector<CostPoint>& costs) {
  const std::vector<CostPoint> longer = LongOnes(costs);
  const std::vector<CostLaw> laws = JudgeCosts(longer);
  if (laws.empty() || longer.size() == costs.size()) return "";
  std::vector<std::string> clauses;
  for (const CostLaw& law : laws) clauses.push_back(Clause(law));
  const std::string label = LawLabel(Together(laws));
  return "Where n / k is at least " + Grouped(static_cast<int64_t>(kLongSequence)) + ", in " +
         std::to_string(longer.size()) + " of the " + std::to_string(costs.size()) +
         " combinations, " + Listed(clauses) + ": " + label.substr(label.find(' ') + 1) +
         ". Shorter sequences are a few tiles, whose edges and fixed costs decide.";
}

// What shortening saves where it saves most: at the longest sequences.
std::string SavingNote(const std::vector<CostPoint>& costs) {
  const CostPoint *first = nullptr, *last = nullptr;
  int64_t longest = 0;
  for (const CostPoint& cost : costs) longest = std::max(longest, cost.n);
  for (const CostPoint& cost : costs) {
    if (cost.n != longest) continue;
    if (first == nullptr) first = &cost;
    last = &cost;
  }
  if (first == last || !(last->step > 0)) return "";
  return "At n = " + Grouped(longest) + " a step of this stack takes " + Significant(first->step) +
         " ms with k = " + std::to_string(first->k) + " and " + Significant(last->step) +
         " ms with k = " + std::to_string(last->k) + ", " + Fixed(first->step / last->step, 1) +
         " times less.";
}

}  // namespace

Verdict MakeCostVerdict(const Analysis& analysis) {
  Verdict verdict;
  const std::vector<CostLaw> laws = JudgeCosts(analysis.costs);
  if (laws.empty()) {
    verdict.outcome = "open";
    verdict.symbol = "◇";
    verdict.word = "No verdict";
    verdict.sentence =
        "No verdict: a law needs four combinations of length and shorten factor, each varied.";
  } else {
    Wear(Together(laws), verdict);
    verdict.sentence = verdict.word + ": " + Sentence(analysis.costs, laws);
  }
  if (std::string note = LongNote(analysis.costs); !note.empty()) {
    verdict.notes.push_back(std::move(note));
  }
  if (std::string note = SavingNote(analysis.costs); !note.empty()) {
    verdict.notes.push_back(std::move(note));
  }
  verdict.notes.push_back(
      "About time alone: the few steps of these runs teach the models nothing, so their bits per " +
      analysis.unit + " are not compared.");
  return verdict;
}

}  // namespace hourglass::reports
