// From runs to facts: groups of runs that differ only in their seed, paired comparisons with the
// vanilla reference, curves. All numbers of a report are made here, all its words elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reports/statistics.h"
#include "results_db/query.h"

namespace hourglass::reports {

// The runs of one model at one budget on one backend.
struct Group {
  std::string
      name;  // unique within the report: the label, with budget or backend where they differ
  std::vector<const results::RunRecord*> runs;              // all of them, by replica and id
  std::map<int64_t, const results::RunRecord*> by_replica;  // the earliest `ok` run of each
  std::map<int64_t, std::string> lost;  // replicas without an `ok` run: how their last one ended
  std::map<int64_t, double> bits;       // replica -> validation bits per unit
  std::optional<double> mean_bits, sd_bits;
  std::optional<double> train_units_per_second;  // median over the replicas
  std::optional<double> peak_bytes;              // largest over the replicas
  std::optional<double> executed_step_flops;     // from the first `ok` run
  std::optional<double> total_flops;             // needed, forward and backward, whole budget

  const results::RunRecord& any() const { return *runs.front(); }
  bool is_vanilla() const { return any().config.family == "vanilla"; }
};

// One model against the vanilla model nearest in compute.
struct Comparison {
  const Group* candidate = nullptr;
  const Group* reference = nullptr;
  double compute_mismatch = 0;  // candidate / reference - 1, needed training FLOPs
  bool equal_compute = false;
  std::map<int64_t, double> differences;  // replica -> candidate - reference, bits per unit
  std::optional<PairedDifference> paired;
  int64_t lost_candidate = 0;  // replicas that did not end `ok` on this side
  int64_t lost_reference = 0;
  Outcome outcome = Outcome::kNotResolved;  // kNotResolved when a run was lost or compute differs
  std::optional<double> speed_ratio;  // units/s, candidate / reference; same machine class only
  bool same_machine = false;
};

struct CurvePoint {
  int64_t step = 0;
  double flops = 0;
  double seconds = 0;
  double mean = 0, low = 0, high = 0;  // over the replicas
  int64_t n = 0;
};

struct Curve {
  const Group* group = nullptr;
  std::vector<CurvePoint> points;
};

struct Analysis {
  results::ExperimentRecord experiment;
  std::vector<std::string> other_versions;  // ids of experiments of the same slug, older
  std::vector<results::RunRecord> runs;
  std::vector<Group> groups;
  std::vector<Comparison> comparisons;
  std::vector<Curve> curves;
  std::string curve_metric;  // results::kValidBitsPerByte or kTrainBitsPerByte; empty: no curves
  int64_t curve_window = 0;  // steps averaged into one point; 0: single evaluations
  bool curve_head_left_out = false;  // the first twentieth of the budget is not in the curves
  std::string unit = "byte";
  std::string database_sha256;
  bool dirty = false;
  bool scaled = false;
  bool smoke = false;
};

// `experiment`: slug or id, empty for the only or newest one. The pointers inside refer to `runs`
// and `groups` of the same object.
absl::StatusOr<std::unique_ptr<Analysis>> Analyse(results::ResultsReader& reader,
                                                  const std::string& experiment);

}  // namespace hourglass::reports
