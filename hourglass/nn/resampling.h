#pragma once
// Shortening and upsampling (A3-A5), each method by its name.

#include <string>

#include "hourglass/nn/block.h"
#include "hourglass/nn/scope.h"

namespace hourglass {

struct ShorteningConfig {
  BlockConfig block;
  std::string method;   // average | linear | attention
  std::string query;    // S of attention: average | linear
  int64_t k = 1;        // step of this level
  int64_t length = 0;   // of the fine sequence, divisible by k
  int64_t spacing = 1;  // tokens per fine position
};

// delayed [B, length, d], already shifted right by k - 1 -> [B, length / k, d].
Value Shorten(const Scope& scope, const ShorteningConfig& config, Value delayed);

struct UpsamplingConfig {
  BlockConfig block;
  std::string method;  // repeat | linear | attention
  std::string query;   // U of attention: none | linear | repeat
  int64_t k = 1;
  int64_t length = 0;  // of the fine sequence
};

// coarse [B, length / k, d], fine [B, length, d] (kept from before shortening) -> [B, length, d],
// before the valley's norm and residual.
Value Upsample(const Scope& scope, const UpsamplingConfig& config, Value coarse, Value fine);

}  // namespace hourglass
