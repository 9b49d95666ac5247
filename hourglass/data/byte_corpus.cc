#include "hourglass/data/byte_corpus.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/base/check.h"
#include "hourglass/base/counter_rng.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

constexpr RandomSite kSite = MakeRandomSite("data.byte_windows");

constexpr char kWikipediaLicence[] =
    "Text from the English Wikipedia, dump of 3 March 2006, by Wikipedia contributors, as "
    "contained "
    "in enwik8 (Matt Mahoney, Large Text Compression Benchmark); GNU Free Documentation License "
    "and Creative Commons Attribution-ShareAlike.";

constexpr char kWhatToGive[] = "; give the path of a file of bytes";

const CorpusIdentity* FindKnown(std::string_view name) {
  for (const CorpusIdentity& known : KnownCorpora()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

std::string KnownNames() {
  return absl::StrJoin(KnownCorpora(), ", ", [](std::string* out, const CorpusIdentity& known) {
    absl::StrAppend(out, known.name);
  });
}

CorpusIdentity MakeIdentity(FileIdentity file, const char* licence) {
  const SplitRanges parts = SplitByPercent(file.bytes);
  return {std::move(file), parts, licence};
}

CorpusIdentity Identify(FileIdentity file) {
  for (const CorpusIdentity& known : KnownCorpora()) {
    if (known.sha256 == file.sha256) return known;
  }
  return MakeIdentity(std::move(file), "unknown");
}

}  // namespace

std::string_view Name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kValid:
      return "valid";
    case Split::kTest:
      return "test";
  }
  return "?";
}

absl::StatusOr<Split> ParseSplit(std::string_view name) {
  for (const Split split : {Split::kTrain, Split::kValid, Split::kTest}) {
    if (Name(split) == name) return split;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(name), "' is no split; there are: train, valid, test"));
}

SplitRanges SplitByPercent(int64_t bytes) {
  // Hundreds and the rest apart: 90 * bytes could overflow.
  const auto percent = [&](int64_t p) { return bytes / 100 * p + bytes % 100 * p / 100; };
  const int64_t train = percent(90), valid = percent(5);
  return {{0, train}, {train, train + valid}, {train + valid, bytes}};
}

std::span<const CorpusIdentity> KnownCorpora() {
  static const std::vector<CorpusIdentity>* const known = new std::vector<CorpusIdentity>{
      MakeIdentity(
          {"enwik8", 100000000, "2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8"},
          kWikipediaLicence),
      MakeIdentity({"enwik8-3500k", 3500000,
                    "d066168e0ccb46603750e70253e574036735425be4521eddcc17cfa38b210347"},
                   kWikipediaLicence),
  };
  return *known;
}

absl::StatusOr<std::shared_ptr<const ByteCorpus>> ByteCorpus::Open(const std::string& path,
                                                                   std::string_view expected) {
  const CorpusIdentity* wanted = expected.empty() ? nullptr : FindKnown(expected);
  if (!expected.empty() && wanted == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no corpus is called '", std::string(expected),
                                                   "'; there are: ", KnownNames()));
  }
  if (const absl::Status status = ExpectDataFile(path); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(status.message(), kWhatToGive));
  }
  absl::StatusOr<std::string> bytes = ReadFile(path);
  HG_RETURN_IF_ERROR(bytes.status());
  if (bytes->empty()) {
    return absl::DataLossError(absl::StrCat(path, ": has no bytes", kWhatToGive));
  }
  HG_ASSIGN_OR_RETURN(
      std::shared_ptr<const ByteCorpus> corpus,
      FromBytes(std::filesystem::path(path).filename().string(), *std::move(bytes)));
  if (wanted != nullptr) HG_RETURN_IF_ERROR(ExpectIdentity(path, corpus->identity(), *wanted));
  return corpus;
}

absl::StatusOr<std::shared_ptr<const ByteCorpus>> ByteCorpus::FromBytes(std::string name,
                                                                        std::string bytes) {
  if (bytes.empty()) return absl::DataLossError(absl::StrCat(name, ": has no bytes"));
  CorpusIdentity identity =
      Identify({std::move(name), static_cast<int64_t>(bytes.size()), Sha256Hex(bytes)});
  return std::shared_ptr<const ByteCorpus>(new ByteCorpus(std::move(identity), std::move(bytes)));
}

ByteRange ByteCorpus::Range(Split split) const {
  switch (split) {
    case Split::kTrain:
      return identity_.parts.train;
    case Split::kValid:
      return identity_.parts.valid;
    case Split::kTest:
      return identity_.parts.test;
  }
  return {};
}

std::span<const uint8_t> ByteCorpus::Bytes(ByteRange range) const {
  HG_CHECK(0 <= range.begin && range.begin <= range.end && range.end <= identity_.bytes);
  return {reinterpret_cast<const uint8_t*>(bytes_.data()) + range.begin,
          static_cast<size_t>(range.size())};
}

std::string ByteCorpus::Sha256(Split split) const {
  const std::span<const uint8_t> bytes = Bytes(split);
  return Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

int64_t WindowPlaces::Count(int64_t length) const {
  return length > range.size() ? 0 : (range.size() - length) / stride + 1;
}

ByteWindows::ByteWindows(std::shared_ptr<const ByteCorpus> corpus, ByteRange range, int64_t stride)
    : corpus_(std::move(corpus)), places_{range, stride} {
  HG_CHECK(stride >= 1);
}

int64_t ByteWindows::Start(uint64_t seed, int64_t sequence, int64_t length) const {
  const uint64_t number = static_cast<uint64_t>(sequence);
  const CounterRng rng{seed, kSite, static_cast<uint32_t>(number >> 32),
                       static_cast<uint32_t>(number)};
  const auto quad = rng.Quad(0);
  const auto count = static_cast<uint64_t>(places_.Count(length));
  // Upper half of a 64 by 64 bit product: uniform over the places up to 2^-64 each.
  const uint64_t draw = (static_cast<uint64_t>(quad[0]) << 32) | quad[1];
  return places_.At(static_cast<int64_t>((static_cast<unsigned __int128>(draw) * count) >> 64));
}

absl::Status ByteWindows::CheckLength(int64_t length) const {
  if (places_.Count(length) > 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      corpus_->identity().name, ": windows of ", length, " bytes do not fit into the ",
      places_.range.size(), " bytes to take them from; take a longer file or shorter windows"));
}

absl::Status ByteWindows::Fill(uint64_t seed, int64_t first_sequence, int64_t count, int64_t length,
                               int32_t* tokens) const {
  if (length < 1) {
    return absl::InvalidArgumentError(absl::StrCat("windows of ", length, " bytes hold nothing"));
  }
  HG_RETURN_IF_ERROR(CheckLength(length));
  for (int64_t s = 0; s < count; ++s) {
    const int64_t start = Start(seed, first_sequence + s, length);
    const std::span<const uint8_t> window = corpus_->Bytes({start, start + length});
    std::copy(window.begin(), window.end(), tokens + s * length);
  }
  return absl::OkStatus();
}

}  // namespace hourglass
