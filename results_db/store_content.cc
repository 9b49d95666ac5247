// Rows that are known by the hash of their content: written once, whoever writes them.

#include "hourglass/base/hash.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"
#include "nlohmann/json.hpp"
#include "results_db/store.h"
#include "results_db/store_impl.h"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

// Runs `bind` on an INSERT that ignores a row that is there already; returns `id`.
template <typename Bind>
absl::StatusOr<std::string> Insert(SQLite::Database& db, const std::string& path,
                                   std::string_view what, const std::string& sql, std::string id,
                                   const Bind& bind) {
  HG_RETURN_IF_ERROR(InTransaction(db, path, what, [&] {
    SQLite::Statement insert(db, sql);
    insert.bind(1, id);
    bind(insert);
    insert.exec();
    return absl::OkStatus();
  }));
  return id;
}

}  // namespace

absl::StatusOr<std::string> ResultsStore::Upsert(const SourceRev& row) {
  if (row.dirty && row.diff.empty()) {
    return absl::InvalidArgumentError("a dirty tree is stored with its diff; the diff is empty");
  }
  return Insert(*impl_->db, impl_->path, "writing a source revision",
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
  return Insert(*impl_->db, impl_->path, "writing a build",
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
  return Insert(*impl_->db, impl_->path, "writing a host",
                "INSERT INTO host VALUES (?, ?, ?, ?) ON CONFLICT(id) DO NOTHING", RowId(row),
                [&](SQLite::Statement& insert) {
                  insert.bind(2, JsonText(Json(row.fingerprint)));
                  insert.bind(3, row.perf_class);
                  insert.bind(4, row.numeric_class);
                });
}

absl::StatusOr<std::string> ResultsStore::Upsert(const Dataset& row) {
  return Insert(*impl_->db, impl_->path, "writing a data set",
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
  return Insert(*impl_->db, impl_->path, "writing a configuration",
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
  return Insert(*impl_->db, impl_->path, "writing an experiment",
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
  return Insert(*impl_->db, impl_->path, "writing a cell",
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

}  // namespace hourglass::results
