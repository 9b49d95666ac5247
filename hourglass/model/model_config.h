#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace hourglass {

// Everything that decides the function a model computes (parity/README section 2). Field names are
// the keys of fixtures, specs and command lines.
struct ModelConfig {
  int64_t vocab_size = 256;
  int64_t d_model = 512;
  int64_t d_ff = 2048;
  int64_t n_heads = 8;
  std::string hierarchy = "2@1 8@3 2@1";
  std::string vanilla_attention = "relative";  // at full length
  std::string middle_attention = "relative";   // in every shortened stack
  std::string shortening = "average";          // average | linear | attention
  std::string shortening_query = "average";    // S: average | linear; with attention only
  std::string upsampling = "repeat";           // repeat | linear | attention
  std::string upsampling_query = "none";       // U: none | linear | repeat; with attention only
  std::optional<int32_t> mask_id;              // targets with this id do not count
  double dropout = 0.0;

  // InvalidArgument naming the field, its value and what is allowed; Unimplemented naming an
  // attention kind that exists in the paper or the plans but is not built.
  absl::Status Validate() const;
  // "2@1 8@3 2@1 attention(average)/attention(none)"; "8@1" for vanilla.
  std::string Label() const;
};

}  // namespace hourglass
