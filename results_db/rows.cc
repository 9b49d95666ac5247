#include "results_db/rows.h"

#include <array>
#include <utility>

#include "hourglass/base/hash.h"
#include "hourglass/base/json_text.h"
#include "nlohmann/json.hpp"

namespace hourglass::results {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<Scope, std::string_view>, 3> kScopes = {{
    {Scope::kFull, "full"},
    {Scope::kScaled, "scaled"},
    {Scope::kSmoke, "smoke"},
}};
constexpr std::array<std::pair<BudgetKind, std::string_view>, 4> kBudgetKinds = {{
    {BudgetKind::kSteps, "steps"},
    {BudgetKind::kUnits, "units"},
    {BudgetKind::kFlops, "flops"},
    {BudgetKind::kSeconds, "seconds"},
}};
constexpr std::array<std::pair<RunReason, std::string_view>, 5> kRunReasons = {{
    {RunReason::kFirst, "first"},
    {RunReason::kRetry, "retry"},
    {RunReason::kResume, "resume"},
    {RunReason::kForce, "force"},
    {RunReason::kReplay, "replay"},
}};
constexpr std::array<std::pair<RunStatus, std::string_view>, 8> kRunStatuses = {{
    {RunStatus::kRunning, "running"},
    {RunStatus::kOk, "ok"},
    {RunStatus::kFailed, "failed"},
    {RunStatus::kKilled, "killed"},
    {RunStatus::kDiverged, "diverged"},
    {RunStatus::kTimeout, "timeout"},
    {RunStatus::kIncorrect, "incorrect"},
    {RunStatus::kUnsupported, "unsupported"},
}};

template <typename Table, typename Enum>
std::string_view Word(const Table& table, Enum value) {
  for (const auto& [key, word] : table) {
    if (key == value) return word;
  }
  return "";
}

template <typename Enum, size_t kSize>
std::optional<Enum> Lookup(const std::array<std::pair<Enum, std::string_view>, kSize>& table,
                           std::string_view word) {
  for (const auto& [value, name] : table) {
    if (name == word) return value;
  }
  return std::nullopt;
}

std::string HashOf(const Json& fields) { return Sha256Hex(JsonText(fields)).substr(0, 32); }

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace

std::string_view ToString(Scope scope) { return Word(kScopes, scope); }
std::string_view ToString(BudgetKind kind) { return Word(kBudgetKinds, kind); }
std::string_view ToString(RunReason reason) { return Word(kRunReasons, reason); }
std::string_view ToString(RunStatus status) { return Word(kRunStatuses, status); }

std::optional<Scope> ParseScope(std::string_view word) { return Lookup(kScopes, word); }
std::optional<BudgetKind> ParseBudgetKind(std::string_view word) {
  return Lookup(kBudgetKinds, word);
}
std::optional<RunReason> ParseRunReason(std::string_view word) { return Lookup(kRunReasons, word); }
std::optional<RunStatus> ParseRunStatus(std::string_view word) {
  return Lookup(kRunStatuses, word);
}

std::string RowId(const SourceRev& row) {
  return HashOf({"source_rev", row.commit_sha, row.tree_sha, row.parent_sha, row.committed_at,
                 row.dirty, Sha256Hex(row.diff)});
}

std::string RowId(const Build& row) {
  return HashOf({"build", row.source_rev, row.binary_sha256, row.compiler, row.flags,
                 row.bazel_version, row.deps_sha256, row.deps});
}

std::string RowId(const Host& row) {
  return HashOf({"host", row.fingerprint, row.perf_class, row.numeric_class});
}

std::string RowId(const Dataset& row) {
  return HashOf({"dataset", row.name, row.split, row.version, row.sha256, row.bytes, row.n_units,
                 row.unit, row.preprocess, row.synthetic, row.licence});
}

std::string RowId(const Config& row) {
  return HashOf({"config", row.label, row.family, row.canonical_json, row.n_params,
                 row.sequence_length, row.units_per_sequence, row.batch, row.flop_convention,
                 row.flops_fwd_needed, row.flops_bwd_needed, row.flops_fwd_dense,
                 row.flops_bwd_dense, OrNull(row.flops_fwd_dense_trax), row.flops_elementwise,
                 row.flops_optimizer, row.flops_recompute});
}

std::string RowId(const Experiment& row) { return HashOf({"experiment", row.slug, row.spec_text}); }

std::string RowId(const Cell& row) {
  return HashOf({"cell", row.experiment, row.config, row.dataset_train, OrNull(row.dataset_valid),
                 row.seed, row.replica, ToString(row.budget_kind), row.budget, row.backend,
                 ToString(row.scope)});
}

std::string ClassOf(const std::map<std::string, std::string>& facts) {
  return HashOf({"class", facts}).substr(0, 16);
}

}  // namespace hourglass::results
