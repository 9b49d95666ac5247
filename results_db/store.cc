#include "results_db/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/store_impl.h"
#include "results_db/ulid.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

// {0, 0} if there is none.
FileNumber FileNumberOf(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 ? FileNumber{about.st_dev, about.st_ino} : FileNumber{};
}

}  // namespace

int ResultsStore::Impl::OnBusy(void* context, int tries) {
  Impl& self = *static_cast<Impl*>(context);
  if (tries == 0) {
    self.wait_start_ns = MonotonicNanos();
    self.options.on_wait();
  }
  const auto waited = std::chrono::nanoseconds(MonotonicNanos() - self.wait_start_ns);
  if (waited >= self.options.busy_timeout) return 0;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return 1;
}

std::string ResultsStore::Impl::Now() const {
  return options.now ? options.now() : UtcNowIso8601();
}

absl::Status ResultsStore::Impl::LoadMetricIds() {
  try {
    SQLite::Statement find(*db, "SELECT id FROM metric WHERE name = ? AND definition_version = ?");
    for (const MetricDefinition& metric : Metrics()) {
      BindText(find, 1, metric.name);
      find.bind(2, metric.version);
      if (!find.executeStep()) {
        return absl::DataLossError(
            absl::StrCat(path, ": metric ", std::string(metric.name), " lost"));
      }
      metric_ids[std::string(metric.name)] = find.getColumn(0).getInt64();
      find.reset();
    }
    return absl::OkStatus();
  } catch (const SQLite::Exception& error) {
    return FromException(path, "reading metrics", error);
  }
}

absl::StatusOr<int64_t> ResultsStore::Impl::MetricId(std::string_view name) const {
  const auto found = metric_ids.find(name);
  if (found == metric_ids.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown metric '", std::string(name), "'; results_db/metrics.h lists them"));
  }
  return found->second;
}

absl::Status ResultsStore::Impl::CheckRunning(std::string_view run_id) {
  SQLite::Statement find(*db, "SELECT status FROM run WHERE id = ?");
  BindText(find, 1, run_id);
  if (!find.executeStep()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no run ", std::string(run_id)));
  }
  const std::string status = find.getColumn(0).getString();
  if (status != "running") {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": run ", std::string(run_id), " has ended (", status, ") and cannot be added to"));
  }
  return absl::OkStatus();
}

absl::Status ResultsStore::Impl::CheckStillThere() const {
  if (FileNumberOf(path) == file) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(path,
                   ": was removed or replaced while it was being written; what was written "
                   "since is lost, run the same command again"));
}

ResultsStore::ResultsStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ResultsStore::~ResultsStore() { impl_->Flush().IgnoreError(); }

const std::string& ResultsStore::path() const { return impl_->path; }

absl::StatusOr<std::unique_ptr<ResultsStore>> ResultsStore::Open(const std::string& path,
                                                                 const StoreOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->options = options;
  HG_ASSIGN_OR_RETURN(impl->db, OpenForWriting(path, options.busy_timeout, impl->Now()));
  if (options.on_wait) sqlite3_busy_handler(impl->db->getHandle(), &Impl::OnBusy, impl.get());
  HG_RETURN_IF_ERROR(impl->LoadMetricIds());
  impl->file = FileNumberOf(path);
  impl->last_commit_ns = MonotonicNanos();
  return std::unique_ptr<ResultsStore>(new ResultsStore(std::move(impl)));
}

absl::StatusOr<std::optional<std::string>> ResultsStore::FindOkRun(std::string_view cell_id) {
  try {
    SQLite::Statement find(*impl_->db, "SELECT min(id) FROM run WHERE cell = ? AND status = 'ok'");
    BindText(find, 1, cell_id);
    std::optional<std::string> id;
    if (find.executeStep() && !find.getColumn(0).isNull()) id = find.getColumn(0).getString();
    return id;
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "looking for a finished run", error);
  }
}

absl::StatusOr<std::vector<OpenRun>> ResultsStore::FindOpenRuns(std::string_view cell_id) {
  try {
    SQLite::Statement find(*impl_->db,
                           "SELECT id, build, host, threads FROM run"
                           " WHERE cell = ? AND status = 'running' ORDER BY id");
    BindText(find, 1, cell_id);
    std::vector<OpenRun> runs;
    while (find.executeStep()) {
      runs.push_back({find.getColumn(0).getString(), find.getColumn(1).getString(),
                      find.getColumn(2).getString(), find.getColumn(3).getInt64()});
    }
    return runs;
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "looking for unfinished runs", error);
  }
}

absl::StatusOr<std::string> ResultsStore::BeginRun(const Run& run) {
  const std::string id = impl_->options.new_run_id ? impl_->options.new_run_id() : NewUlid();
  HG_RETURN_IF_ERROR(InTransaction(*impl_->db, impl_->path, "starting a run", [&] {
    SQLite::Statement insert(
        *impl_->db,
        "INSERT INTO run(id, cell, attempt, parent_run, reason, build, host, status, argv_json,"
        " env_json, threads, deterministic, describe_json, warnings_json, engine_json, started_at,"
        " heartbeat_at)"
        " VALUES (?1, ?2, 1 + (SELECT count(*) FROM run WHERE cell = ?2), ?3, ?4, ?5, ?6,"
        " 'running', ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)");
    insert.bind(1, id);
    insert.bind(2, run.cell);
    if (run.parent_run) insert.bind(3, *run.parent_run);
    BindText(insert, 4, ToString(run.reason));
    insert.bind(5, run.build);
    insert.bind(6, run.host);
    insert.bind(7, JsonText(Json(run.argv)));
    insert.bind(8, JsonText(Json(run.env)));
    insert.bind(9, run.threads);
    insert.bind(10, run.deterministic ? 1 : 0);
    insert.bind(11, run.describe_json);
    insert.bind(12, JsonText(Json(run.warnings)));
    insert.bind(13, run.engine_json);
    insert.bind(14, impl_->Now());
    insert.exec();
    return absl::OkStatus();
  }));
  return id;
}

absl::StatusOr<int64_t> ResultsStore::CountSamples(std::string_view run_id, std::string_view metric,
                                                   int64_t last_step) {
  HG_ASSIGN_OR_RETURN(const int64_t metric_id, impl_->MetricId(metric));
  try {
    SQLite::Statement count(*impl_->db,
                            "SELECT count(*) FROM point WHERE run = ? AND metric = ?"
                            " AND step BETWEEN 1 AND ?");
    BindText(count, 1, run_id);
    count.bind(2, metric_id);
    count.bind(3, last_step);
    count.executeStep();
    return count.getColumn(0).getInt64();
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "counting samples", error);
  }
}

}  // namespace hourglass::results
