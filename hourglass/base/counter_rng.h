#pragma once
// Counter-based randomness (Philox4x32-10, Salmon et al. 2011): a draw is a pure function of what
// it is for, so thread count, micro-batch, fusion and recomputation all see the same numbers.

#include <Random123/philox.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "hourglass/base/hash.h"

namespace hourglass {

// Where in a model a draw happens: a hash of the scope path.
using RandomSite = uint32_t;

constexpr RandomSite MakeRandomSite(std::string_view scope_path) {
  const uint64_t hash = Fnv1a64(scope_path);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

// One stream: key = seed, counter = (site, update step, global sequence index, element / 4).
struct CounterRng {
  uint64_t seed = 0;
  RandomSite site = 0;
  uint32_t step = 0;
  uint32_t sequence = 0;

  // The four draws of elements 4 * quad .. 4 * quad + 3.
  std::array<uint32_t, 4> Quad(uint32_t quad) const {
    const r123::Philox4x32::ctr_type counter = {{site, step, sequence, quad}};
    const r123::Philox4x32::key_type key = {
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
    const auto out = r123::Philox4x32()(counter, key);
    return {out[0], out[1], out[2], out[3]};
  }
  uint32_t Draw(uint64_t element) const {
    return Quad(static_cast<uint32_t>(element / 4))[element % 4];
  }
};

// Dropout keeps an element iff its draw is at least this: rate in [0, 1).
constexpr uint32_t DropoutThreshold(double rate) {
  return static_cast<uint32_t>(rate * 4294967296.0);
}

// Uniform in [0, 1) with 53 bits, from two draws.
inline double UniformFromDraws(uint32_t high, uint32_t low) {
  return ((static_cast<uint64_t>(high) << 21) ^ (low >> 11)) * 0x1.0p-53;
}

}  // namespace hourglass
