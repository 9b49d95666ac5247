#pragma once
// A file of bytes as language-model data: vocabulary 256, id = byte (paper C3).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/data/dataset.h"
#include "hourglass/data/file_identity.h"

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

// The three parts of a corpus, in this order, without gaps.
struct SplitRanges {
  ByteRange train, valid, test;
};

// 90, 5 and 5 percent in whole bytes, what is left over to test: exactly the 90/5/5 MB of enwik8
// (paper C3).
SplitRanges SplitByPercent(int64_t bytes);

// What identifies a corpus: for the dataset row of the results database. The name is "enwik8",
// "enwik8-3500k", else that of the file.
struct CorpusIdentity : FileIdentity {
  SplitRanges parts;
  std::string licence;  // attribution of the known ones, "unknown" for any other file
};

// The corpora whose size and checksum are known: "enwik8" (100,000,000 bytes, split 90/5/5 MB) and
// "enwik8-3500k" (its first 3,500,000 bytes, split 3,150,000 / 175,000 / 175,000).
std::span<const CorpusIdentity> KnownCorpora();

// The bytes in memory. Immutable.
class ByteCorpus {
 public:
  // Reads a file and takes its SHA-256. One that equals a known corpus gets its name, ranges and
  // licence; any other is split by percent. With `expected`, a name of KnownCorpora(), the file
  // must be that one. Messages start with the path.
  //   NotFound          no such file; says what to do
  //   DataLoss          the file is empty, a folder or a device; or its size or SHA-256 differ from
  //                     the expected corpus, and both are printed
  //   PermissionDenied  it cannot be read
  //   InvalidArgument   `expected` is not known
  static absl::StatusOr<std::shared_ptr<const ByteCorpus>> Open(const std::string& path,
                                                                std::string_view expected = "");
  // The same for bytes that are already in memory; DataLoss "NAME: ..." if there are none.
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

// Where the windows of a range may start: at begin + stride * u, u = 0 .. Count - 1. Stride 1 uses
// every position; the paper trains with stride 512 (C3), so that with windows of 2048 every byte
// but those near the ends lies in exactly four of them.
struct WindowPlaces {
  ByteRange range;
  int64_t stride = 1;

  // Places where a window of so many bytes fits; 0 if there is none.
  int64_t Count(int64_t length) const;
  int64_t At(int64_t place) const { return range.begin + stride * place; }
};

// Training windows of a range: sequence i starts at one of its WindowPlaces, drawn uniformly by the
// counter RNG of (seed, i).
class ByteWindows : public Dataset {
 public:
  ByteWindows(std::shared_ptr<const ByteCorpus> corpus, ByteRange range, int64_t stride = 1);

  int64_t vocab_size() const override { return 256; }
  absl::Status Fill(uint64_t seed, int64_t first_sequence, int64_t count, int64_t length,
                    int32_t* tokens) const override;
  // DataLoss, with what to do, if the range is shorter than a window of `length` bytes.
  absl::Status CheckLength(int64_t length) const;
  // Where sequence i starts, as a position in the file.
  int64_t Start(uint64_t seed, int64_t sequence, int64_t length) const;

 private:
  std::shared_ptr<const ByteCorpus> corpus_;
  WindowPlaces places_;
};

}  // namespace hourglass
