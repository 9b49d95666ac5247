#include "reports/verdict.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "reports/format.h"

namespace hourglass::reports {
namespace {

constexpr char kPaperNote[] =
    "The paper measured its advantage elsewhere: on the whole of enwik8 with 200,000 training "
    "steps, d_model 512, d_ff 2048 and length 2048 (its Table 1), where 2@1 4@3 2@1 reaches 1.128 "
    "bits per byte, the value of the vanilla 10@1, at 1.00 against 0.56 training steps per second.";

std::string Bits(const Analysis& analysis) { return "bits per " + analysis.unit; }

// Three decimals, or one more where three would show nothing.
int Decimals(double value) { return std::abs(value) < 0.00995 ? 4 : 3; }

std::string Interval(const PairedDifference& paired) {
  const int decimals = std::max(Decimals(*paired.low), Decimals(*paired.high));
  return Signed(*paired.low, decimals) + " to " + Signed(*paired.high, decimals);
}

std::string Basis(const PairedDifference& paired) {
  return "mean of " + std::to_string(paired.n) + " paired seeds, 95 % interval " + Interval(paired);
}

// "0.25", "0.0625": powers of two, as short as they are.
std::string Probability(double p) {
  std::string text = Fixed(p, 4);
  while (text.back() == '0') text.pop_back();
  return text;
}

// What one comparison says, without the leading word.
std::string Clause(const Comparison& comparison, const Analysis& analysis) {
  const std::string candidate = FullName(*comparison.candidate);
  const std::string reference = FullName(*comparison.reference);
  const PairedDifference& paired = *comparison.paired;
  const std::string size = Fixed(std::abs(paired.mean), Decimals(paired.mean));
  const std::string signed_size = Signed(paired.mean, Decimals(paired.mean));
  switch (comparison.outcome) {
    case Outcome::kBetter:
    case Outcome::kWorse:
      return candidate + " needs " + size + " " + Bits(analysis) +
             (paired.mean < 0 ? " less" : " more") + " than " + reference + " (" + Basis(paired) +
             ")";
    case Outcome::kSame:
      return candidate + " differs from " + reference + " by " + signed_size + " " +
             Bits(analysis) + " (" + Basis(paired) + "), within the margin of " +
             Fixed(kQualityMargin, 2);
    case Outcome::kNotResolved:
      break;
  }
  if (comparison.lost_candidate + comparison.lost_reference > 0) {
    return Count(comparison.lost_candidate, "run", "runs") + " of " + candidate + " and " +
           std::to_string(comparison.lost_reference) + " of " + reference +
           " did not end ok, and a lost run counts";
  }
  std::string text =
      candidate + " differs from " + reference + " by " + signed_size + " " + Bits(analysis);
  if (!paired.low) return text + " with one seed, which cannot be told from chance";
  text += " (" + Basis(paired) + ")";
  const bool crosses_zero = *paired.low <= 0 && *paired.high >= 0;
  return text + (crosses_zero ? ", an interval that includes zero"
                              : ", an interval that reaches across the margin of " +
                                    Fixed(kQualityMargin, 2));
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
      return {"open", "◇", "Not resolved"};
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

std::string StatusCounts(const Analysis& analysis) {
  std::map<std::string, int64_t> counts;
  for (const auto& run : analysis.runs) ++counts[std::string(results::ToString(run.status))];
  std::string text;
  for (const auto& [status, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + status;
  }
  return text;
}

const Comparison* NearestInCompute(const Analysis& analysis) {
  const Comparison* nearest = nullptr;
  for (const Comparison& comparison : analysis.comparisons) {
    if (nearest == nullptr ||
        std::abs(comparison.compute_mismatch) < std::abs(nearest->compute_mismatch)) {
      nearest = &comparison;
    }
  }
  return nearest;
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
  if (!any_bits) return "no run stored its validation bits per " + analysis.unit;
  if (!any_vanilla) return "there is no vanilla model to compare with";
  if (!any_other) return "there are only vanilla models, nothing to compare with them";
  const Comparison* nearest = NearestInCompute(analysis);
  if (nearest == nullptr) return "no two models share data, backend and a budget in steps";
  if (!nearest->equal_compute) {
    return "no model is matched in compute; " + FullName(*nearest->candidate) +
           " comes nearest, with " + Signed(nearest->compute_mismatch * 100, 1) +
           " % of the training FLOPs of " + FullName(*nearest->reference) + " (limit " +
           Fixed(kComputeTolerance * 100, 0) + " %)";
  }
  return "no seed was finished by both models of a pair";
}

std::vector<const Comparison*> Judged(const Analysis& analysis) {
  std::vector<const Comparison*> judged;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.equal_compute && comparison.paired) judged.push_back(&comparison);
  }
  return judged;
}

std::string CountsByOutcome(const std::vector<const Comparison*>& judged) {
  std::map<Outcome, int64_t> counts;
  for (const Comparison* comparison : judged) ++counts[comparison->outcome];
  std::string text;
  for (const auto& [outcome, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + OutcomeWord(outcome);
  }
  return text;
}

// Up to three comparisons are told one by one, more are counted.
std::string Sentence(const std::vector<const Comparison*>& judged, const Analysis& analysis,
                     bool unanimous) {
  if (judged.size() > 3) {
    return "Of " + std::to_string(judged.size()) +
           " models matched with vanilla in training compute: " + CountsByOutcome(judged) + ".";
  }
  std::string text =
      unanimous ? std::string(FaceOf(judged.front()->outcome).word) + ": at equal training compute "
                : std::string(kMixed.word) + " at equal training compute – ";
  for (size_t i = 0; i < judged.size(); ++i) {
    if (i > 0) text += "; ";
    if (!unanimous) text += OutcomeWord(judged[i]->outcome) + ": ";
    text += Clause(*judged[i], analysis);
  }
  return text + ".";
}

std::string SpeedNote(const Analysis& analysis) {
  std::string text;
  for (const Group& group : analysis.groups) {
    if (!group.train_units_per_second) continue;
    text += (text.empty() ? "Training ran at " : ", ") +
            GroupedRounded(group.train_units_per_second) + " " + analysis.unit + "s/s for " +
            FullName(group);
  }
  if (text.empty()) return "";
  std::string ratios;
  for (const Comparison& comparison : analysis.comparisons) {
    if (!comparison.speed_ratio) continue;
    ratios += (ratios.empty() ? "; " : ", ") + FullName(*comparison.candidate) + " runs at " +
              Fixed(*comparison.speed_ratio, 2) + " times the speed of " +
              FullName(*comparison.reference);
  }
  return text + ratios + ".";
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

// What so few seeds can and cannot show.
std::string PowerNote(const std::vector<const Comparison*>& judged, const Analysis& analysis) {
  const PairedDifference* widest = nullptr;
  for (const Comparison* comparison : judged) {
    if (comparison->paired->low && (widest == nullptr || comparison->paired->n < widest->n)) {
      widest = &*comparison->paired;
    }
  }
  if (widest == nullptr) return "";
  const double half_width = (*widest->high - *widest->low) / 2;
  std::string text = "With " + std::to_string(widest->n) +
                     " seeds the interval is a Student t interval on " +
                     Count(widest->n - 1, "degree", "degrees") +
                     " of freedom (t = " + Fixed(*widest->t_quantile, 3) + "), here ±" +
                     Fixed(half_width, Decimals(half_width)) + " " + Bits(analysis) +
                     ": a smaller difference would not be seen.";
  if (widest->smallest_sign_flip_p > 0.05) {
    text += " It assumes that differences scatter normally; an exact sign test on " +
            std::to_string(widest->n) +
            " pairs cannot go below p = " + Probability(widest->smallest_sign_flip_p) +
            ", so more seeds are needed for proof.";
  }
  if (judged.size() > 1) text += " Each interval stands alone, uncorrected for their number.";
  return text;
}

std::string UnmatchedNote(const Analysis& analysis) {
  std::string text;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.equal_compute) continue;
    text += (text.empty() ? "Left out of the verdict, because compute differs by more than " +
                                Fixed(kComputeTolerance * 100, 0) + " %: "
                          : ", ") +
            FullName(*comparison.candidate) + " (" + Signed(comparison.compute_mismatch * 100, 1) +
            " %)";
  }
  return text.empty() ? "" : text + ".";
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

std::string OutcomeWord(Outcome outcome) {
  std::string word = FaceOf(outcome).word;
  word[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(word[0])));
  return word;
}

std::string OutcomeLabel(Outcome outcome) {
  return std::string(FaceOf(outcome).symbol) + " " + OutcomeWord(outcome);
}

std::string FullName(const Group& group) {
  std::string family = CleanText(group.any().config.family);
  if (!group.is_vanilla() && !family.empty()) {
    family[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(family[0])));
  }
  return family + " " + group.name;
}

Verdict MakeVerdict(const Analysis& analysis) {
  Verdict verdict;
  const std::vector<const Comparison*> judged = Judged(analysis);
  if (judged.empty()) {
    Wear(kNoVerdict, verdict);
    verdict.sentence = "No verdict: " + NothingToCompare(analysis) + ".";
  } else {
    const bool unanimous = std::all_of(judged.begin(), judged.end(), [&](const Comparison* c) {
      return c->outcome == judged.front()->outcome;
    });
    Wear(unanimous ? FaceOf(judged.front()->outcome) : kMixed, verdict);
    verdict.sentence = Sentence(judged, analysis, unanimous);
  }
  const bool vanilla_leads = std::any_of(judged.begin(), judged.end(), [](const Comparison* c) {
    return c->paired->mean > 0 && c->outcome != Outcome::kSame;
  });
  if (vanilla_leads && verdict.outcome != "better") AddNote(kPaperNote, verdict);
  AddNote(SpeedNote(analysis), verdict);
  AddNote(MachinesNote(analysis), verdict);
  AddNote(PowerNote(judged, analysis), verdict);
  AddNote(UnmatchedNote(analysis), verdict);
  AddNote(ScopeNote(analysis), verdict);
  return verdict;
}

}  // namespace hourglass::reports
