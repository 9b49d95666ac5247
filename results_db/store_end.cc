// Summaries, warnings and the end of a run.

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/hashes.h"
#include "results_db/store.h"
#include "results_db/store_impl.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

struct Aggregate {
  std::string_view name;
  double value;
};

// last, best, mean and median of the values in step order. NaN is never best, and makes the mean
// and the median NaN: a curve that left the numbers must not look like one that did not.
std::vector<Aggregate> Aggregates(const std::vector<double>& values, bool higher_is_better) {
  const bool has_nan =
      std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  double best = std::nan("");
  double sum = 0;
  for (const double value : values) {
    sum += value;
    if (std::isnan(value)) continue;
    if (std::isnan(best) || (higher_is_better ? value > best : value < best)) best = value;
  }
  double median = std::nan("");
  if (!has_nan) {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const size_t middle = sorted.size() / 2;
    median = sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  return {{"best", best},
          {"last", values.back()},
          {"mean", sum / static_cast<double>(values.size())},
          {"median", median}};
}

}  // namespace

absl::Status ResultsStore::Impl::WriteSummaries(std::string_view run_id,
                                                std::span<const Summary> summaries) {
  for (const Summary& summary : summaries) {
    HG_ASSIGN_OR_RETURN(const int64_t metric, MetricId(summary.metric));
    WriteSummary(run_id, metric, summary.agg, summary.value, summary.ci_lo, summary.ci_hi,
                 summary.n);
  }
  return absl::OkStatus();
}

void ResultsStore::Impl::WriteSummary(std::string_view run_id, int64_t metric, std::string_view agg,
                                      double value, const std::optional<double>& ci_lo,
                                      const std::optional<double>& ci_hi, int64_t n) {
  SQLite::Statement insert(*db,
                           "INSERT INTO summary(run, metric, agg, value, bits, ci_lo, ci_hi, n)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  BindText(insert, 1, run_id);
  insert.bind(2, metric);
  BindText(insert, 3, agg);
  insert.bind(4, value);
  insert.bind(5, BitsOf(value));
  if (ci_lo) insert.bind(6, *ci_lo);
  if (ci_hi) insert.bind(7, *ci_hi);
  insert.bind(8, n);
  insert.exec();
}

void ResultsStore::Impl::SummariseCurves(std::string_view run_id) {
  std::map<int64_t, std::vector<double>> curves;
  SQLite::Statement read(*db, "SELECT metric, bits FROM point WHERE run = ? ORDER BY metric, step");
  BindText(read, 1, run_id);
  while (read.executeStep()) {
    curves[read.getColumn(0).getInt64()].push_back(FromBits(read.getColumn(1).getInt64()));
  }
  SQLite::Statement direction(*db, "SELECT direction FROM metric WHERE id = ?");
  for (const auto& [metric, values] : curves) {
    direction.bind(1, metric);
    direction.executeStep();
    const bool higher = direction.getColumn(0).getString() == "higher";
    direction.reset();
    for (const Aggregate& aggregate : Aggregates(values, higher)) {
      WriteSummary(run_id, metric, aggregate.name, aggregate.value, {}, {},
                   static_cast<int64_t>(values.size()));
    }
  }
}

std::string ResultsStore::Impl::MergedWarnings(std::string_view run_id,
                                               const std::vector<std::string>& added) {
  SQLite::Statement read(*db, "SELECT warnings_json FROM run WHERE id = ?");
  BindText(read, 1, run_id);
  read.executeStep();
  Json warnings = Json::parse(read.getColumn(0).getString(), nullptr, false);
  if (!warnings.is_array()) warnings = Json::array();
  for (const std::string& warning : added) warnings.push_back(warning);
  return JsonText(warnings);
}

void ResultsStore::Impl::WriteOutcome(std::string_view run_id, const Outcome& outcome) {
  SQLite::Statement update(
      *db,
      "UPDATE run SET exit_code = ?, error = ?, primitives_json = ?, peak_bytes_planned = ?,"
      " peak_bytes_held = ?, flops_executed = ?, flops_step_executed = ?, trace_sha256 = ?,"
      " ckpt_sha256 = ?, load_json = ?, warnings_json = ?, heartbeat_at = ?, ended_at = ?"
      " WHERE id = ?");
  const std::string now = Now();
  update.bind(1, outcome.exit_code);
  BindTextOrNull(update, 2, outcome.error);
  BindTextOrNull(update, 3, outcome.primitives_json);
  BindOptional(update, 4, outcome.peak_bytes_planned);
  BindOptional(update, 5, outcome.peak_bytes_held);
  BindOptional(update, 6, outcome.flops_executed);
  BindOptional(update, 7, outcome.flops_step_executed);
  BindTextOrNull(update, 8,
                 outcome.trace_sha256.empty() ? TraceSha256(*db, run_id) : outcome.trace_sha256);
  BindTextOrNull(update, 9, outcome.ckpt_sha256);
  BindTextOrNull(update, 10, outcome.load_json);
  update.bind(11, MergedWarnings(run_id, outcome.warnings));
  update.bind(12, now);
  update.bind(13, now);
  BindText(update, 14, run_id);
  update.exec();
}

void ResultsStore::Impl::SealRows(std::string_view run_id) {
  SQLite::Statement insert(*db, "INSERT INTO artifact VALUES (?, ?, ?, 0, '')");
  BindText(insert, 1, run_id);
  BindText(insert, 2, kRowsArtifact);
  insert.bind(3, RowsSha256(*db, run_id));
  insert.exec();
}

void ResultsStore::Impl::Finish(std::string_view run_id, RunStatus status) {
  const std::string row_sha256 = RunRowSha256(*db, run_id, status);
  SQLite::Statement update(*db, "UPDATE run SET row_sha256 = ?, status = ? WHERE id = ?");
  update.bind(1, row_sha256);
  BindText(update, 2, ToString(status));
  BindText(update, 3, run_id);
  update.exec();
}

absl::Status ResultsStore::AddSummary(std::string_view run_id, const Summary& summary) {
  return InTransaction(*impl_->db, impl_->path, "writing a summary", [&]() -> absl::Status {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
    return impl_->WriteSummaries(run_id, std::span(&summary, 1));
  });
}

absl::Status ResultsStore::AddWarning(std::string_view run_id, const std::string& warning) {
  return InTransaction(*impl_->db, impl_->path, "writing a warning", [&]() -> absl::Status {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
    SQLite::Statement update(*impl_->db,
                             "UPDATE run SET warnings_json = ?, heartbeat_at = ? WHERE id = ?");
    update.bind(1, impl_->MergedWarnings(run_id, {warning}));
    update.bind(2, impl_->Now());
    BindText(update, 3, run_id);
    update.exec();
    return absl::OkStatus();
  });
}

absl::Status ResultsStore::EndRun(std::string_view run_id, const Outcome& outcome,
                                  std::span<const Summary> summaries,
                                  std::span<const EvalBlock> blocks) {
  if (outcome.status == RunStatus::kRunning) {
    return absl::InvalidArgumentError("a run cannot end as `running`");
  }
  HG_RETURN_IF_ERROR(impl_->Flush());
  HG_RETURN_IF_ERROR(impl_->CheckStillThere());
  return InTransaction(*impl_->db, impl_->path, "ending a run", [&]() -> absl::Status {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
    HG_RETURN_IF_ERROR(impl_->WriteBlocks(run_id, blocks));
    HG_RETURN_IF_ERROR(impl_->WriteSummaries(run_id, summaries));
    impl_->SummariseCurves(run_id);
    impl_->WriteOutcome(run_id, outcome);
    impl_->SealRows(run_id);
    impl_->Finish(run_id, outcome.status);
    return absl::OkStatus();
  });
}

}  // namespace hourglass::results
