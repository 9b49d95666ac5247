#include "results_db/query.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/database.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::json;

std::string Text(SQLite::Statement& row, const char* column) {
  const SQLite::Column value = row.getColumn(column);
  return value.isNull() ? "" : value.getString();
}

int64_t Int(SQLite::Statement& row, const char* column) { return row.getColumn(column).getInt64(); }

std::optional<int64_t> OptionalInt(SQLite::Statement& row, const char* column) {
  const SQLite::Column value = row.getColumn(column);
  if (value.isNull()) return std::nullopt;
  return value.getInt64();
}

std::optional<double> OptionalReal(SQLite::Statement& row, const char* column) {
  const SQLite::Column value = row.getColumn(column);
  if (value.isNull()) return std::nullopt;
  return value.getDouble();
}

// A value that is not text is shown as JSON: another writer may have put numbers there.
std::string AsText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

std::map<std::string, std::string> TextMap(const std::string& text) {
  std::map<std::string, std::string> map;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return map;
  for (const auto& [key, value] : json.items()) map[key] = AsText(value);
  return map;
}

std::vector<std::string> TextList(const std::string& text) {
  std::vector<std::string> list;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return list;
  for (const Json& value : json) list.push_back(AsText(value));
  return list;
}

Dataset ReadDataset(SQLite::Database& db, const std::string& id) {
  SQLite::Statement row(db, "SELECT * FROM dataset WHERE id = ?");
  row.bind(1, id);
  Dataset dataset;
  if (!row.executeStep()) return dataset;
  dataset.name = Text(row, "name");
  dataset.split = Text(row, "split");
  dataset.version = Text(row, "version");
  dataset.sha256 = Text(row, "sha256");
  dataset.bytes = Int(row, "bytes");
  dataset.n_units = Int(row, "n_units");
  dataset.unit = Text(row, "unit");
  dataset.preprocess = Text(row, "preprocess");
  dataset.synthetic = Int(row, "synthetic") != 0;
  dataset.licence = Text(row, "licence");
  return dataset;
}

Config ReadConfig(SQLite::Statement& row) {
  Config config;
  config.label = Text(row, "label");
  config.family = Text(row, "family");
  config.canonical_json = Text(row, "canonical_json");
  config.n_params = Int(row, "n_params");
  config.sequence_length = Int(row, "sequence_length");
  config.units_per_sequence = Int(row, "units_per_sequence");
  config.batch = Int(row, "batch");
  config.flop_convention = Text(row, "flop_convention");
  config.flops_fwd_needed = Int(row, "flops_fwd_needed");
  config.flops_bwd_needed = Int(row, "flops_bwd_needed");
  config.flops_fwd_dense = Int(row, "flops_fwd_dense");
  config.flops_bwd_dense = Int(row, "flops_bwd_dense");
  config.flops_fwd_dense_trax = OptionalInt(row, "flops_fwd_dense_trax");
  config.flops_elementwise = Int(row, "flops_elementwise");
  config.flops_optimizer = Int(row, "flops_optimizer");
  config.flops_recompute = Int(row, "flops_recompute");
  return config;
}

Cell ReadCell(SQLite::Statement& row) {
  Cell cell;
  cell.experiment = Text(row, "experiment");
  cell.config = Text(row, "config");
  cell.dataset_train = Text(row, "dataset_train");
  if (const std::string valid = Text(row, "dataset_valid"); !valid.empty()) {
    cell.dataset_valid = valid;
  }
  cell.seed = static_cast<uint64_t>(Int(row, "seed"));
  cell.replica = Int(row, "replica");
  cell.budget_kind = ParseBudgetKind(Text(row, "budget_kind")).value_or(BudgetKind::kSteps);
  cell.budget = Int(row, "budget");
  cell.backend = Text(row, "backend");
  cell.scope = ParseScope(Text(row, "scope")).value_or(Scope::kFull);
  return cell;
}

void ReadBuild(SQLite::Statement& row, RunRecord& record) {
  record.source_rev_id = Text(row, "source_rev");
  record.build.source_rev = record.source_rev_id;
  record.build.binary_sha256 = Text(row, "binary_sha256");
  record.build.compiler = Text(row, "compiler");
  record.build.flags = Text(row, "flags");
  record.build.bazel_version = Text(row, "bazel_version");
  record.build.deps_sha256 = Text(row, "deps_sha256");
  record.build.deps = TextMap(Text(row, "deps_json"));
  record.source.commit_sha = Text(row, "commit_sha");
  record.source.tree_sha = Text(row, "tree_sha");
  record.source.parent_sha = Text(row, "parent_sha");
  record.source.committed_at = Text(row, "committed_at");
  record.source.dirty = Int(row, "dirty") != 0;
  record.diff_sha256 = Text(row, "diff_sha256");
  record.host.fingerprint = TextMap(Text(row, "fingerprint_json"));
  record.host.perf_class = Text(row, "perf_class");
  record.host.numeric_class = Text(row, "numeric_class");
}

void ReadOutcome(SQLite::Statement& row, RunRecord& record) {
  Outcome& outcome = record.outcome;
  record.exit_code = OptionalInt(row, "exit_code");
  outcome.status = record.status;
  outcome.exit_code = static_cast<int>(record.exit_code.value_or(0));
  outcome.error = Text(row, "error");
  outcome.primitives_json = Text(row, "primitives_json");
  outcome.peak_bytes_planned = OptionalInt(row, "peak_bytes_planned");
  outcome.peak_bytes_held = OptionalInt(row, "peak_bytes_held");
  outcome.flops_executed = OptionalInt(row, "flops_executed");
  outcome.flops_step_executed = OptionalInt(row, "flops_step_executed");
  outcome.trace_sha256 = Text(row, "trace_sha256");
  outcome.ckpt_sha256 = Text(row, "ckpt_sha256");
  outcome.load_json = Text(row, "load_json");
}

void ReadRun(SQLite::Statement& row, RunRecord& record) {
  record.id = Text(row, "id");
  record.cell_id = record.run.cell = Text(row, "cell");
  record.build_id = record.run.build = Text(row, "build");
  record.host_id = record.run.host = Text(row, "host");
  if (const std::string parent = Text(row, "parent_run"); !parent.empty()) {
    record.run.parent_run = parent;
  }
  record.run.reason = ParseRunReason(Text(row, "reason")).value_or(RunReason::kFirst);
  record.run.argv = TextList(Text(row, "argv_json"));
  record.run.env = TextMap(Text(row, "env_json"));
  record.run.threads = Int(row, "threads");
  record.run.deterministic = Int(row, "deterministic") != 0;
  record.run.describe_json = Text(row, "describe_json");
  record.run.warnings = TextList(Text(row, "warnings_json"));
  record.run.engine_json = Text(row, "engine_json");
  record.attempt = Int(row, "attempt");
  record.status = ParseRunStatus(Text(row, "status")).value_or(RunStatus::kFailed);
  record.is_primary = Int(row, "is_primary") != 0;
  record.started_at = Text(row, "started_at");
  record.heartbeat_at = Text(row, "heartbeat_at");
  record.ended_at = Text(row, "ended_at");
  record.row_sha256 = Text(row, "row_sha256");
}

constexpr char kSelectRuns[] =
    "SELECT r.*, coalesce(v.is_primary, 0) AS is_primary, c.experiment, c.config, c.dataset_train,"
    " c.dataset_valid, c.seed, c.replica, c.budget_kind, c.budget, c.backend, c.scope,"
    " g.label, g.family, g.canonical_json, g.n_params, g.sequence_length, g.units_per_sequence,"
    " g.batch, g.flop_convention, g.flops_fwd_needed, g.flops_bwd_needed, g.flops_fwd_dense,"
    " g.flops_bwd_dense, g.flops_fwd_dense_trax, g.flops_elementwise, g.flops_optimizer,"
    " g.flops_recompute, b.source_rev, b.binary_sha256, b.compiler, b.flags, b.bazel_version,"
    " b.deps_sha256, b.deps_json, s.commit_sha, s.tree_sha, s.parent_sha, s.committed_at, s.dirty,"
    " s.diff_sha256, h.fingerprint_json, h.perf_class, h.numeric_class"
    " FROM run r JOIN v_run v ON v.id = r.id JOIN cell c ON c.id = r.cell"
    " JOIN config g ON g.id = c.config JOIN build b ON b.id = r.build"
    " JOIN source_rev s ON s.id = b.source_rev JOIN host h ON h.id = r.host ";

void ReadSummaries(SQLite::Database& db, RunRecord& record) {
  SQLite::Statement row(db, "SELECT * FROM v_summary WHERE run = ? ORDER BY metric, agg");
  row.bind(1, record.id);
  while (row.executeStep()) {
    record.summaries[Text(row, "metric")][Text(row, "agg")] = {
        OptionalReal(row, "value"), OptionalReal(row, "ci_lo"), OptionalReal(row, "ci_hi"),
        Int(row, "n")};
  }
}

RunRecord ReadRecord(SQLite::Database& db, SQLite::Statement& row) {
  RunRecord record;
  ReadRun(row, record);
  ReadOutcome(row, record);
  ReadBuild(row, record);
  record.cell = ReadCell(row);
  record.config_id = record.cell.config;
  record.config = ReadConfig(row);
  record.train = ReadDataset(db, record.cell.dataset_train);
  if (record.cell.dataset_valid) record.valid = ReadDataset(db, *record.cell.dataset_valid);
  ReadSummaries(db, record);
  return record;
}

auto SortKey(const RunRecord& record) {
  return std::make_tuple(record.config.family != "vanilla", record.config.family,
                         record.NeededStepFlops(), record.config.label, record.config_id,
                         record.cell.replica, record.cell.seed, record.id);
}

// --- content hash ---

// A hash over more text than fits in memory: the hash so far is the head of the next piece.
class ChainedHash {
 public:
  void Add(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() > (1u << 20)) buffer_ = Sha256Hex(buffer_);
  }
  std::string Finish() const { return Sha256Hex(buffer_); }

 private:
  std::string buffer_;
};

void AddValue(ChainedHash& hash, const SQLite::Column& value) {
  if (value.isNull()) {
    hash.Add("n;");
  } else if (value.isInteger()) {
    hash.Add(absl::StrCat("i", value.getInt64(), ";"));
  } else if (value.isFloat()) {
    hash.Add(absl::StrCat("r", BitsOf(value.getDouble()), ";"));
  } else {
    hash.Add(absl::StrCat(value.isText() ? "t" : "b", value.getBytes(), ":"));
    hash.Add(std::string_view(static_cast<const char*>(value.getBlob()),
                              static_cast<size_t>(value.getBytes())));
    hash.Add(";");
  }
}

// The columns of a table with what is local to the file replaced: a metric's number by its name.
std::string PortableColumns(SQLite::Database& db, const std::string& table) {
  SQLite::Statement info(db, "SELECT name FROM pragma_table_info(?) ORDER BY cid");
  info.bind(1, table);
  std::string columns;
  while (info.executeStep()) {
    const std::string name = info.getColumn(0).getString();
    if (table == "metric" && name == "id") continue;
    if (!columns.empty()) columns += ", ";
    columns += name == "metric" ? "(SELECT m.name || '/' || m.definition_version FROM metric m"
                                  " WHERE m.id = \"" +
                                      table + "\".metric)"
                                : "\"" + name + "\"";
  }
  return columns;
}

void AddTable(SQLite::Database& db, const std::string& table, ChainedHash& hash) {
  const std::string columns = PortableColumns(db, table);
  const int count = static_cast<int>(std::count(columns.begin(), columns.end(), ',')) + 1;
  std::string order;
  for (int i = 1; i <= count; ++i) order += (i > 1 ? ", " : "") + std::to_string(i);
  hash.Add(absl::StrCat("table ", table, ";"));
  // A newer program adds definitions to the registry when it opens a file; only those in use count.
  const std::string used =
      table == "metric" ? " WHERE id IN (SELECT metric FROM point UNION SELECT metric FROM summary)"
                        : "";
  SQLite::Statement row(
      db, "SELECT " + columns + " FROM \"" + table + "\"" + used + " ORDER BY " + order);
  while (row.executeStep()) {
    for (int i = 0; i < row.getColumnCount(); ++i) AddValue(hash, row.getColumn(i));
    hash.Add("\n");
  }
}

constexpr std::array<std::string_view, 15> kPublicViews = {
    "v_cell",   "v_claim", "v_curve",   "v_eval_block", "v_experiment",
    "v_failed", "v_gate",  "v_metric",  "v_provenance", "v_result",
    "v_run",    "v_score", "v_summary", "v_timing",     "v_unfinished"};

absl::Status CheckPublic(std::string_view view) {
  if (std::find(kPublicViews.begin(), kPublicViews.end(), view) != kPublicViews.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("no public view ", std::string(view)));
}

ViewValue ValueOf(const SQLite::Column& value) {
  if (value.isNull()) return std::monostate();
  if (value.isInteger()) return value.getInt64();
  if (value.isFloat()) return value.getDouble();
  return value.getString();
}

}  // namespace

std::span<const std::string_view> PublicViews() { return kPublicViews; }

std::optional<double> RunRecord::Value(std::string_view metric, std::string_view agg) const {
  const auto found = summaries.find(metric);
  if (found == summaries.end()) return std::nullopt;
  const auto value = found->second.find(std::string(agg));
  return value == found->second.end() ? std::nullopt : value->second.value;
}

struct ResultsReader::Impl {
  std::string path;
  std::unique_ptr<SQLite::Database> db;

  // Runs `body` and turns the library's exceptions into Status.
  template <typename Body>
  auto Guard(std::string_view what, const Body& body) -> decltype(body()) {
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      return FromException(path, what, error);
    }
  }
};

ResultsReader::ResultsReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ResultsReader::~ResultsReader() = default;

absl::StatusOr<std::unique_ptr<ResultsReader>> ResultsReader::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  HG_ASSIGN_OR_RETURN(impl->db, OpenForReading(path));
  return std::unique_ptr<ResultsReader>(new ResultsReader(std::move(impl)));
}

absl::StatusOr<std::vector<ExperimentRecord>> ResultsReader::Experiments() {
  using Result = absl::StatusOr<std::vector<ExperimentRecord>>;
  return impl_->Guard("reading experiments", [&]() -> Result {
    SQLite::Statement row(*impl_->db,
                          "SELECT e.*, count(r.id) AS n_runs, coalesce(max(r.id), '') AS newest"
                          " FROM experiment e LEFT JOIN cell c ON c.experiment = e.id"
                          " LEFT JOIN run r ON r.cell = c.id GROUP BY e.id"
                          " ORDER BY e.slug, newest DESC, e.id");
    std::vector<ExperimentRecord> list;
    while (row.executeStep()) {
      ExperimentRecord record;
      record.id = Text(row, "id");
      record.spec_sha256 = Text(row, "spec_sha256");
      record.row.slug = Text(row, "slug");
      record.row.spec_text = Text(row, "spec_text");
      record.row.paper_ref = Text(row, "paper_ref");
      record.row.command = Text(row, "command");
      record.n_runs = Int(row, "n_runs");
      record.newest_run = Text(row, "newest");
      list.push_back(std::move(record));
    }
    return list;
  });
}

absl::StatusOr<std::vector<RunRecord>> ResultsReader::Runs(std::string_view experiment_id) {
  using Result = absl::StatusOr<std::vector<RunRecord>>;
  return impl_->Guard("reading runs", [&]() -> Result {
    SQLite::Statement row(*impl_->db,
                          std::string(kSelectRuns) + "WHERE c.experiment = ? ORDER BY r.id");
    BindText(row, 1, experiment_id);
    std::vector<RunRecord> runs;
    while (row.executeStep()) runs.push_back(ReadRecord(*impl_->db, row));
    std::sort(runs.begin(), runs.end(),
              [](const RunRecord& a, const RunRecord& b) { return SortKey(a) < SortKey(b); });
    return runs;
  });
}

absl::StatusOr<RunRecord> ResultsReader::FindRun(std::string_view run_id) {
  return impl_->Guard("reading a run", [&]() -> absl::StatusOr<RunRecord> {
    SQLite::Statement row(*impl_->db, std::string(kSelectRuns) + "WHERE r.id = ?");
    BindText(row, 1, run_id);
    if (!row.executeStep()) {
      return absl::NotFoundError(absl::StrCat(impl_->path, ": no run ", std::string(run_id)));
    }
    return ReadRecord(*impl_->db, row);
  });
}

absl::StatusOr<std::vector<CurvePoint>> ResultsReader::Curve(std::string_view run_id,
                                                             std::string_view metric) {
  using Result = absl::StatusOr<std::vector<CurvePoint>>;
  return impl_->Guard("reading a curve", [&]() -> Result {
    SQLite::Statement row(*impl_->db,
                          absl::StrCat("SELECT step, bits, flops, wall_ns FROM point WHERE run = ?1"
                                       " AND metric = ",
                                       kMetricOfRun, " ORDER BY step"));
    BindText(row, 1, run_id);
    BindText(row, 2, metric);
    std::vector<CurvePoint> curve;
    while (row.executeStep()) {
      curve.push_back({Int(row, "step"), FromBits(Int(row, "bits")), OptionalInt(row, "flops"),
                       OptionalInt(row, "wall_ns")});
    }
    return curve;
  });
}

absl::StatusOr<std::vector<CurvePoint>> ResultsReader::WholeCurve(std::string_view run_id,
                                                                  std::string_view metric) {
  HG_ASSIGN_OR_RETURN(std::vector<CurvePoint> curve, Curve(run_id, metric));
  std::set<std::string> seen = {std::string(run_id)};
  HG_ASSIGN_OR_RETURN(RunRecord run, FindRun(run_id));
  while (run.run.reason == RunReason::kResume && run.run.parent_run) {
    // A file written by others could go round in circles.
    if (!seen.insert(*run.run.parent_run).second) break;
    HG_ASSIGN_OR_RETURN(run, FindRun(*run.run.parent_run));
    HG_ASSIGN_OR_RETURN(std::vector<CurvePoint> earlier, Curve(run.id, metric));
    if (!curve.empty()) {
      const int64_t first = curve.front().step;
      std::erase_if(earlier, [&](const CurvePoint& point) { return point.step >= first; });
    }
    curve.insert(curve.begin(), earlier.begin(), earlier.end());
  }
  return curve;
}

absl::StatusOr<std::vector<ClaimRecord>> ResultsReader::Claims() {
  using Result = absl::StatusOr<std::vector<ClaimRecord>>;
  return impl_->Guard("reading claims", [&]() -> Result {
    SQLite::Statement row(*impl_->db, "SELECT * FROM v_claim ORDER BY id");
    std::vector<ClaimRecord> claims;
    while (row.executeStep()) {
      ClaimRecord claim;
      claim.id = Text(row, "id");
      claim.paper = Text(row, "paper");
      claim.locator = Text(row, "locator");
      claim.statement = Text(row, "statement");
      claim.kind = Text(row, "kind");
      claim.scope = Text(row, "scope");
      claim.margin = OptionalReal(row, "margin").value_or(0);
      claim.margin_reason = Text(row, "margin_reason");
      claim.outcome = Text(row, "outcome");
      claim.estimate = OptionalReal(row, "estimate");
      claim.ci_lo = OptionalReal(row, "ci_lo");
      claim.ci_hi = OptionalReal(row, "ci_hi");
      claim.n_a = OptionalInt(row, "n_a");
      claim.n_b = OptionalInt(row, "n_b");
      claim.method = Text(row, "method");
      claim.made_at = Text(row, "made_at");
      claims.push_back(std::move(claim));
    }
    return claims;
  });
}

absl::StatusOr<std::vector<EvalBlock>> ResultsReader::EvalBlocks(std::string_view run_id) {
  using Result = absl::StatusOr<std::vector<EvalBlock>>;
  return impl_->Guard("reading evaluation blocks", [&]() -> Result {
    SQLite::Statement row(*impl_->db,
                          "SELECT * FROM eval_block WHERE run = ?"
                          " ORDER BY dataset, protocol, step, block");
    BindText(row, 1, run_id);
    std::vector<EvalBlock> blocks;
    while (row.executeStep()) {
      blocks.push_back({Text(row, "dataset"), Int(row, "step"), Int(row, "block"),
                        Int(row, "n_units"), FromBits(Int(row, "bits")), Text(row, "protocol")});
    }
    return blocks;
  });
}

absl::StatusOr<std::vector<Timing>> ResultsReader::Timings(std::string_view run_id) {
  using Result = absl::StatusOr<std::vector<Timing>>;
  return impl_->Guard("reading timings", [&]() -> Result {
    SQLite::Statement row(
        *impl_->db, "SELECT * FROM timing WHERE run = ? ORDER BY bench, pair_round, arm, ord");
    BindText(row, 1, run_id);
    std::vector<Timing> timings;
    while (row.executeStep()) {
      timings.push_back({Text(row, "bench"), Int(row, "pair_round"), Text(row, "arm"),
                         Int(row, "ord"), Int(row, "ns"), Int(row, "iters")});
    }
    return timings;
  });
}

absl::StatusOr<std::vector<ObjectName>> ResultsReader::FindObjects(std::string_view prefix) {
  using Result = absl::StatusOr<std::vector<ObjectName>>;
  return impl_->Guard("looking for an id", [&]() -> Result {
    SQLite::Statement row(
        *impl_->db,
        "SELECT 'cell' AS kind, cell AS id, experiment || ', ' || model || ', seed ' || replica"
        "  || ', ' || budget || ' ' || budget_kind AS label FROM v_cell"
        "  WHERE substr(cell, 1, length(?1)) = lower(?1)"
        " UNION ALL SELECT 'experiment', id, slug FROM v_experiment"
        "  WHERE substr(id, 1, length(?1)) = lower(?1) OR slug = ?1"
        " UNION ALL SELECT 'run', run, experiment || ', ' || model || ', seed ' || replica || ', '"
        "  || status FROM v_result WHERE substr(run, 1, length(?1)) = upper(?1)"
        " ORDER BY kind, id");
    BindText(row, 1, prefix);
    std::vector<ObjectName> found;
    while (row.executeStep()) {
      found.push_back({Text(row, "kind"), Text(row, "id"), Text(row, "label")});
    }
    return found;
  });
}

absl::StatusOr<std::vector<std::string>> ResultsReader::ViewColumns(std::string_view view) {
  using Result = absl::StatusOr<std::vector<std::string>>;
  HG_RETURN_IF_ERROR(CheckPublic(view));
  return impl_->Guard("reading a view", [&]() -> Result {
    SQLite::Statement info(*impl_->db, "SELECT name FROM pragma_table_info(?) ORDER BY cid");
    BindText(info, 1, view);
    std::vector<std::string> columns;
    while (info.executeStep()) columns.push_back(info.getColumn(0).getString());
    return columns;
  });
}

absl::Status ResultsReader::ScanView(std::string_view view, const std::optional<ViewFilter>& filter,
                                     const ViewRowFn& on_row) {
  HG_ASSIGN_OR_RETURN(const std::vector<std::string> columns, ViewColumns(view));
  std::string sql = absl::StrCat("SELECT * FROM ", absl::string_view(view.data(), view.size()));
  if (filter) {
    if (std::find(columns.begin(), columns.end(), filter->column) == columns.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(view), " has no column ", filter->column));
    }
    absl::StrAppend(&sql, " WHERE ", filter->column, " = ?");
  }
  for (size_t i = 1; i <= columns.size(); ++i) {
    absl::StrAppend(&sql, i == 1 ? " ORDER BY " : ", ", i);
  }
  return impl_->Guard("reading a view", [&]() -> absl::Status {
    SQLite::Statement row(*impl_->db, sql);
    if (filter) row.bind(1, filter->value);
    std::vector<ViewCell> cells(columns.size());
    for (size_t i = 0; i < columns.size(); ++i) cells[i].column = columns[i];
    while (row.executeStep()) {
      for (size_t i = 0; i < columns.size(); ++i) {
        cells[i].value = ValueOf(row.getColumn(static_cast<int>(i)));
      }
      HG_RETURN_IF_ERROR(on_row(cells));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> ResultsReader::ContentSha256() {
  return impl_->Guard("hashing the content", [&]() -> absl::StatusOr<std::string> {
    // What the file knows of itself is not content: two files with the same results must agree.
    SQLite::Statement tables(*impl_->db,
                             "SELECT name FROM sqlite_master WHERE type = 'table'"
                             " AND name NOT LIKE 'sqlite_%'"
                             " AND name NOT IN ('schema_migration', 'merge_log') ORDER BY name");
    ChainedHash hash;
    while (tables.executeStep()) AddTable(*impl_->db, tables.getColumn(0).getString(), hash);
    return hash.Finish();
  });
}

}  // namespace hourglass::results
