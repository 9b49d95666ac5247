#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/model/model_config.h"

namespace hourglass {

// The JSON form of a configuration, as in fixtures and checkpoints: keys of parity/README section
// 2, sorted.
std::string ModelConfigToJson(const ModelConfig& config);

// DataLoss naming the key for text that is no such object, an unknown key or a value of the wrong
// type; missing keys keep their defaults. Keys of attention kinds that are not built
// (favor_features, local_chunk, lsh_*) are read over. The values themselves are left to
// ModelConfig::Validate.
absl::StatusOr<ModelConfig> ModelConfigFromJson(std::string_view json);

// The names of the fields in which two configurations differ with both values ("d_model: 512,
// 256"), empty if none. Dropout does not count: it is not part of the function.
std::string DifferingFields(const ModelConfig& a, const ModelConfig& b);

}  // namespace hourglass
