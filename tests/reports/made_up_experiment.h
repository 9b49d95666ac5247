// Writes a results database with made-up numbers: fixed run ids and times, no transcendental
// functions, so that the same plan gives the same bits everywhere.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "results_db/rows.h"

namespace hourglass::reports {

struct ModelPlan {
  std::string label;
  std::string family;
  std::vector<double> bits;  // validation bits per byte of replica 0, 1, ...
  int64_t n_params = 3'550'000;
  int64_t flops_fwd = 1'024'000;  // needed, per byte
  double bytes_per_second = 12'000;
  std::map<int64_t, results::RunStatus> lost;  // replicas that end otherwise than ok
  std::set<int64_t> dirty;                     // replicas of a build with uncommitted changes
  std::string canonical_json = R"({"hierarchy":"N@1"})";
  int64_t length = 384;                 // bytes of a sequence
  std::map<std::string, double> parts;  // ms of every step, by the name of the part
};

struct ExperimentPlan {
  std::string slug = "quickstart";
  results::Scope scope = results::Scope::kScaled;
  int64_t steps = 120;
  bool dirty = false;           // every run
  bool validate_often = false;  // store a validation curve, not only the end
  std::string error = "loss is not a number at step 41";
  std::string spec_text;  // empty: one made of slug and steps
  std::string load = R"({"before":{"load_average_1m":0.1},"after":{"load_average_1m":2.0}})";
  std::string command = "./bazelw run //experiments:quickstart";
  std::vector<ModelPlan> models;
};

// Creates `path` or adds to it. `first_run` numbers the run ids. The same slug and spec text again
// with other steps adds a budget to the experiment.
absl::Status WriteExperiment(const std::string& path, const ExperimentPlan& plan,
                             int64_t first_run = 1);

}  // namespace hourglass::reports
