// From runs to facts: groups of runs that differ only in their seed, paired comparisons with a
// vanilla reference, curves, speeds. All numbers of a report are made here and in claims.h, all its
// words elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/statistics.h"
#include "results_db/query.h"

namespace hourglass::reports {

// How long a model was trained.
struct Budget {
  results::BudgetKind kind = results::BudgetKind::kSteps;
  int64_t amount = 0;
  auto operator<=>(const Budget&) const = default;
};

// The runs of one model at one budget on one backend.
struct Group {
  std::string name;  // the label, with what tells models of one label apart
  size_t model = 0;  // groups of one model at several budgets share it; index of its style
  Budget budget;
  std::vector<const results::RunRecord*> runs;              // all of them, by replica and id
  std::map<int64_t, const results::RunRecord*> by_replica;  // the earliest `ok` run of each
  std::map<int64_t, std::string> lost;  // replicas without an `ok` run: how their last one ended
  std::map<int64_t, double> bits;       // replica -> validation bits per unit
  std::map<int64_t, double> speeds;     // replica -> training units per second
  std::optional<MeanInterval> quality;  // of `bits`
  std::optional<double> train_units_per_second;  // median over the replicas
  std::optional<double> peak_bytes;              // largest over the replicas
  std::optional<double> executed_step_flops;     // from the first `ok` run
  std::optional<double> total_flops;             // needed, forward and backward, whole budget
  std::optional<double> train_seconds;           // whole budget, median over the replicas
  bool dirty = false;                            // one of `runs` had uncommitted changes

  const results::RunRecord& any() const { return *runs.front(); }
  bool is_vanilla() const { return any().config.family == "vanilla"; }
  bool is_full_scale() const { return any().cell.scope == results::Scope::kFull; }
  double UnitsPerStep() const { return static_cast<double>(any().UnitsPerStep()); }
  // Needed FLOPs of a forward pass and of training, per unit.
  double ForwardFlopsPerUnit() const;
  double TrainingFlopsPerUnit() const;
};

// A candidate against two vanilla models, one below and one above it in compute: bits of every
// replica are interpolated on the line between the two, over the logarithm of the FLOPs.
struct Interpolated {
  const Group* below = nullptr;
  const Group* above = nullptr;
  PairedDifference paired;
  Outcome outcome = Outcome::kNotResolved;
};

// One model against the vanilla model nearest in compute, at one budget.
struct Comparison {
  const Group* candidate = nullptr;
  const Group* reference = nullptr;
  double compute_mismatch = 0;            // candidate / reference - 1, needed training FLOPs
  bool equal_compute = false;             // within kComputeTolerance
  std::map<int64_t, double> differences;  // replica -> candidate - reference, bits per unit
  std::optional<PairedDifference> paired;
  int64_t lost_candidate = 0;  // replicas that did not end `ok` on this side
  int64_t lost_reference = 0;
  Outcome outcome = Outcome::kNotResolved;  // kNotResolved when a run was lost
  std::optional<Interpolated> interpolated;
  bool same_machine = false;
  std::map<int64_t, double> speed_ratios;     // replica -> candidate / reference; same machine only
  std::optional<PairedDifference> log_speed;  // of the logarithms of speed_ratios

  const Budget& budget() const { return candidate->budget; }
  // The comparison at equal compute: the paired one, else the interpolated one, else none.
  const PairedDifference* AtEqualCompute() const;
  Outcome OutcomeAtEqualCompute() const;
};

struct CurvePoint {
  int64_t step = 0;
  double flops = 0;
  double seconds = 0;
  MeanInterval value;  // over the replicas
};

struct Curve {
  const Group* group = nullptr;
  std::vector<CurvePoint> points;
};

// The curves of one budget.
struct CurveSet {
  Budget budget;
  std::string metric;          // results::kValidBitsPerByte or kTrainBitsPerByte
  int64_t window = 0;          // steps averaged into one point; 0: single evaluations
  bool head_left_out = false;  // the first twentieth of the budget is not in the curves
  std::vector<Curve> curves;
};

// Step times of one run, relative to its group.
struct StepTimes {
  const Group* group = nullptr;
  const results::RunRecord* run = nullptr;
  int64_t order = 0;  // by start, from 1
  int64_t steps = 0;
  double median_ms = 0, low_ms = 0, high_ms = 0, slowest_ms = 0;  // low, high: 10 % and 90 %
  struct Slice {
    double position = 0;                   // order - 1 plus the share of the run until here
    double median = 0, low = 0, high = 0;  // relative to the median of the group
  };
  std::vector<Slice> slices;
};

// What a training step costs at one length and one shorten factor, where its parts were timed.
// Times in ms, medians over the steps of all replicas.
struct CostPoint {
  const Group* group = nullptr;
  int64_t n = 0;                       // length of a sequence
  int64_t k = 0;                       // shorten factor of the innermost stack
  int64_t steps = 0;                   // that were timed
  double step = 0;                     // the whole step
  double step_low = 0, step_high = 0;  // 10 % and 90 %
  double attention = 0;                // in the shortened stack
  double rest = 0;                     // of the shortened stack
  double outside = 0;                  // what is as long as the sequence
  double parameters = 0;               // adding up gradients, and the update
  double Shortened() const { return static_cast<double>(n) / static_cast<double>(k); }
};

struct Analysis {
  results::ExperimentRecord experiment;
  std::vector<std::string> other_versions;  // ids of experiments of the same slug, older
  std::vector<results::RunRecord> runs;
  std::vector<results::ClaimRecord> stored_claims;
  std::vector<Group> groups;  // by budget, vanilla first, compute
  std::vector<Budget> budgets;
  size_t n_models = 0;
  std::vector<Comparison> comparisons;  // in the order of their candidates
  std::vector<CurveSet> curves;         // one for each budget that has any
  std::vector<StepTimes> step_times;    // in the order of the runs' start
  // By k, then n. If there are any, the experiment is about cost and not about quality: all its
  // runs timed the parts of their steps.
  std::vector<CostPoint> costs;
  std::string unit = "byte";
  std::string database_sha256;
  bool has_aa_control = false;  // timings of the reference against itself
  bool scaled = false;
  bool smoke = false;

  bool several_budgets() const { return budgets.size() > 1; }
};

// `experiment`: slug or id, empty for the only or newest one. The pointers inside refer to `runs`
// and `groups` of the same object.
absl::StatusOr<std::unique_ptr<Analysis>> Analyse(results::ResultsReader& reader,
                                                  const std::string& experiment);

// The parts of Analyse, in this order.
void MakeGroups(Analysis& analysis);
void MakeComparisons(Analysis& analysis);
absl::Status MakeCurves(results::ResultsReader& reader, Analysis& analysis);
absl::Status MakeStepTimes(results::ResultsReader& reader, Analysis& analysis);
absl::Status MakeCosts(results::ResultsReader& reader, Analysis& analysis);

// The paired comparison of any two groups, without the interpolation.
Comparison Compare(const Group& candidate, const Group& reference);

}  // namespace hourglass::reports
