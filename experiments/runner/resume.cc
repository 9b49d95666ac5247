#include "experiments/runner/resume.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/status.h"
#include "results_db/metrics.h"

namespace hourglass {
namespace {

constexpr char kTrainSeconds[] = "run.train_seconds";
constexpr char kEvalSeconds[] = "run.eval_seconds";
constexpr char kEvalBytes[] = "run.eval_bytes";
constexpr char kEvaluatedStep[] = "run.evaluated_step";
constexpr char kBitsPerByte[] = "run.valid_bits_per_byte";

// Saving may take one part in so many of the time.
constexpr int64_t kLeastShare = 20;

std::string Exact(double value) { return absl::StrFormat("%.17g", value); }

absl::Status Missing(const char* key) {
  return absl::DataLossError(absl::StrCat("no metadata '", key, "' with a number"));
}

template <typename Parse, typename T>
absl::Status Read(const std::map<std::string, std::string>& metadata, const char* key, Parse parse,
                  T* value) {
  const auto found = metadata.find(key);
  return found != metadata.end() && parse(found->second, value) ? absl::OkStatus() : Missing(key);
}

bool ToDouble(const std::string& text, double* value) { return absl::SimpleAtod(text, value); }
bool ToInt(const std::string& text, int64_t* value) { return absl::SimpleAtoi(text, value); }

// What is no longer as it was when the run started; empty if nothing.
std::string Differences(const results::OpenRun& run, const Attempt& attempt) {
  std::vector<std::string> differences;
  if (run.build != attempt.build) differences.push_back("the program was built anew");
  if (run.host != attempt.host) differences.push_back("the machine is another one");
  if (run.threads != attempt.threads) {
    differences.push_back(absl::StrCat("it had ", run.threads, " threads, not ", attempt.threads));
  }
  return absl::StrJoin(differences, ", ");
}

absl::Status EndAsKilled(results::ResultsStore& store, const std::string& run_id,
                         const std::string& reason) {
  results::Outcome outcome;
  outcome.status = results::RunStatus::kKilled;
  outcome.exit_code = kExitTryAgain;
  outcome.error = absl::StrCat("cut off before its end; not gone on with: ", reason);
  return store.EndRun(run_id, outcome);
}

}  // namespace

std::map<std::string, std::string> ToMetadata(const RunProgress& progress) {
  std::map<std::string, std::string> metadata = {
      {kTrainSeconds, Exact(progress.train_seconds)},
      {kEvalSeconds, Exact(progress.eval_seconds)},
      {kEvalBytes, absl::StrCat(progress.eval_bytes)},
      {kEvaluatedStep, absl::StrCat(progress.evaluated_step)}};
  if (progress.bits_per_byte) metadata[kBitsPerByte] = Exact(*progress.bits_per_byte);
  return metadata;
}

absl::StatusOr<RunProgress> ProgressFromMetadata(
    const std::map<std::string, std::string>& metadata) {
  RunProgress progress;
  HG_RETURN_IF_ERROR(Read(metadata, kTrainSeconds, ToDouble, &progress.train_seconds));
  HG_RETURN_IF_ERROR(Read(metadata, kEvalSeconds, ToDouble, &progress.eval_seconds));
  HG_RETURN_IF_ERROR(Read(metadata, kEvalBytes, ToInt, &progress.eval_bytes));
  HG_RETURN_IF_ERROR(Read(metadata, kEvaluatedStep, ToInt, &progress.evaluated_step));
  if (metadata.count(kBitsPerByte) > 0) {
    HG_RETURN_IF_ERROR(Read(metadata, kBitsPerByte, ToDouble, &progress.bits_per_byte.emplace()));
  }
  return progress;
}

CheckpointClock::CheckpointClock(double seconds)
    : interval_nanos_(static_cast<int64_t>(1e9 * seconds)), last_nanos_(MonotonicNanos()) {}

bool CheckpointClock::Due() const {
  return MonotonicNanos() - last_nanos_ >= std::max(interval_nanos_, kLeastShare * cost_nanos_);
}

void CheckpointClock::Saved(int64_t start) {
  last_nanos_ = MonotonicNanos();
  cost_nanos_ = last_nanos_ - start;
}

absl::StatusOr<bool> RowsReach(results::ResultsStore& store, const std::string& run_id,
                               int64_t step, int64_t evaluated_step, int64_t evaluate_every) {
  HG_ASSIGN_OR_RETURN(const int64_t losses,
                      store.CountSamples(run_id, results::kTrainLossNats, step));
  HG_ASSIGN_OR_RETURN(const int64_t evaluations,
                      store.CountSamples(run_id, results::kValidBitsPerByte, step));
  // The last evaluation may be that of the last step, out of the row.
  const bool is_extra = evaluate_every == 0 || evaluated_step % evaluate_every != 0;
  const int64_t regular = evaluate_every == 0 ? 0 : evaluated_step / evaluate_every;
  const int64_t wanted = regular + (is_extra && evaluated_step > 0 ? 1 : 0);
  return losses == step && evaluations >= wanted;
}

absl::StatusOr<std::optional<std::string>> SettleUnfinished(
    results::ResultsStore& store, const Attempt& attempt,
    const std::function<void(const std::string& line)>& log) {
  HG_ASSIGN_OR_RETURN(const std::vector<results::OpenRun> open, store.FindOpenRuns(attempt.cell));
  std::optional<std::string> chosen;
  for (const results::OpenRun& run : open) {
    std::string reason = attempt.force ? "--force starts anew" : Differences(run, attempt);
    if (reason.empty() && chosen) reason = absl::StrCat("run ", *chosen, " does");
    if (reason.empty()) {
      chosen = run.id;
      continue;
    }
    HG_RETURN_IF_ERROR(EndAsKilled(store, run.id, reason));
    log(absl::StrCat("unfinished run ", run.id, " is not gone on with: ", reason));
  }
  return chosen;
}

std::string FinalCheckpointPath(const std::string& path) { return path + ".final"; }

absl::Status PublishFinalCheckpoint(const std::string& path) {
  std::error_code error;
  std::filesystem::rename(FinalCheckpointPath(path), path, error);
  if (!error || error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(path, ": cannot replace: ", error.message()));
}

void RemoveHalfWritten(const std::string& path) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  // As AtomicFile names them.
  const std::string start = target.filename().string() + ".tmp.";
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (absl::StartsWith(entry.path().filename().string(), start)) found.push_back(entry.path());
  }
  // Best effort: they only take space.
  for (const std::filesystem::path& file : found) std::filesystem::remove(file, error);
}

}  // namespace hourglass
