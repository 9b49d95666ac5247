// The rows of the results store as typed structs: what a caller fills in and hands to ResultsStore
// (store.h).
//
// Identity. Every row but a run is identified by a hash of its content (RowId below), so that
// writing the same row twice, or merging two files, adds nothing. A run is identified by a ULID,
// which sorts by start time.
//
// FLOPs follow the convention `flops-v1`: 1 FLOP = one add or one multiply; products and attention
// only, padding included, embeddings 0, elementwise work apart. They are counted per *optimizer
// step* of `Config::batch` sequences, not per sequence: the relative-position projection is shared
// by a batch, so a figure per sequence would not be an integer and would change with the batch.
// Every FLOP figure of this store therefore names its batch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hourglass::results {

// The commit that was built. A dirty tree is stored with its diff, so that the source can be
// rebuilt from the row.
struct SourceRev {
  std::string commit_sha;
  std::string tree_sha;
  std::string parent_sha;    // empty: none
  std::string committed_at;  // ISO-8601 UTC
  bool dirty = false;
  std::string diff;  // bytes of `git diff HEAD`; must not be empty when dirty
};

struct Build {
  std::string source_rev;                   // id returned by UpsertSourceRev
  std::string binary_sha256;                // of the running executable
  std::string compiler;                     // "gcc 12.2.0"
  std::string flags;                        // "-O3 -march=x86-64-v3"
  std::string bazel_version;                // "unknown" is allowed, empty is not
  std::string deps_sha256;                  // hash of the pinned dependency rules
  std::map<std::string, std::string> deps;  // library -> version
};

// A machine. Keys the reports read from `fingerprint`: cpu_model, cpu_features, cores,
// memory_bytes, kernel, libc. Further keys are kept and shown as they are.
struct Host {
  std::map<std::string, std::string> fingerprint;
  std::string perf_class;     // ClassOf(...) over what makes two speeds comparable
  std::string numeric_class;  // ClassOf(...) over what makes two bit patterns comparable
};

struct Dataset {
  std::string name;     // "enwik8-excerpt"
  std::string split;    // "train", "valid", "test"
  std::string version;  // range or release: "bytes 0..3300000"
  std::string sha256;   // of the bytes of this split
  int64_t bytes = 0;
  int64_t n_units = 0;        // units to predict in the split
  std::string unit = "byte";  // "byte", "char", "subpixel" or "token"
  std::string preprocess;     // "none"
  bool synthetic = false;
  std::string licence;
};

// One model with its training hyperparameters, without the seed.
struct Config {
  std::string label;  // for people: "2@1 8@3 2@1 attention/attention"; unique within an experiment
  // "vanilla" is what the others are compared with; else "hourglass", "performer", ...
  std::string family;
  std::string canonical_json;  // resolved model and training settings, keys sorted, no seed
  int64_t n_params = 0;
  int64_t sequence_length = 0;     // units fed per sequence, before padding
  int64_t units_per_sequence = 0;  // predicted units per sequence, padding excluded
  int64_t batch = 0;  // sequences per optimizer step; the FLOPs below are for this many
  std::string flop_convention = "flops-v1";
  int64_t flops_fwd_needed = 0;  // per optimizer step, causal triangle
  int64_t flops_bwd_needed = 0;
  int64_t flops_fwd_dense = 0;  // per optimizer step, full squares
  int64_t flops_bwd_dense = 0;
  // Forward, one batch of 8 sequences, as the paper's Table 1 was computed.
  std::optional<int64_t> flops_fwd_dense_trax;
  int64_t flops_elementwise = 0;  // per optimizer step, excluded from matching
  int64_t flops_optimizer = 0;
  int64_t flops_recompute = 0;
};

struct Experiment {
  std::string slug;       // "quickstart", "enwik8/table1"
  std::string spec_text;  // the resolved spec, text format
  std::string paper_ref;  // "Table 1"; empty: none
  std::string command;    // to run it again: "./bazelw run //experiments:quickstart"
};

enum class Scope { kFull, kScaled, kSmoke };
enum class BudgetKind { kSteps, kUnits, kFlops, kSeconds };

// The unit of planning and resuming: one model, one seed, one budget, one backend.
struct Cell {
  std::string experiment;  // ids returned by the Upsert functions
  std::string config;
  std::string dataset_train;
  std::optional<std::string> dataset_valid;  // what valid_* metrics were measured on
  uint64_t seed = 0;                         // stored as the signed integer of the same bits
  int64_t replica = 0;  // pairs runs of different models: the same replica saw the same batches
  BudgetKind budget_kind = BudgetKind::kSteps;
  int64_t budget = 0;
  std::string backend;  // "onednn", "reference", "cuda"
  Scope scope = Scope::kFull;
};

enum class RunReason { kFirst, kRetry, kResume, kForce, kReplay };
enum class RunStatus {
  kRunning,
  kOk,
  kFailed,
  kKilled,
  kDiverged,
  kTimeout,
  kIncorrect,
  kUnsupported,
};

// What is known when a run starts.
struct Run {
  std::string cell;  // ids returned by the Upsert functions
  std::string build;
  std::string host;
  std::optional<std::string> parent_run;  // the run that is resumed or replayed
  RunReason reason = RunReason::kFirst;
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  // variables that change results: OMP_*, ONEDNN_*, ...
  int64_t threads = 0;
  bool deterministic = true;
  std::string describe_json;          // Backend::Describe()
  std::vector<std::string> warnings;  // "debug build", "--allow-dirty", ...
  std::string engine_json = "{}";     // Slurm and MPI ids, restart count; "{}" for a local run
};

// How a run ended. `ok` needs every field marked (ok); the schema refuses the row otherwise.
struct Outcome {
  RunStatus status = RunStatus::kOk;  // anything but kRunning
  int exit_code = 0;                  // (ok) must be 0
  std::string error;                  // one line for people; empty when ok
  std::string primitives_json;        // (ok) kernel name -> count executed
  std::optional<int64_t>
      peak_bytes_planned;  // (ok) memory plans and persistent state, before the first step
  std::optional<int64_t> peak_bytes_held;      // (ok) bytes the engine really held for this model
  std::optional<int64_t> flops_executed;       // (ok) whole run, training, forward and backward
  std::optional<int64_t> flops_step_executed;  // (ok) one optimizer step of Config::batch sequences
  std::string
      trace_sha256;  // empty: computed by the store from the stored train_loss_nats, see store.h
  std::string ckpt_sha256;            // empty: no checkpoint
  std::string load_json;              // machine load before and after; empty: not measured
  std::vector<std::string> warnings;  // joined to those of the Run
};

// A run that was started and has not ended.
struct OpenRun {
  std::string id, build, host;
  int64_t threads = 0;
};

// One measured value. (run, metric, step) is unique.
struct Sample {
  std::string_view metric;  // a name of metrics.h
  int64_t step = 0;         // 1 = after the first optimizer update; 0 = before it
  double value = 0;         // NaN and infinities are kept bit for bit
  // Needed training FLOPs, and training time without evaluation, up to and including this step.
  std::optional<int64_t> flops = std::nullopt;
  std::optional<int64_t> wall_ns = std::nullopt;
};

// One number that stands for a run. EndRun writes `last`, `best`, `mean` and `median` of every
// metric that has samples; a caller adds others, of which reports read `final`.
struct Summary {
  std::string_view metric;
  std::string agg = "final";
  double value = 0;
  std::optional<double> ci_lo = std::nullopt;
  std::optional<double> ci_hi = std::nullopt;
  int64_t n = 1;
};

// Negative log-likelihood of one block of evaluation text, for paired block comparisons of two
// checkpoints.
struct EvalBlock {
  std::string dataset;  // id
  int64_t step = 0;
  int64_t block = 0;
  int64_t n_units = 0;
  double nll_bits = 0;  // summed over the block
  // How the text was cut and scored: "windows" are those of valid_loss_nats in metrics.h. Blocks of
  // several protocols stand side by side.
  std::string protocol = "windows";
};

// One raw speed sample, in the order taken.
struct Timing {
  std::string bench;  // "train_step", "forward"
  int64_t pair_round = 0;
  std::string arm = "head";  // "base", "head" or "base2"
  int64_t ord = 0;
  int64_t ns = 0;
  int64_t iters = 1;
};

// The words stored in the file.
std::string_view ToString(Scope scope);
std::string_view ToString(BudgetKind kind);
std::string_view ToString(RunReason reason);
std::string_view ToString(RunStatus status);

// The value of such a word; empty when there is none.
std::optional<Scope> ParseScope(std::string_view word);
std::optional<BudgetKind> ParseBudgetKind(std::string_view word);
std::optional<RunReason> ParseRunReason(std::string_view word);
std::optional<RunStatus> ParseRunStatus(std::string_view word);

// Content ids: 32 hexadecimal digits, the head of SHA-256 over the table name and the fields in
// order. Equal rows have equal ids on every machine, so a caller can know the id of a cell before
// it opens a store.
std::string RowId(const SourceRev& row);
std::string RowId(const Build& row);
std::string RowId(const Host& row);
std::string RowId(const Dataset& row);
std::string RowId(const Config& row);
std::string RowId(
    const Experiment& row);  // of slug and spec_text: the rest does not change results
std::string RowId(const Cell& row);

// Hash of the facts that make two results comparable, e.g. ClassOf({{"cpu_model", ...}, {"threads",
// "2"}}).
std::string ClassOf(const std::map<std::string, std::string>& facts);

}  // namespace hourglass::results
