#pragma once
// A file of bytes as language-model data: vocabulary 256, id = byte (paper C3).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/data/dataset.h"

namespace hourglass {

// Half-open range of byte positions.
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

enum class Split : uint8_t { kTrain, kValid, kTest };
std::string_view Name(Split split);                       // "train", "valid", "test"
absl::StatusOr<Split> ParseSplit(std::string_view name);  // InvalidArgument lists the names

// What identifies a corpus: for the dataset row of the results database.
struct CorpusIdentity {
  std::string name;  // "enwik8", "enwik8-3500k", else the name of the file
  int64_t bytes = 0;
  std::string sha256;  // of the whole file, lower-case hexadecimal
  ByteRange train, valid, test;
  std::string licence;  // attribution of the known ones, "unknown" for any other file
};

// The corpora whose size and checksum are known: "enwik8" (100,000,000 bytes, split 90/5/5 MB) and
// "enwik8-3500k" (its first 3,500,000 bytes, split 3,150,000 / 175,000 / 175,000).
std::span<const CorpusIdentity> KnownCorpora();

// The bytes in memory. Immutable.
class ByteCorpus {
 public:
  // Reads a file and takes its SHA-256. One that equals a known corpus gets its name, ranges and
  // licence; any other is split 90/5/5 percent (whole bytes, the rest to test). With `expected`, a
  // name of KnownCorpora(), the file must be that one.
  //   NotFound         no such file; says what to do
  //   DataLoss         size or SHA-256 differ from the expected corpus; both are printed
  //   InvalidArgument  `expected` is not known, or the file is empty
  static absl::StatusOr<std::shared_ptr<const ByteCorpus>> Open(const std::string& path,
                                                                std::string_view expected = "");
  // The same for bytes that are already in memory.
  static absl::StatusOr<std::shared_ptr<const ByteCorpus>> FromBytes(std::string name,
                                                                     std::string bytes);

  const CorpusIdentity& identity() const { return identity_; }
  ByteRange Range(Split split) const;
  std::span<const uint8_t> Bytes(ByteRange range) const;
  std::span<const uint8_t> Bytes(Split split) const { return Bytes(Range(split)); }
  // SHA-256 of one part.
  std::string Sha256(Split split) const;

 private:
  ByteCorpus(CorpusIdentity identity, std::string bytes)
      : identity_(std::move(identity)), bytes_(std::move(bytes)) {}
  CorpusIdentity identity_;
  std::string bytes_;
};

// Training windows of a range: sequence i starts at begin + stride * u, u uniform over all places
// where a window fits, from the counter RNG of (seed, i). Stride 1 uses every position; the paper
// trains with stride 512 (C3).
class ByteWindows : public Dataset {
 public:
  ByteWindows(std::shared_ptr<const ByteCorpus> corpus, ByteRange range, int64_t stride = 1);

  int64_t vocab_size() const override { return 256; }
  absl::Status Fill(uint64_t seed, int64_t first_sequence, int64_t count, int64_t length,
                    int32_t* tokens) const override;
  // Where sequence i starts, as a position in the file.
  int64_t Start(uint64_t seed, int64_t sequence, int64_t length) const;

 private:
  std::shared_ptr<const ByteCorpus> corpus_;
  ByteRange range_;
  int64_t stride_;
};

}  // namespace hourglass
