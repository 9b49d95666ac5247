#pragma once
// Where training sequences come from.

#include <cstdint>

#include "absl/status/status.h"

namespace hourglass {

// An endless list of training sequences. Sequence i is a pure function of (seed, i), so batches,
// micro-batches and shards are index ranges and resuming needs no reader state. Thread-safe.
class Dataset {
 public:
  virtual ~Dataset() = default;
  // Every token is at least 0 and less than this.
  virtual int64_t vocab_size() const = 0;
  // Writes sequences first_sequence .. first_sequence + count - 1 as tokens [count, length].
  // DataLoss if the data is shorter than `length`.
  virtual absl::Status Fill(uint64_t seed, int64_t first_sequence, int64_t count, int64_t length,
                            int32_t* tokens) const = 0;
};

// Tokens drawn uniformly from 1 .. vocab_size - 1: for speed measurements and tests, learns
// nothing.
class RandomTokens : public Dataset {
 public:
  explicit RandomTokens(int64_t vocab_size) : vocab_size_(vocab_size) {}
  int64_t vocab_size() const override { return vocab_size_; }
  absl::Status Fill(uint64_t seed, int64_t first_sequence, int64_t count, int64_t length,
                    int32_t* tokens) const override;

 private:
  int64_t vocab_size_;
};

}  // namespace hourglass
