#include "reports/analysis.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass::reports {
namespace {

absl::Status NoSuchExperiment(const std::vector<results::ExperimentRecord>& all,
                              const std::string& wanted) {
  std::string known;
  std::set<std::string> slugs;
  for (const auto& record : all) slugs.insert(record.row.slug);
  for (const std::string& slug : slugs) absl::StrAppend(&known, known.empty() ? "" : ", ", slug);
  return absl::NotFoundError(
      absl::StrCat(wanted.empty() ? "the database holds no experiment"
                                  : absl::StrCat("no experiment '", wanted, "' in the database"),
                   known.empty() ? "; run one first" : absl::StrCat("; it has: ", known)));
}

absl::Status ChooseExperiment(results::ResultsReader& reader, const std::string& wanted,
                              Analysis& analysis) {
  HG_ASSIGN_OR_RETURN(const auto all, reader.Experiments());
  const results::ExperimentRecord* chosen = nullptr;
  for (const auto& record : all) {
    if (record.id == wanted && !wanted.empty()) {
      chosen = &record;
      break;
    }
    const bool matches = wanted.empty() || record.row.slug == wanted;
    if (matches && (chosen == nullptr || record.newest_run > chosen->newest_run)) {
      chosen = &record;
    }
  }
  if (chosen == nullptr) return NoSuchExperiment(all, wanted);
  analysis.experiment = *chosen;
  for (const auto& record : all) {
    if (record.row.slug == chosen->row.slug && record.id != chosen->id) {
      analysis.other_versions.push_back(record.id);
    }
  }
  return absl::OkStatus();
}

void MarkScope(Analysis& analysis) {
  for (const results::RunRecord& run : analysis.runs) {
    analysis.scaled |= run.cell.scope == results::Scope::kScaled;
    analysis.smoke |= run.cell.scope == results::Scope::kSmoke;
    analysis.unit = run.train.unit;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Analysis>> Analyse(results::ResultsReader& reader,
                                                  const std::string& experiment) {
  auto analysis = std::make_unique<Analysis>();
  HG_RETURN_IF_ERROR(ChooseExperiment(reader, experiment, *analysis));
  HG_ASSIGN_OR_RETURN(analysis->runs, reader.Runs(analysis->experiment.id));
  HG_ASSIGN_OR_RETURN(analysis->stored_claims, reader.Claims());
  HG_ASSIGN_OR_RETURN(analysis->database_sha256, reader.ContentSha256());
  MarkScope(*analysis);
  MakeGroups(*analysis);
  MakeComparisons(*analysis);
  HG_RETURN_IF_ERROR(MakeCurves(reader, *analysis));
  HG_RETURN_IF_ERROR(MakeStepTimes(reader, *analysis));
  HG_RETURN_IF_ERROR(MakeCosts(reader, *analysis));
  return analysis;
}

}  // namespace hourglass::reports
