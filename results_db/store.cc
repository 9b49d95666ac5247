#include "results_db/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/database.h"
#include "results_db/hashes.h"
#include "results_db/ulid.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(std::string_view view) { return std::string(view); }

struct PendingSample {
  double value = 0;
  std::optional<int64_t> flops;
  std::optional<int64_t> wall_ns;
};

// Which file a path names now; {0, 0} if none.
using FileNumber = std::pair<dev_t, ino_t>;
FileNumber FileNumberOf(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 ? FileNumber{about.st_dev, about.st_ino} : FileNumber{};
}

// (run, metric id, step): the primary key of a point, in the order rows are written.
using PointKey = std::tuple<std::string, int64_t, int64_t>;

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

struct ResultsStore::Impl {
  std::string path;
  StoreOptions options;
  int64_t wait_start_ns = 0;
  std::unique_ptr<SQLite::Database> db;
  FileNumber file;
  std::map<std::string, int64_t, std::less<>> metric_ids;  // newest definition of each
  std::map<PointKey, PendingSample> pending;
  std::vector<std::pair<std::string, Timing>> pending_timings;  // with their run
  int64_t last_commit_ns = 0;

  // In the place of SQLite's own time-out, which waits in silence.
  static int OnBusy(void* context, int tries) {
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

  std::string Now() const { return options.now ? options.now() : UtcNowIso8601(); }

  absl::Status LoadMetricIds() {
    try {
      SQLite::Statement find(*db,
                             "SELECT id FROM metric WHERE name = ? AND definition_version = ?");
      for (const MetricDefinition& metric : Metrics()) {
        BindText(find, 1, metric.name);
        find.bind(2, metric.version);
        if (!find.executeStep()) {
          return absl::DataLossError(absl::StrCat(path, ": metric ", Text(metric.name), " lost"));
        }
        metric_ids[Text(metric.name)] = find.getColumn(0).getInt64();
        find.reset();
      }
      return absl::OkStatus();
    } catch (const SQLite::Exception& error) {
      return FromException(path, "reading metrics", error);
    }
  }

  absl::StatusOr<int64_t> MetricId(std::string_view name) const {
    const auto found = metric_ids.find(name);
    if (found == metric_ids.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown metric '", Text(name), "'; results_db/metrics.h lists them"));
    }
    return found->second;
  }

  // Runs `bind` on an INSERT that ignores a row that is there already; returns `id`.
  template <typename Bind>
  absl::StatusOr<std::string> Insert(std::string_view what, const std::string& sql, std::string id,
                                     const Bind& bind) {
    HG_RETURN_IF_ERROR(InTransaction(*db, path, what, [&] {
      SQLite::Statement insert(*db, sql);
      insert.bind(1, id);
      bind(insert);
      insert.exec();
      return absl::OkStatus();
    }));
    return id;
  }

  absl::Status CheckRunning(std::string_view run_id) {
    SQLite::Statement find(*db, "SELECT status FROM run WHERE id = ?");
    BindText(find, 1, run_id);
    if (!find.executeStep()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": no run ", Text(run_id)));
    }
    const std::string status = find.getColumn(0).getString();
    if (status != "running") {
      return absl::FailedPreconditionError(absl::StrCat(
          path, ": run ", Text(run_id), " has ended (", status, ") and cannot be added to"));
    }
    return absl::OkStatus();
  }

  // The bits already known for a point, pending or stored.
  std::optional<int64_t> KnownBits(const PointKey& key, SQLite::Statement& find) {
    if (const auto found = pending.find(key); found != pending.end()) {
      return BitsOf(found->second.value);
    }
    find.bind(1, std::get<0>(key));
    find.bind(2, std::get<1>(key));
    find.bind(3, std::get<2>(key));
    std::optional<int64_t> bits;
    if (find.executeStep()) bits = find.getColumn(0).getInt64();
    find.reset();
    return bits;
  }

  // Adds to `fresh` the samples that are not known yet.
  absl::Status Collect(std::string_view run_id, std::span<const Sample> samples,
                       std::map<PointKey, PendingSample>& fresh) {
    HG_RETURN_IF_ERROR(CheckRunning(run_id));
    SQLite::Statement find(*db, "SELECT bits FROM point WHERE run = ? AND metric = ? AND step = ?");
    for (const Sample& sample : samples) {
      HG_ASSIGN_OR_RETURN(const int64_t metric, MetricId(sample.metric));
      const PointKey key(Text(run_id), metric, sample.step);
      std::optional<int64_t> known = KnownBits(key, find);
      if (const auto found = fresh.find(key); found != fresh.end()) {
        known = BitsOf(found->second.value);
      }
      if (!known) {
        fresh.emplace(key, PendingSample{sample.value, sample.flops, sample.wall_ns});
      } else if (*known != BitsOf(sample.value)) {
        return absl::AlreadyExistsError(absl::StrCat(path, ": run ", Text(run_id),
                                                     " has another value of ", Text(sample.metric),
                                                     " at step ", sample.step));
      }
    }
    return absl::OkStatus();
  }

  // Inside a transaction.
  void WritePending() {
    if (pending.empty()) return;
    SQLite::Statement insert(*db,
                             "INSERT INTO point(run, metric, step, value, bits, flops, wall_ns)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?)");
    std::set<std::string> runs;
    for (const auto& [key, sample] : pending) {
      insert.bind(1, std::get<0>(key));
      insert.bind(2, std::get<1>(key));
      insert.bind(3, std::get<2>(key));
      insert.bind(4, sample.value);
      insert.bind(5, BitsOf(sample.value));
      BindOptional(insert, 6, sample.flops);
      BindOptional(insert, 7, sample.wall_ns);
      insert.exec();
      insert.reset();
      runs.insert(std::get<0>(key));
    }
    SQLite::Statement heartbeat(*db, "UPDATE run SET heartbeat_at = ? WHERE id = ?");
    for (const std::string& run : runs) {
      heartbeat.bind(1, Now());
      heartbeat.bind(2, run);
      heartbeat.exec();
      heartbeat.reset();
    }
  }

  // Inside a transaction.
  void WritePendingTimings() {
    if (pending_timings.empty()) return;
    SQLite::Statement insert(*db,
                             "INSERT INTO timing(run, bench, pair_round, arm, ord, ns, iters)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    for (const auto& [run, timing] : pending_timings) {
      insert.bind(1, run);
      insert.bind(2, timing.bench);
      insert.bind(3, timing.pair_round);
      insert.bind(4, timing.arm);
      insert.bind(5, timing.ord);
      insert.bind(6, timing.ns);
      insert.bind(7, timing.iters);
      insert.exec();
      insert.reset();
    }
  }

  // SQLite writes on into a file that has lost its name, and reports success.
  absl::Status CheckStillThere() const {
    if (FileNumberOf(path) == file) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat(path,
                     ": was removed or replaced while it was being written; what was written "
                     "since is lost, run the same command again"));
  }

  absl::Status Flush() {
    if (pending.empty() && pending_timings.empty()) return absl::OkStatus();
    HG_RETURN_IF_ERROR(CheckStillThere());
    HG_RETURN_IF_ERROR(InTransaction(*db, path, "writing samples", [&] {
      WritePending();
      WritePendingTimings();
      return absl::OkStatus();
    }));
    pending.clear();
    pending_timings.clear();
    last_commit_ns = MonotonicNanos();
    return absl::OkStatus();
  }

  // Inside a transaction.
  absl::Status WriteBlocks(std::string_view run_id, std::span<const EvalBlock> blocks) {
    SQLite::Statement insert(
        *db,
        "INSERT INTO eval_block(run, dataset, step, block, n_units, nll_bits, bits, protocol)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    SQLite::Statement find(*db,
                           "SELECT bits FROM eval_block WHERE run = ? AND dataset = ? AND step = ?"
                           " AND block = ? AND protocol = ?");
    for (const EvalBlock& block : blocks) {
      BindText(insert, 1, run_id);
      insert.bind(2, block.dataset);
      insert.bind(3, block.step);
      insert.bind(4, block.block);
      insert.bind(5, block.n_units);
      insert.bind(6, block.nll_bits);
      insert.bind(7, BitsOf(block.nll_bits));
      insert.bind(8, block.protocol);
      const bool is_new = insert.exec() == 1;
      insert.reset();
      if (is_new) continue;
      BindText(find, 1, run_id);
      find.bind(2, block.dataset);
      find.bind(3, block.step);
      find.bind(4, block.block);
      find.bind(5, block.protocol);
      if (!find.executeStep() || find.getColumn(0).getInt64() != BitsOf(block.nll_bits)) {
        return absl::AlreadyExistsError(
            absl::StrCat(path, ": run ", Text(run_id), " has another value of evaluation block ",
                         block.block, " (", block.protocol, ") at step ", block.step));
      }
      find.reset();
    }
    return absl::OkStatus();
  }

  // Inside a transaction.
  absl::Status WriteSummaries(std::string_view run_id, std::span<const Summary> summaries) {
    for (const Summary& summary : summaries) {
      HG_ASSIGN_OR_RETURN(const int64_t metric, MetricId(summary.metric));
      WriteSummary(run_id, metric, summary.agg, summary.value, summary.ci_lo, summary.ci_hi,
                   summary.n);
    }
    return absl::OkStatus();
  }

  void WriteSummary(std::string_view run_id, int64_t metric, std::string_view agg, double value,
                    const std::optional<double>& ci_lo, const std::optional<double>& ci_hi,
                    int64_t n) {
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

  void SummariseCurves(std::string_view run_id) {
    std::map<int64_t, std::vector<double>> curves;
    SQLite::Statement read(*db,
                           "SELECT metric, bits FROM point WHERE run = ? ORDER BY metric, step");
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

  std::string MergedWarnings(std::string_view run_id, const std::vector<std::string>& added) {
    SQLite::Statement read(*db, "SELECT warnings_json FROM run WHERE id = ?");
    BindText(read, 1, run_id);
    read.executeStep();
    Json warnings = Json::parse(read.getColumn(0).getString(), nullptr, false);
    if (!warnings.is_array()) warnings = Json::array();
    for (const std::string& warning : added) warnings.push_back(warning);
    return JsonText(warnings);
  }

  absl::Status FlushIfDue() {
    const auto waited = std::chrono::nanoseconds(MonotonicNanos() - last_commit_ns);
    return waited >= options.commit_interval ? Flush() : absl::OkStatus();
  }

  void WriteOutcome(std::string_view run_id, const Outcome& outcome) {
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

  void SealRows(std::string_view run_id) {
    SQLite::Statement insert(*db, "INSERT INTO artifact VALUES (?, ?, ?, 0, '')");
    BindText(insert, 1, run_id);
    BindText(insert, 2, kRowsArtifact);
    insert.bind(3, RowsSha256(*db, run_id));
    insert.exec();
  }

  void Finish(std::string_view run_id, RunStatus status) {
    const std::string row_sha256 = RunRowSha256(*db, run_id, status);
    SQLite::Statement update(*db, "UPDATE run SET row_sha256 = ?, status = ? WHERE id = ?");
    update.bind(1, row_sha256);
    BindText(update, 2, ToString(status));
    BindText(update, 3, run_id);
    update.exec();
  }
};

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

absl::StatusOr<std::string> ResultsStore::Upsert(const SourceRev& row) {
  if (row.dirty && row.diff.empty()) {
    return absl::InvalidArgumentError("a dirty tree is stored with its diff; the diff is empty");
  }
  return impl_->Insert("writing a source revision",
                       "INSERT INTO source_rev VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, row.commit_sha);
                         insert.bind(3, row.tree_sha);
                         BindTextOrNull(insert, 4, row.parent_sha);
                         insert.bind(5, row.committed_at);
                         insert.bind(6, row.dirty ? 1 : 0);
                         if (!row.diff.empty()) {
                           insert.bind(7, Sha256Hex(row.diff));
                           insert.bind(8, row.diff.data(), static_cast<int>(row.diff.size()));
                         }
                       });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Build& row) {
  return impl_->Insert("writing a build",
                       "INSERT INTO build VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, row.source_rev);
                         insert.bind(3, row.binary_sha256);
                         insert.bind(4, row.compiler);
                         insert.bind(5, row.flags);
                         insert.bind(6, row.bazel_version);
                         insert.bind(7, row.deps_sha256);
                         insert.bind(8, JsonText(Json(row.deps)));
                       });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Host& row) {
  return impl_->Insert("writing a host",
                       "INSERT INTO host VALUES (?, ?, ?, ?) ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, JsonText(Json(row.fingerprint)));
                         insert.bind(3, row.perf_class);
                         insert.bind(4, row.numeric_class);
                       });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Dataset& row) {
  return impl_->Insert("writing a data set",
                       "INSERT INTO dataset VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, row.name);
                         insert.bind(3, row.split);
                         insert.bind(4, row.version);
                         insert.bind(5, row.sha256);
                         insert.bind(6, row.bytes);
                         insert.bind(7, row.n_units);
                         insert.bind(8, row.unit);
                         insert.bind(9, row.preprocess);
                         insert.bind(10, row.synthetic ? 1 : 0);
                         insert.bind(11, row.licence);
                       });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Config& row) {
  return impl_->Insert(
      "writing a configuration",
      "INSERT INTO config VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT(id) DO NOTHING",
      RowId(row), [&](SQLite::Statement& insert) {
        insert.bind(2, row.label);
        insert.bind(3, row.family);
        insert.bind(4, row.canonical_json);
        insert.bind(5, row.n_params);
        insert.bind(6, row.sequence_length);
        insert.bind(7, row.units_per_sequence);
        insert.bind(8, row.batch);
        insert.bind(9, row.flop_convention);
        insert.bind(10, row.flops_fwd_needed);
        insert.bind(11, row.flops_bwd_needed);
        insert.bind(12, row.flops_fwd_dense);
        insert.bind(13, row.flops_bwd_dense);
        BindOptional(insert, 14, row.flops_fwd_dense_trax);
        insert.bind(15, row.flops_elementwise);
        insert.bind(16, row.flops_optimizer);
        insert.bind(17, row.flops_recompute);
      });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Experiment& row) {
  return impl_->Insert("writing an experiment",
                       "INSERT INTO experiment VALUES (?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, row.slug);
                         insert.bind(3, Sha256Hex(row.spec_text));
                         insert.bind(4, row.spec_text);
                         BindTextOrNull(insert, 5, row.paper_ref);
                         insert.bind(6, row.command);
                       });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Cell& row) {
  return impl_->Insert("writing a cell",
                       "INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(id) DO NOTHING",
                       RowId(row), [&](SQLite::Statement& insert) {
                         insert.bind(2, row.experiment);
                         insert.bind(3, row.config);
                         insert.bind(4, row.dataset_train);
                         if (row.dataset_valid) insert.bind(5, *row.dataset_valid);
                         insert.bind(6, static_cast<int64_t>(row.seed));
                         insert.bind(7, row.replica);
                         BindText(insert, 8, ToString(row.budget_kind));
                         insert.bind(9, row.budget);
                         insert.bind(10, row.backend);
                         BindText(insert, 11, ToString(row.scope));
                       });
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

absl::Status ResultsStore::Append(std::string_view run_id, std::span<const Sample> samples) {
  std::map<PointKey, PendingSample> fresh;
  try {
    HG_RETURN_IF_ERROR(impl_->Collect(run_id, samples, fresh));
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "checking samples", error);
  }
  impl_->pending.merge(fresh);
  return impl_->FlushIfDue();
}

absl::Status ResultsStore::AppendEvalBlocks(std::string_view run_id,
                                            std::span<const EvalBlock> blocks) {
  return InTransaction(*impl_->db, impl_->path, "writing evaluation blocks", [&]() -> absl::Status {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
    return impl_->WriteBlocks(run_id, blocks);
  });
}

absl::Status ResultsStore::AppendTimings(std::string_view run_id, std::span<const Timing> timings) {
  try {
    HG_RETURN_IF_ERROR(impl_->CheckRunning(run_id));
  } catch (const SQLite::Exception& error) {
    return FromException(impl_->path, "checking timings", error);
  }
  for (const Timing& timing : timings) impl_->pending_timings.emplace_back(run_id, timing);
  return impl_->FlushIfDue();
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

absl::Status ResultsStore::Flush() { return impl_->Flush(); }

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
