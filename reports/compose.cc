#include "reports/compose.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "reports/costs.h"
#include "reports/format.h"
#include "reports/names.h"
#include "reports/verdict.h"

namespace hourglass::reports {
namespace {

constexpr size_t kMostHighlights = 4;

Highlight HighlightOf(const Group& group, const Analysis& analysis, const std::string& label) {
  std::string detail = Bits(analysis) + ", mean of " +
                       Count(static_cast<int64_t>(group.bits.size()), "seed", "seeds");
  if (group.train_units_per_second) {
    detail += "; trained at " + GroupedRounded(group.train_units_per_second) + " " + analysis.unit +
              "s/s";
  }
  return {label, Fixed(group.quality->mean, 3), detail};
}

// The best of a budget, of the vanilla models or of the others.
const Group* BestOf(const Analysis& analysis, const Budget& budget, bool vanilla) {
  const Group* best = nullptr;
  for (const Group& group : analysis.groups) {
    if (group.budget != budget || group.is_vanilla() != vanilla || !group.quality) continue;
    if (best == nullptr || group.quality->mean < best->quality->mean) best = &group;
  }
  return best;
}

std::vector<Highlight> CostHighlights(const Analysis& analysis) {
  std::vector<Highlight> highlights;
  for (const CostLaw& law : JudgeCosts(analysis.costs)) {
    highlights.push_back({"Time of " + (law.part == "rest" ? "the rest" : law.part),
                          PowersText(law.fit),
                          "law " + law.law + "; R² " + Fixed(law.fit.r_squared, 3)});
  }
  return highlights;
}

std::vector<Highlight> Highlights(const Analysis& analysis) {
  if (!analysis.costs.empty()) return CostHighlights(analysis);
  std::vector<Highlight> highlights;
  const auto with_bits =
      std::count_if(analysis.groups.begin(), analysis.groups.end(),
                    [](const Group& group) { return group.quality.has_value(); });
  if (static_cast<size_t>(with_bits) <= kMostHighlights && !analysis.several_budgets()) {
    for (const Group& group : analysis.groups) {
      if (group.quality) highlights.push_back(HighlightOf(group, analysis, FullName(group)));
    }
    return highlights;
  }
  for (const Budget& budget : analysis.budgets) {
    for (const bool vanilla : {true, false}) {
      const Group* best = BestOf(analysis, budget, vanilla);
      if (best == nullptr || highlights.size() >= 2 * kMostHighlights) continue;
      highlights.push_back(HighlightOf(*best, analysis, "Best: " + NameAt(*best, analysis)));
    }
  }
  return highlights;
}

std::vector<std::string> Marks(const Analysis& analysis) {
  std::vector<std::string> marks;
  if (analysis.smoke) marks.push_back("smoke run");
  if (analysis.scaled) marks.push_back("scaled down");
  return marks;
}

std::pair<std::string, std::string> Dates(const Analysis& analysis) {
  std::string first = analysis.runs.front().started_at, last = first;
  for (const auto& run : analysis.runs) {
    first = std::min(first, run.started_at);
    last = std::max(last, run.ended_at.empty() ? run.started_at : run.ended_at);
  }
  return {first, last};
}

std::string Subtitle(const Analysis& analysis) {
  std::string text = CleanText(analysis.experiment.row.paper_ref);
  if (!text.empty()) text += " · ";
  text += Count(static_cast<int64_t>(analysis.n_models), "model", "models");
  if (analysis.several_budgets()) {
    text += " at " + Count(static_cast<int64_t>(analysis.budgets.size()), "budget", "budgets");
  }
  text += ", " + Count(static_cast<int64_t>(analysis.runs.size()), "run", "runs");
  if (!analysis.runs.empty()) {
    const auto [first, last] = Dates(analysis);
    text += " · " + Minute(first) + " to " + Minute(last) + " UTC";
  }
  return text;
}

// Each distinct text once, in order.
template <typename TextOf>
std::string Distinct(const Analysis& analysis, const TextOf& text_of) {
  std::set<std::string> texts;
  for (const results::RunRecord& run : analysis.runs) texts.insert(text_of(run));
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : "; ") + text;
  return CleanText(joined);
}

std::string BuildText(const results::RunRecord& run) {
  return "commit " + run.source.commit_sha.substr(0, 12) +
         (run.source.dirty ? " with UNCOMMITTED CHANGES" : ", clean") + ", program " +
         run.build.binary_sha256.substr(0, 12);
}

std::string MachineText(const results::RunRecord& run) {
  const auto fact = [&](const char* key) {
    const auto found = run.host.fingerprint.find(key);
    return found == run.host.fingerprint.end() ? std::string("unknown") : found->second;
  };
  return fact("cpu_model") + ", " + fact("cores") + " cores, " +
         Count(run.run.threads, "thread", "threads");
}

std::string DataText(const results::Dataset& data) {
  return data.name + " " + data.split + ", " + Grouped(data.bytes) + " bytes, SHA-256 " +
         data.sha256.substr(0, 16) + "…";
}

std::string ClaimCounts(const Claims& claims) {
  std::string text;
  for (const ClaimOutcome outcome :
       {ClaimOutcome::kReproduced, ClaimOutcome::kPartly, ClaimOutcome::kNotReproduced,
        ClaimOutcome::kInconclusive, ClaimOutcome::kNotRun}) {
    const auto count = claims.counts.find(outcome);
    text += (text.empty() ? "" : ", ") +
            std::to_string(count == claims.counts.end() ? 0 : count->second) + " " +
            ClaimWord(outcome);
  }
  return text;
}

void AddFacts(const Analysis& analysis, const Claims& claims, Document& document) {
  auto& facts = document.facts;
  if (!analysis.runs.empty()) {
    facts.emplace_back("Build", Distinct(analysis, BuildText));
    facts.emplace_back("Machine", Distinct(analysis, MachineText));
    const auto [first, last] = Dates(analysis);
    facts.emplace_back("Dates", Minute(first) + " to " + Minute(last) + " UTC");
    facts.emplace_back("Data", Distinct(analysis, [](const results::RunRecord& run) {
                         return DataText(run.train) +
                                (run.valid ? "; " + DataText(*run.valid) : "");
                       }));
    facts.emplace_back("Runs", StatusCounts(analysis));
  }
  if (!claims.counts.empty()) facts.emplace_back("Claims of the paper", ClaimCounts(claims));
  facts.emplace_back("Database content", "SHA-256 " + analysis.database_sha256);
}

}  // namespace

void ComposeHead(const Analysis& analysis, const PaperView& view, const Claims& claims,
                 const std::string& command, Document& document) {
  const Verdict verdict = MakeVerdict(analysis);
  document.title = CleanText(analysis.experiment.row.slug);
  document.subtitle = Subtitle(analysis);
  document.outcome = verdict.outcome;
  document.symbol = verdict.symbol;
  document.word = verdict.word;
  document.verdict = verdict.sentence;
  document.notes = verdict.notes;
  if (verdict.vanilla_leads && verdict.outcome != "better") {
    document.notes.push_back(view.paper.advantage());
  }
  document.marks = Marks(analysis);
  document.highlights = Highlights(analysis);
  AddFacts(analysis, claims, document);
  document.commands.emplace_back("To make this report again", command);
  if (!analysis.experiment.row.command.empty()) {
    document.commands.emplace_back("To run the experiment again", analysis.experiment.row.command);
  }
  document.footer =
      "Made from the rows of the results database alone; every number above can be "
      "asked of it again. Database content " +
      analysis.database_sha256 + ".";
}

absl::StatusOr<Document> Compose(const Analysis& analysis, const std::string& command) {
  HG_ASSIGN_OR_RETURN(const auto view, ReadPaper(analysis));
  const Claims claims = JudgeClaims(analysis, *view);
  Document document;
  ComposeHead(analysis, *view, claims, command, document);
  HG_ASSIGN_OR_RETURN(Section costs, CostsSection(analysis));
  Section quality, pareto, differences;
  if (analysis.costs.empty()) {
    HG_ASSIGN_OR_RETURN(quality, QualitySection(analysis));
    HG_ASSIGN_OR_RETURN(pareto, ParetoSection(analysis, *view));
    HG_ASSIGN_OR_RETURN(differences, DifferencesSection(analysis));
  }
  HG_ASSIGN_OR_RETURN(Section speed, SpeedSection(analysis));
  for (Section& section : std::vector<Section>{
           ClaimsSection(analysis, claims), std::move(costs), ResultsSection(analysis),
           std::move(quality), std::move(pareto), std::move(speed), std::move(differences),
           DeviationsSection(analysis, *view), SettingsSection(analysis), RunsSection(analysis),
           ProvenanceSection(analysis), MethodsSection(analysis), GlossarySection(analysis)}) {
    if (!section.blocks.empty()) document.sections.push_back(std::move(section));
  }
  return document;
}

}  // namespace hourglass::reports
