#pragma once
// Speed of one model: training steps and forward passes, with the flags and the output fields of an
// ordinary PyTorch program of the same models, so that the two can be compared one to one; and how
// near that is to what the machine does at best, measured in between.

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
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
  double roofline_seconds = 0.03;  // of each entry of a round (roofline.h)
  std::function<bool()> stop;      // asked between steps; may be empty
};

// Every field is in docs/speed.md. InvalidArgument for settings that cannot be or need more memory
// than there is and in a debug build, NotFound for the data file, Unimplemented for what the
// backend cannot do, Cancelled when stopped.
absl::StatusOr<nlohmann::ordered_json> RunBench(const BenchOptions& options);

// InvalidArgument if `debug`: such a program's times say nothing.
absl::Status RefuseDebugBuild(bool debug);

}  // namespace hourglass
