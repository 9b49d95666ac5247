#pragma once
// The JSON header of a safetensors file; used by safetensors.cc alone.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/train/safetensors.h"

namespace hourglass {

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::map<std::string, FileTensor> tensors;  // offsets relative to the end of the header
};

// Checks syntax, keys, types, sizes, and that the tensors cover [0, data_bytes) without gap or
// overlap. DataLoss that names the tensor.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json, int64_t data_bytes);

// The header as text, padded with blanks to a multiple of 8; offsets as in `header`.
std::string FormatSafetensorsHeader(const SafetensorsHeader& header);

}  // namespace hourglass
