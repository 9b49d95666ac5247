#include "reports/verdict.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

using Comparisons = std::vector<const Comparison*>;

// More comparisons than this are counted in the sentence and told in the notes.
constexpr size_t kMostTold = 3;

std::string Margin() { return "margin ±" + Fixed(kQualityMargin, 2); }

// Three decimals, or one more where three would show nothing.
int Decimals(double value) { return std::abs(value) < 0.00995 ? 4 : 3; }

std::string SignedShort(double value) { return Signed(value, Decimals(value)); }

std::string Basis(const PairedDifference& paired) {
  return "mean of " + std::to_string(paired.n) + " paired seeds, 95 % interval " +
         IntervalText(paired) + ", " + Margin();
}

// "Hourglass 2@1 4@3 2@1, which costs 9.1 % less training compute,".
std::string Candidate(const Comparison& comparison) {
  const std::string cost = CostWords(comparison);
  const std::string name = FullName(*comparison.candidate);
  return cost.empty() ? name : name + ", which " + cost + " training compute,";
}

// What one comparison says, without the leading word.
std::string Clause(const Comparison& comparison, const Analysis& analysis) {
  const std::string candidate = Candidate(comparison);
  const std::string reference = FullName(*comparison.reference);
  const PairedDifference& paired = *comparison.paired;
  if (comparison.lost_candidate + comparison.lost_reference > 0) {
    std::vector<std::string> lost;
    if (comparison.lost_candidate > 0) {
      lost.push_back(Count(comparison.lost_candidate, "run", "runs") + " of " + candidate);
    }
    if (comparison.lost_reference > 0) {
      lost.push_back(Count(comparison.lost_reference, "run", "runs") + " of " + reference);
    }
    return (comparison.lost_candidate > 0 ? "" : candidate + " cannot be judged: ") + Listed(lost) +
           " did not end ok, and a lost run counts";
  }
  if (comparison.outcome == Outcome::kBetter || comparison.outcome == Outcome::kWorse) {
    return candidate + " needs " + Fixed(std::abs(paired.mean), Decimals(paired.mean)) + " " +
           Bits(analysis) + (paired.mean < 0 ? " less" : " more") + " than " + reference + " (" +
           Basis(paired) + ")";
  }
  std::string text = candidate + " differs from " + reference + " by " + SignedShort(paired.mean) +
                     " " + Bits(analysis);
  if (!paired.low) return text + " with one seed, which cannot be told from chance";
  text += " (" + Basis(paired) + "), ";
  if (comparison.outcome == Outcome::kSame) return text + "within the margin";
  const bool crosses_zero = *paired.low <= 0 && *paired.high >= 0;
  return text + (crosses_zero ? "an interval that includes zero"
                              : "an interval that reaches across the margin");
}

struct Face {
  const char* outcome;
  const char* symbol;
  const char* word;
};

Face FaceOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kBetter:
      return {"better", "▲", "Better"};
    case Outcome::kWorse:
      return {"worse", "▼", "Worse"};
    case Outcome::kSame:
      return {"same", "＝", "The same"};
    case Outcome::kNotResolved:
      break;
  }
  return {"open", "◇", "Not resolved"};
}

constexpr Face kNoVerdict = {"open", "◇", "No verdict"};
constexpr Face kMixed = {"open", "◆", "Mixed"};

void Wear(const Face& face, Verdict& verdict) {
  verdict.outcome = face.outcome;
  verdict.symbol = face.symbol;
  verdict.word = face.word;
}

// Why nothing can be compared.
std::string NothingToCompare(const Analysis& analysis) {
  if (analysis.runs.empty()) return "nothing has been run";
  bool any_ok = false, any_bits = false, any_vanilla = false, any_other = false;
  for (const Group& group : analysis.groups) {
    any_ok |= !group.by_replica.empty();
    any_bits |= !group.bits.empty();
    (group.is_vanilla() ? any_vanilla : any_other) = true;
  }
  if (!any_ok) {
    return "none of " + Count(static_cast<int64_t>(analysis.runs.size()), "run", "runs") +
           " ended ok (" + StatusCounts(analysis) + ")";
  }
  if (!any_bits) return "no run stored its validation " + Bits(analysis);
  if (!any_vanilla) return "there is no vanilla model to compare with";
  if (!any_other) return "there are only vanilla models, nothing to compare with them";
  if (analysis.comparisons.empty()) {
    return "no two models share data, backend and a budget in steps";
  }
  return "no seed was finished by both models of a pair";
}

Comparisons Judged(const Analysis& analysis) {
  Comparisons judged;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.paired) judged.push_back(&comparison);
  }
  return judged;
}

bool Unanimous(const Comparisons& judged) {
  return std::all_of(judged.begin(), judged.end(),
                     [&](const Comparison* c) { return c->outcome == judged.front()->outcome; });
}

std::string Lead(const Comparisons& judged) {
  const bool equal = std::all_of(judged.begin(), judged.end(),
                                 [](const Comparison* c) { return c->equal_compute; });
  return equal ? "at equal training compute" : "against the vanilla model nearest in compute,";
}

// Every comparison of one budget, one by one.
std::string Told(const Comparisons& judged, const Analysis& analysis, bool with_words) {
  std::string text;
  for (size_t i = 0; i < judged.size(); ++i) {
    if (i > 0) text += "; ";
    if (with_words) text += OutcomeWord(judged[i]->outcome) + ": ";
    text += Clause(*judged[i], analysis);
  }
  return text;
}

// "all 3 are worse", "2 are worse and 1 is not resolved".
std::string Counted(const Comparisons& judged) {
  if (Unanimous(judged)) {
    return (judged.size() == 2 ? "both" : "all " + std::to_string(judged.size())) + " are " +
           OutcomeWord(judged.front()->outcome);
  }
  std::map<Outcome, int64_t> counts;
  for (const Comparison* comparison : judged) ++counts[comparison->outcome];
  std::vector<std::string> parts;
  for (const auto& [outcome, count] : counts) {
    parts.push_back(std::to_string(count) + (count == 1 ? " is " : " are ") + OutcomeWord(outcome));
  }
  return Listed(parts);
}

// "mean differences +0.05 to +0.09 bits per byte, 95 % intervals within +0.03 to +0.12, 3 paired
// seeds each, margin ±0.01".
std::string Spread(const Comparisons& judged, const Analysis& analysis) {
  double lowest = INFINITY, highest = -INFINITY, low = INFINITY, high = -INFINITY;
  std::set<int64_t> seeds;
  for (const Comparison* comparison : judged) {
    lowest = std::min(lowest, comparison->paired->mean);
    highest = std::max(highest, comparison->paired->mean);
    low = std::min(low, comparison->paired->low.value_or(INFINITY));
    high = std::max(high, comparison->paired->high.value_or(-INFINITY));
    seeds.insert(comparison->paired->n);
  }
  std::string text = "mean differences " + SignedShort(lowest) + " to " + SignedShort(highest) +
                     " " + Bits(analysis) + ", ";
  if (low <= high) {
    text += "95 % intervals within " + SignedShort(low) + " to " + SignedShort(high) + ", ";
  }
  text += *seeds.begin() == *seeds.rbegin()
              ? Count(*seeds.begin(), "paired seed", "paired seeds") + " each, "
              : std::to_string(*seeds.begin()) + " to " + std::to_string(*seeds.rbegin()) +
                    " paired seeds, ";
  return text + Margin();
}

Comparisons OfBudget(const Comparisons& judged, const Budget& budget) {
  Comparisons some;
  for (const Comparison* comparison : judged) {
    if (comparison->budget() == budget) some.push_back(comparison);
  }
  return some;
}

std::string CountedByBudget(const Comparisons& judged, const Analysis& analysis) {
  std::string text;
  for (const Budget& budget : analysis.budgets) {
    const Comparisons some = OfBudget(judged, budget);
    if (some.empty()) continue;
    if (!text.empty()) text += "; ";
    if (analysis.several_budgets()) text += "after " + BudgetName(budget) + " ";
    text += some.size() == 1
                ? OutcomeWord(some.front()->outcome) + ": " + Told(some, analysis, false)
                : Counted(some) + " (" + Spread(some, analysis) + ")";
  }
  return text;
}

std::string Sentence(const Comparisons& judged, const Analysis& analysis, const Face& face) {
  const bool unanimous = Unanimous(judged);
  const std::string word = face.word;
  if (analysis.several_budgets() || judged.size() > kMostTold) {
    std::set<size_t> models;
    for (const Comparison* comparison : judged) models.insert(comparison->candidate->model);
    return word + ": of " + Count(static_cast<int64_t>(models.size()), "model", "models") +
           " compared with the vanilla model nearest in training compute, " +
           CountedByBudget(judged, analysis) + ".";
  }
  return word + (unanimous ? ": " : " ") + Lead(judged) + (unanimous ? " " : " – ") +
         Told(judged, analysis, !unanimous) + ".";
}

// --- notes ---

void AddItems(const Comparisons& judged, const Analysis& analysis, Verdict& verdict) {
  if (!analysis.several_budgets() && judged.size() <= kMostTold) return;
  for (const Comparison* comparison : judged) {
    std::string text = OutcomeLabel(comparison->outcome);
    if (analysis.several_budgets()) text += " after " + BudgetName(comparison->budget());
    verdict.notes.push_back(text + ": " + Clause(*comparison, analysis) + ".");
  }
}

// Where no vanilla model is equal in compute, the line between two of them is.
std::string InterpolatedNote(const Comparisons& judged, const Analysis& analysis) {
  std::vector<std::string> parts;
  for (const Comparison* comparison : judged) {
    if (comparison->equal_compute || !comparison->interpolated) continue;
    const Interpolated& between = *comparison->interpolated;
    std::string part = NameAt(*comparison->candidate, analysis) + " is " +
                       OutcomeWord(between.outcome) + " (" + SignedShort(between.paired.mean);
    if (between.paired.low) part += ", 95 % interval " + IntervalText(between.paired);
    parts.push_back(part + ", between " + between.below->name + " and " + between.above->name +
                    ")");
  }
  if (parts.empty()) return "";
  return "Interpolated to exactly equal compute on the line of the vanilla models: " +
         Listed(parts) + ".";
}

std::string SpeedNote(const Analysis& analysis) {
  double low = INFINITY, high = -INFINITY;
  std::vector<std::string> ratios;
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.log_speed) continue;
    const double ratio = std::exp(comparison.log_speed->mean);
    low = std::min(low, ratio);
    high = std::max(high, ratio);
    ratios.push_back(FullName(*comparison.candidate) + " runs at " + Fixed(ratio, 2) +
                     " times the speed of " + FullName(*comparison.reference));
  }
  if (ratios.size() > kMostTold || (analysis.several_budgets() && !ratios.empty())) {
    return "Models ran at " + Fixed(low, 2) + " to " + Fixed(high, 2) +
           " times the training speed of the vanilla model they are compared with.";
  }
  std::vector<std::string> speeds;
  for (const Group& group : analysis.groups) {
    if (!group.train_units_per_second) continue;
    speeds.push_back(GroupedRounded(group.train_units_per_second) + " " + analysis.unit +
                     "s/s for " + FullName(group));
  }
  if (speeds.empty() || speeds.size() > 2 * kMostTold) return "";
  return "Training ran at " + Listed(speeds) + (ratios.empty() ? "" : "; " + Listed(ratios)) + ".";
}

std::string MachinesNote(const Analysis& analysis) {
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.same_machine && comparison.paired) {
      return "Some runs were made on different machines or with different numbers of threads; "
             "no speeds are compared across them.";
    }
  }
  return "";
}

std::string UnfinishedNote(const Analysis& analysis) {
  int64_t running = 0;
  for (const auto& run : analysis.runs) running += run.status == results::RunStatus::kRunning;
  if (running == 0) return "";
  return Count(running, "run is", "runs are") +
         " unfinished: these numbers are of the moment and will change.";
}

// What so few seeds can and cannot show.
std::string PowerNote(const Comparisons& judged, const Analysis& analysis) {
  const PairedDifference* fewest = nullptr;
  double widest = 0;
  for (const Comparison* comparison : judged) {
    if (!comparison->paired->low) continue;
    const PairedDifference& paired = *comparison->paired;
    if (fewest == nullptr || paired.n < fewest->n) fewest = &paired;
    widest = std::max(widest, (*paired.high - *paired.low) / 2);
  }
  if (fewest == nullptr) return "";
  std::string text = "With " + std::to_string(fewest->n) +
                     " seeds the interval is a Student t interval on " +
                     Count(fewest->n - 1, "degree", "degrees") +
                     " of freedom (t = " + Fixed(*fewest->t_quantile, 3) + "), here " +
                     (judged.size() > 1 ? "at most ±" : "±") + Fixed(widest, Decimals(widest)) +
                     " " + Bits(analysis) + ": a smaller difference would not be seen.";
  if (fewest->smallest_sign_flip_p > 0.05) {
    text += " It assumes that differences scatter normally; an exact sign test on " +
            std::to_string(fewest->n) +
            " pairs cannot go below p = " + Probability(fewest->smallest_sign_flip_p) +
            ", so more seeds are needed for proof.";
  }
  if (judged.size() > 1) text += " Each interval stands alone, uncorrected for their number.";
  return text;
}

std::string ScopeNote(const Analysis& analysis) {
  if (analysis.smoke) {
    return "A smoke run: it shows that the program works, its numbers mean nothing.";
  }
  if (analysis.scaled) {
    return "A scaled-down run: it can support an order, a ratio or a trend, never a value of the "
           "paper.";
  }
  return "";
}

void AddNote(std::string note, Verdict& verdict) {
  if (!note.empty()) verdict.notes.push_back(std::move(note));
}

}  // namespace

std::string OutcomeWord(Outcome outcome) { return Uncapitalised(FaceOf(outcome).word); }

std::string OutcomeLabel(Outcome outcome) {
  return std::string(FaceOf(outcome).symbol) + " " + OutcomeWord(outcome);
}

std::string IntervalText(const MeanInterval& mean) {
  if (!mean.low) return "none from one seed";
  const int decimals = std::max(Decimals(*mean.low), Decimals(*mean.high));
  return Signed(*mean.low, decimals) + " to " + Signed(*mean.high, decimals);
}

std::string StatusCounts(const Analysis& analysis) {
  std::map<std::string, int64_t> counts;
  for (const auto& run : analysis.runs) ++counts[std::string(results::ToString(run.status))];
  std::string text;
  for (const auto& [status, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + status;
  }
  return text;
}

Verdict MakeVerdict(const Analysis& analysis) {
  Verdict verdict;
  if (!analysis.costs.empty()) {
    verdict = MakeCostVerdict(analysis);
    AddNote(UnfinishedNote(analysis), verdict);
    AddNote(ScopeNote(analysis), verdict);
    return verdict;
  }
  const Comparisons judged = Judged(analysis);
  if (judged.empty()) {
    Wear(kNoVerdict, verdict);
    verdict.sentence = "No verdict: " + NothingToCompare(analysis) + ".";
  } else {
    const Face face = Unanimous(judged) ? FaceOf(judged.front()->outcome) : kMixed;
    Wear(face, verdict);
    verdict.sentence = Sentence(judged, analysis, face);
    AddItems(judged, analysis, verdict);
  }
  verdict.vanilla_leads = std::any_of(judged.begin(), judged.end(), [](const Comparison* c) {
    return c->paired->mean > 0 && c->outcome != Outcome::kSame;
  });
  AddNote(InterpolatedNote(judged, analysis), verdict);
  AddNote(UnfinishedNote(analysis), verdict);
  AddNote(SpeedNote(analysis), verdict);
  AddNote(MachinesNote(analysis), verdict);
  AddNote(PowerNote(judged, analysis), verdict);
  AddNote(ScopeNote(analysis), verdict);
  return verdict;
}

}  // namespace hourglass::reports
