#pragma once
// Speed of one model: training steps and forward passes, with the flags and the output fields of an
// ordinary PyTorch program of the same models, so that the two can be compared one to one.

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/runner/environment.h"
#include "hourglass/model/model_config.h"
#include "nlohmann/json.hpp"

namespace hourglass {

struct BenchOptions {
  ModelConfig model;
  int64_t length = 768;
  int64_t batch = 8;
  std::string dtype = "f32";
  int threads = 1;
  int64_t steps = 20;  // timed training steps
  int64_t warmup = 3;  // steps before timing
  double lr = 1e-3;
  int64_t lr_warmup = 100;
  int64_t lr_cycle = 0;  // of the cosine; 0: constant after the warm-up
  std::string data;      // file of bytes; random bytes if empty
  uint64_t seed = 0;
  std::string backend = "onednn";
  std::string recompute, memory_limit;  // as in a spec
  bool profile_ops = false;
  std::function<bool()> stop;  // asked between steps; may be empty
};

// InvalidArgument for settings that cannot be or need more memory than there is, NotFound for the
// data file, Unimplemented for what the backend cannot do, Cancelled when stopped.
absl::StatusOr<nlohmann::ordered_json> RunBench(const BenchOptions& options);

// The per-op part of the result as a table for people.
std::string OpTable(const nlohmann::ordered_json& result);

}  // namespace hourglass
