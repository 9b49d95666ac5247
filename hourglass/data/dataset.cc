#include "hourglass/data/dataset.h"

#include "absl/strings/str_cat.h"
#include "hourglass/base/counter_rng.h"

namespace hourglass {
namespace {

constexpr RandomSite kSite = MakeRandomSite("data.random_tokens");

}  // namespace

absl::Status RandomTokens::Fill(uint64_t seed, int64_t first_sequence, int64_t count,
                                int64_t length, int32_t* tokens) const {
  if (vocab_size_ < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("random tokens need a vocabulary of at least 2, not ", vocab_size_));
  }
  const uint64_t choices = static_cast<uint64_t>(vocab_size_ - 1);
  for (int64_t s = 0; s < count; ++s) {
    const uint64_t sequence = static_cast<uint64_t>(first_sequence + s);
    const CounterRng rng{seed, kSite, static_cast<uint32_t>(sequence >> 32),
                         static_cast<uint32_t>(sequence)};
    for (int64_t i = 0; i < length; ++i) {
      const uint64_t draw = rng.Draw(static_cast<uint64_t>(i));
      tokens[s * length + i] = static_cast<int32_t>(1 + ((draw * choices) >> 32));
    }
  }
  return absl::OkStatus();
}

}  // namespace hourglass
