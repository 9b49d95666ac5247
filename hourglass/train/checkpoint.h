#pragma once
// Parameters between a State and a file, under canonical split names (nn/parameter.h), so that a
// file does not depend on how parameters are packed in memory.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/model/model_config.h"
#include "hourglass/nn/parameter.h"
#include "hourglass/runtime/state.h"
#include "hourglass/train/safetensors.h"

namespace hourglass {

// Starting values of every parameter (A6), each a function of seed and canonical name. Moments, if
// the State has any, become zero.
absl::Status InitialiseParameters(State& state, const ParameterTable& parameters, uint64_t seed);

// Copies every parameter from tensors "<prefix><canonical name>" of a file into the State's tensors
// "<state prefix><stored name>" (state prefix: "", "adam_m/", ...), whatever floating dtype either
// has. DataLoss naming the tensor if one is missing or has another shape; the State is then
// undefined.
absl::Status LoadParameters(State& state, const ParameterTable& parameters, const Safetensors& file,
                            const std::string& prefix = "", const std::string& state_prefix = "");

// One part by its canonical name, row-major. State prefix "" reads the parameter, "gradient/" its
// gradient, "adam_m/" and "adam_v/" its moments. NotFound if there is no such part.
absl::StatusOr<std::vector<double>> ReadTensor(const State& state, const ParameterTable& parameters,
                                               std::string_view canonical_name,
                                               const std::string& state_prefix = "");
// Overwrites one part with values of its size.
absl::Status WriteTensor(State& state, const ParameterTable& parameters,
                         std::string_view canonical_name, const std::vector<double>& values,
                         const std::string& state_prefix = "");

// What a checkpoint says beside its tensors.
struct CheckpointInfo {
  ModelConfig model;
  int64_t step = 0;                             // updates made
  bool optimizer = false;                       // Adam moments are in the file
  std::map<std::string, std::string> metadata;  // whatever else was saved with it
};

// Writes parameters and, if `optimizer`, Adam moments as "adam_m.<name>" and "adam_v.<name>".
// `metadata` may not use the keys "format", "config", "step", "optimizer", "sha256". The file is
// sealed (train/safetensors.h).
absl::Status SaveCheckpoint(const std::string& path, const State& state,
                            const ParameterTable& parameters, const CheckpointInfo& info);

// The description alone, of a whole file: DataLoss if it is no checkpoint or damaged.
absl::StatusOr<CheckpointInfo> ReadCheckpointInfo(const std::string& path);

// Fills the State. DataLoss for a damaged file, one flipped bit included; FailedPrecondition naming
// the fields that differ for one of another model, or saying so if moments are wanted and not
// there. Everything is checked before the State is changed, but for read errors of the disk.
absl::StatusOr<CheckpointInfo> LoadCheckpoint(const std::string& path, State& state,
                                              const ParameterTable& parameters,
                                              const ModelConfig& model, bool optimizer);

}  // namespace hourglass
