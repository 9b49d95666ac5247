#include "experiments/runner/seeds.h"

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "hourglass/base/hash.h"

namespace hourglass {
namespace {

// Each part is preceded by its size, so that different lists never give the same text.
uint64_t HashOf(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return std::strtoull(Sha256Hex(text).substr(0, 16).c_str(), nullptr, 16);
}

}  // namespace

Seeds DeriveSeeds(std::string_view experiment, std::string_view config, int64_t replica) {
  const std::string number = std::to_string(replica);
  Seeds seeds;
  seeds.run = HashOf({"run", experiment, config, number});
  const std::string run = std::to_string(seeds.run);
  seeds.init = HashOf({"init", run});
  seeds.dropout = HashOf({"dropout", run});
  seeds.data = HashOf({"data", experiment, number});
  return seeds;
}

}  // namespace hourglass
