#include "reports/claims.h"

#include <algorithm>
#include <cmath>

#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

constexpr char kNotAtScale[] = "NOT RUN AT PAPER SCALE: a scaled-down run cannot support a value";

std::string PlusMinus(double margin) { return "±" + Fixed(margin, 2); }

std::string PlusMinusPercent(double margin) { return "±" + Fixed(margin * 100, 0) + " %"; }

const Group* FindGroup(const Analysis& analysis, const std::string& label, const Budget& budget) {
  for (const Group& group : analysis.groups) {
    if (group.any().config.label == label && group.budget == budget) return &group;
  }
  return nullptr;
}

// The group of that label with the largest budget.
const Group* LongestGroup(const Analysis& analysis, const std::string& label, bool full_scale) {
  const Group* longest = nullptr;
  for (const Group& group : analysis.groups) {
    if (group.any().config.label != label || group.is_full_scale() != full_scale) continue;
    if (longest == nullptr || longest->budget < group.budget) longest = &group;
  }
  return longest;
}

// Where an interval lies against a range.
ClaimOutcome Against(double low, double high, double range_low, double range_high) {
  if (low >= range_low && high <= range_high) return ClaimOutcome::kReproduced;
  if (high < range_low || low > range_high) return ClaimOutcome::kNotReproduced;
  return ClaimOutcome::kInconclusive;
}

void SetInterval(const MeanInterval& mean, ClaimRow& row) {
  row.ours = mean.mean;
  row.low = mean.low;
  row.high = mean.high;
  row.n = mean.n;
}

void SetRatio(const PairedDifference& logs, ClaimRow& row) {
  row.ours = std::exp(logs.mean);
  if (logs.low) row.low = std::exp(*logs.low);
  if (logs.high) row.high = std::exp(*logs.high);
  row.n = logs.n;
}

// --- values ---

std::vector<double> MetricOf(const Group& group, const std::string& metric) {
  std::vector<double> values;
  for (const auto& [replica, run] : group.by_replica) {
    auto value = run->Value(metric, "final");
    if (!value) value = run->Value(metric, "last");
    if (value) values.push_back(*value);
  }
  return values;
}

ClaimRow ValueRow(const Analysis& analysis, const paper::Chapter& chapter,
                  const paper::SpecCell& cell) {
  const double published = cell.published().bits_per_byte();
  ClaimRow row;
  row.id = CleanText(cell.label());
  row.locator = CleanText(cell.paper_ref());
  row.statement =
      CleanText(cell.label()) + " reaches " + Fixed(published, 3) + " " + Bits(analysis);
  row.published = Fixed(published, 3);
  row.unit = BitsUnit(analysis);
  row.margin = PlusMinus(chapter.value_margin());
  row.evidence = "results";
  const Group* full = LongestGroup(analysis, cell.label(), true);
  if (full == nullptr) {
    const Group* scaled = LongestGroup(analysis, cell.label(), false);
    row.scaled = scaled != nullptr;
    row.dirty = row.scaled && scaled->dirty;
    row.why = row.scaled ? kNotAtScale : "NOT RUN, at no scale";
    return row;
  }
  row.dirty = full->dirty;
  row.budget = BudgetName(full->budget);
  const std::vector<double> values = MetricOf(*full, chapter.metric());
  if (values.empty()) {
    row.why = "NOT RUN TO ITS END: no run stored " + chapter.metric();
    return row;
  }
  const MeanInterval mean = MeanOf(values);
  SetInterval(mean, row);
  row.difference = mean.mean - published;
  if (!mean.low) {
    row.outcome = ClaimOutcome::kInconclusive;
    row.why = "one seed has no interval";
    return row;
  }
  row.outcome = Against(*mean.low - published, *mean.high - published, -chapter.value_margin(),
                        chapter.value_margin());
  row.why = "interval against the value and its margin";
  return row;
}

// --- orderings and ratios ---

const paper::SpecCell* CellOf(const PaperView& view, const std::string& label) {
  for (const paper::SpecCell& cell : view.spec.cells()) {
    if (cell.label() == label) return &cell;
  }
  return nullptr;
}

std::string PublishedPair(const PaperView& view, const paper::Pair& pair) {
  if (pair.has_ratio()) return Fixed(pair.ratio(), 2) + " times";
  const paper::SpecCell *a = CellOf(view, pair.a()), *b = CellOf(view, pair.b());
  if (a == nullptr || b == nullptr || !a->published().has_bits_per_byte()) return "below";
  return Fixed(a->published().bits_per_byte(), 3) + " < " +
         Fixed(b->published().bits_per_byte(), 3);
}

ClaimRow StatementRow(const paper::Statement& statement) {
  ClaimRow row;
  row.id = statement.id();
  row.locator = statement.locator();
  row.statement = statement.statement();
  return row;
}

// Where a paired difference stands, by the same interval as the verdicts.
ClaimOutcome Order(const PairedDifference& paired, double margin) {
  if (!paired.low) return ClaimOutcome::kInconclusive;
  if (*paired.high < 0) return ClaimOutcome::kReproduced;
  if (*paired.low > 0 && paired.mean >= margin) return ClaimOutcome::kNotReproduced;
  return *paired.low > -margin && *paired.high < margin ? ClaimOutcome::kPartly
                                                        : ClaimOutcome::kInconclusive;
}

std::string OrderWords(ClaimOutcome outcome) {
  switch (outcome) {
    case ClaimOutcome::kReproduced:
      return "in the paper's order, the interval lies below zero";
    case ClaimOutcome::kNotReproduced:
      return "the order is reversed beyond the margin";
    case ClaimOutcome::kPartly:
      return "no difference beyond the margin";
    default:
      return "the interval does not decide";
  }
}

void JudgeOrdering(const Comparison& comparison, double margin, ClaimRow& row) {
  SetInterval(*comparison.paired, row);
  const double cost =
      comparison.candidate->ForwardFlopsPerUnit() / comparison.reference->ForwardFlopsPerUnit() - 1;
  if (cost > kComputeTolerance) {
    row.outcome = ClaimOutcome::kInconclusive;
    row.why = "the premise fails at this size: it needs " + Fixed(cost * 100, 1) +
              " % more forward FLOPs";
    return;
  }
  row.outcome = Order(*comparison.paired, margin);
  row.why = OrderWords(row.outcome) + "; it needs " + Fixed(std::abs(cost) * 100, 1) + " % " +
            (cost < 0 ? "less" : "more") + " forward FLOPs";
}

// Ratios are claimed at equal quality.
bool HasEqualQuality(const Comparison& comparison, const Analysis& analysis, ClaimRow& row) {
  if (comparison.outcome == Outcome::kSame) return true;
  row.outcome = ClaimOutcome::kInconclusive;
  row.why =
      "the premise of equal quality does not hold here: " + Signed(comparison.paired->mean, 3) +
      " " + Bits(analysis);
  return false;
}

void JudgeRatio(double target, double margin, ClaimRow& row) {
  if (row.ours) row.difference = *row.ours - target;
  if (!row.low || !row.high) {
    row.outcome = ClaimOutcome::kInconclusive;
    row.why = "one seed has no interval";
    return;
  }
  row.outcome = Against(*row.low, *row.high, target / (1 + margin), target * (1 + margin));
  row.why = "interval against the paper's ratio and its margin";
}

void JudgeSpeed(const Comparison& comparison, const paper::Statement& statement,
                const paper::Pair& pair, const Analysis& analysis, ClaimRow& row) {
  if (!comparison.log_speed) {
    row.outcome = ClaimOutcome::kInconclusive;
    row.why = "speeds of different machines are not compared";
    return;
  }
  SetRatio(*comparison.log_speed, row);
  if (HasEqualQuality(comparison, analysis, row)) JudgeRatio(pair.ratio(), statement.margin(), row);
}

void JudgeMemory(const Comparison& comparison, const paper::Statement& statement,
                 const paper::Pair& pair, const Analysis& analysis, ClaimRow& row) {
  const Group &a = *comparison.candidate, &b = *comparison.reference;
  if (!a.peak_bytes || !b.peak_bytes || *b.peak_bytes <= 0) {
    row.why = "peak memory was not stored";
    return;
  }
  // Memory of a plan has no scatter.
  row.ours = row.low = row.high = *a.peak_bytes / *b.peak_bytes;
  row.n = comparison.paired->n;
  if (HasEqualQuality(comparison, analysis, row)) JudgeRatio(pair.ratio(), statement.margin(), row);
}

ClaimRow PairRow(const Analysis& analysis, const PaperView& view, const paper::Statement& statement,
                 const paper::Pair& pair, const Budget* budget) {
  ClaimRow row = StatementRow(statement);
  row.statement = pair.a() + " against " + pair.b() + ": " + statement.statement();
  row.published = PublishedPair(view, pair);
  const bool ordering = statement.kind() == paper::Statement::ORDERING;
  row.unit = ordering ? BitsUnit(analysis) : "times";
  row.margin = ordering ? PlusMinus(statement.margin()) : PlusMinusPercent(statement.margin());
  row.evidence = ordering ? "results" : "speed";
  row.why = "NOT RUN: not both models were trained";
  if (budget == nullptr) return row;
  row.budget = BudgetName(*budget);
  const Group* a = FindGroup(analysis, pair.a(), *budget);
  const Group* b = FindGroup(analysis, pair.b(), *budget);
  if (a == nullptr || b == nullptr) return row;
  row.scaled = !a->is_full_scale();
  row.dirty = a->dirty || b->dirty;
  const Comparison comparison = Compare(*a, *b);
  if (!comparison.paired) {
    row.why = "NOT RUN: no seed was finished by both models";
    return row;
  }
  if (comparison.lost_candidate + comparison.lost_reference > 0) {
    SetInterval(*comparison.paired, row);
    row.outcome = ClaimOutcome::kInconclusive;
    row.why = Count(comparison.lost_candidate + comparison.lost_reference, "run", "runs") +
              " did not end ok, and a lost run counts";
    if (!ordering) row.ours = row.low = row.high = std::nullopt;
    return row;
  }
  if (ordering) {
    JudgeOrdering(comparison, statement.margin(), row);
  } else if (statement.kind() == paper::Statement::SPEED_RATIO) {
    JudgeSpeed(comparison, statement, pair, analysis, row);
  } else {
    JudgeMemory(comparison, statement, pair, analysis, row);
  }
  return row;
}

bool RanBoth(const Analysis& analysis, const paper::Pair& pair, const Budget& budget) {
  return FindGroup(analysis, pair.a(), budget) != nullptr &&
         FindGroup(analysis, pair.b(), budget) != nullptr;
}

// A row for every budget at which both models of a pair were trained, else one that says not run.
void AddPairs(const Analysis& analysis, const PaperView& view, const paper::Statement& statement,
              std::vector<ClaimRow>& rows) {
  for (const paper::Pair& pair : statement.pairs()) {
    bool any = false;
    for (const Budget& budget : analysis.budgets) {
      if (!RanBoth(analysis, pair, budget)) continue;
      rows.push_back(PairRow(analysis, view, statement, pair, &budget));
      any = true;
    }
    if (!any) rows.push_back(PairRow(analysis, view, statement, pair, nullptr));
  }
}

// Every Hourglass model of a budget against vanilla at equal compute: one reversed beyond the
// margin refutes, all in order confirm.
ClaimRow EqualComputeRow(const Analysis& analysis, const paper::Statement& statement,
                         const Budget& budget) {
  ClaimRow row = StatementRow(statement);
  row.published = "below vanilla";
  row.unit = BitsUnit(analysis);
  row.margin = PlusMinus(statement.margin());
  row.budget = BudgetName(budget);
  row.evidence = "differences";
  std::map<ClaimOutcome, int64_t> counts;
  int64_t left_out = 0;
  for (const Comparison& comparison : analysis.comparisons) {
    if (comparison.budget() != budget) continue;
    row.scaled |= !comparison.candidate->is_full_scale();
    row.dirty |= comparison.candidate->dirty || comparison.reference->dirty;
    const PairedDifference* paired = comparison.AtEqualCompute();
    if (paired == nullptr) {
      ++left_out;
      continue;
    }
    const bool lost = comparison.lost_candidate + comparison.lost_reference > 0;
    ++counts[lost ? ClaimOutcome::kInconclusive : Order(*paired, statement.margin())];
    row.n = row.n == 0 ? paired->n : std::min(row.n, paired->n);
  }
  const int64_t below = counts[ClaimOutcome::kReproduced];
  const int64_t above = counts[ClaimOutcome::kNotReproduced];
  const int64_t within = counts[ClaimOutcome::kPartly];
  const int64_t open = counts[ClaimOutcome::kInconclusive];
  if (below + above + within + open == 0) {
    row.why = "NOT RUN: no model has a vanilla one of equal compute";
    return row;
  }
  row.finding = std::to_string(below) + " below, " + std::to_string(above) + " above, " +
                std::to_string(within) + " within the margin, " + std::to_string(open) + " open";
  row.outcome = above > 0    ? ClaimOutcome::kNotReproduced
                : open > 0   ? ClaimOutcome::kInconclusive
                : within > 0 ? ClaimOutcome::kPartly
                             : ClaimOutcome::kReproduced;
  row.why = "each model against vanilla of equal compute, interpolated where none is within " +
            Fixed(kComputeTolerance * 100, 0) + " %";
  if (left_out > 0) row.why += "; " + std::to_string(left_out) + " outside the range of vanilla";
  return row;
}

// Dense forward FLOP/s of a group at one replica.
std::optional<double> DenseSpeed(const Group& group, int64_t replica) {
  const auto speed = group.speeds.find(replica);
  if (speed == group.speeds.end() || !(speed->second > 0)) return std::nullopt;
  return std::log(static_cast<double>(group.any().config.flops_fwd_dense) / group.UnitsPerStep() *
                  speed->second);
}

ClaimRow UtilisationRow(const Analysis& analysis, const paper::Statement& statement,
                        const Budget& budget) {
  ClaimRow row = StatementRow(statement);
  row.published = Fixed(statement.ratio(), 2) + " times";
  row.unit = "times";
  row.margin = PlusMinusPercent(statement.margin());
  row.budget = BudgetName(budget);
  row.evidence = "speed";
  row.why = "NOT RUN: no speeds of both families";
  std::map<int64_t, std::vector<double>> vanilla, others;
  size_t n_vanilla = 0, n_others = 0;
  for (const Group& group : analysis.groups) {
    if (group.budget != budget) continue;
    ++(group.is_vanilla() ? n_vanilla : n_others);
    row.scaled |= !group.is_full_scale();
    row.dirty |= group.dirty;
    for (const auto& [replica, speed] : group.speeds) {
      if (const auto value = DenseSpeed(group, replica)) {
        (group.is_vanilla() ? vanilla : others)[replica].push_back(*value);
      }
    }
  }
  std::vector<double> logs;
  for (const auto& [replica, values] : vanilla) {
    const auto other = others.find(replica);
    const bool complete =
        other != others.end() && values.size() == n_vanilla && other->second.size() == n_others;
    if (complete) logs.push_back(Mean(other->second) - Mean(values));
  }
  if (logs.empty()) return row;
  SetRatio(ComparePaired(logs), row);
  JudgeRatio(statement.ratio(), statement.margin(), row);
  return row;
}

ClaimRow ParametersRow(const Analysis& analysis, const PaperView& view,
                       const paper::Statement& statement) {
  ClaimRow row = StatementRow(statement);
  row.margin = "exact";
  row.evidence = "results";
  int64_t printed = 0, built = 0, agree = 0;
  for (const paper::SpecCell& cell : view.spec.cells()) {
    if (!cell.published().has_parameters()) continue;
    ++printed;
    const Group* group = LongestGroup(analysis, cell.label(), true);
    if (group == nullptr) continue;
    ++built;
    const int64_t millions = (group->any().config.n_params + 500'000) / 1'000'000;
    agree += std::to_string(millions) + "M" == cell.published().parameters() ? 1 : 0;
  }
  row.published = Count(printed, "count", "counts");
  row.n = built;
  row.why = kNotAtScale;
  row.scaled = built == 0 && !analysis.groups.empty();
  if (built == 0) return row;
  row.finding = std::to_string(agree) + " of " + std::to_string(built) + " agree";
  row.outcome = agree < built     ? ClaimOutcome::kNotReproduced
                : built < printed ? ClaimOutcome::kPartly
                                  : ClaimOutcome::kReproduced;
  row.why = "rounded to millions as printed";
  return row;
}

void AddStatement(const Analysis& analysis, const PaperView& view,
                  const paper::Statement& statement, std::vector<ClaimRow>& rows) {
  switch (statement.kind()) {
    case paper::Statement::ORDERING:
    case paper::Statement::SPEED_RATIO:
    case paper::Statement::MEMORY_RATIO: {
      // Of an experiment with other models nothing is missing.
      const auto known = [&](const paper::Pair& pair) {
        return CellOf(view, pair.a()) != nullptr && CellOf(view, pair.b()) != nullptr;
      };
      if (std::any_of(statement.pairs().begin(), statement.pairs().end(), known)) {
        AddPairs(analysis, view, statement, rows);
      }
      return;
    }
    case paper::Statement::PARAMETERS: {
      const auto& cells = view.spec.cells();
      if (std::any_of(cells.begin(), cells.end(), [](const paper::SpecCell& cell) {
            return cell.published().has_parameters();
          })) {
        rows.push_back(ParametersRow(analysis, view, statement));
      }
      return;
    }
    case paper::Statement::UTILISATION:
    case paper::Statement::EQUAL_COMPUTE:
      for (const Budget& budget : analysis.budgets) {
        rows.push_back(statement.kind() == paper::Statement::UTILISATION
                           ? UtilisationRow(analysis, statement, budget)
                           : EqualComputeRow(analysis, statement, budget));
      }
      return;
  }
}

// --- the database's own claims ---

ClaimOutcome ParseOutcome(const std::string& word) {
  for (const ClaimOutcome outcome : {ClaimOutcome::kReproduced, ClaimOutcome::kPartly,
                                     ClaimOutcome::kNotReproduced, ClaimOutcome::kInconclusive}) {
    if (ClaimWord(outcome) == word) return outcome;
  }
  return ClaimOutcome::kNotRun;
}

ClaimRow StoredRow(const results::ClaimRecord& claim) {
  ClaimRow row;
  row.id = CleanText(claim.id);
  row.locator = CleanText(claim.paper + ", " + claim.locator);
  row.statement = CleanText(claim.statement);
  row.ours = claim.estimate;
  row.low = claim.ci_lo;
  row.high = claim.ci_hi;
  row.n = claim.n_a.value_or(0);
  row.margin = Significant(claim.margin);
  row.scaled = claim.scope == "scaled";
  row.outcome = ParseOutcome(claim.outcome);
  row.why = row.outcome == ClaimOutcome::kNotRun ? "NOT RUN: the database has no verdict"
                                                 : CleanText(claim.method);
  row.evidence = "provenance";
  return row;
}

}  // namespace

std::string ClaimWord(ClaimOutcome outcome) {
  switch (outcome) {
    case ClaimOutcome::kReproduced:
      return "reproduced";
    case ClaimOutcome::kPartly:
      return "partly";
    case ClaimOutcome::kNotReproduced:
      return "not reproduced";
    case ClaimOutcome::kInconclusive:
      return "inconclusive";
    case ClaimOutcome::kNotRun:
      break;
  }
  return "not run";
}

std::string ClaimLabel(ClaimOutcome outcome) {
  switch (outcome) {
    case ClaimOutcome::kReproduced:
      return "✓ reproduced";
    case ClaimOutcome::kPartly:
      return "◐ partly";
    case ClaimOutcome::kNotReproduced:
      return "✗ not reproduced";
    case ClaimOutcome::kInconclusive:
      return "◇ inconclusive";
    case ClaimOutcome::kNotRun:
      break;
  }
  return "○ NOT RUN";
}

Claims JudgeClaims(const Analysis& analysis, const PaperView& view) {
  Claims claims;
  if (view.chapter != nullptr) {
    for (const paper::SpecCell& cell : view.spec.cells()) {
      if (!cell.published().has_bits_per_byte()) continue;
      claims.values.push_back(ValueRow(analysis, *view.chapter, cell));
    }
    for (const paper::Statement& statement : view.chapter->statements()) {
      AddStatement(analysis, view, statement, claims.statements);
    }
  }
  for (const results::ClaimRecord& claim : analysis.stored_claims) {
    claims.statements.push_back(StoredRow(claim));
  }
  for (const auto* rows : {&claims.values, &claims.statements}) {
    for (const ClaimRow& row : *rows) ++claims.counts[row.outcome];
  }
  return claims;
}

}  // namespace hourglass::reports
