#pragma once
// Seeds are derived, never typed: the data stream from (experiment, replica), so that the models of
// one replica see the same batches; starting values and dropout from (experiment, configuration,
// replica), so that no other stream is shared (harness, section 7).

#include <cstdint>
#include <string_view>

namespace hourglass {

struct Seeds {
  uint64_t run = 0;  // of (experiment, configuration, replica); the next two derive from it
  uint64_t init = 0;
  uint64_t dropout = 0;
  uint64_t data = 0;  // of (experiment, replica)
};

// `config` is the canonical text of the configuration.
Seeds DeriveSeeds(std::string_view experiment, std::string_view config, int64_t replica);

}  // namespace hourglass
