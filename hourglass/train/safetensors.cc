#include "hourglass/train/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/status.h"
#include "hourglass/train/safetensors_header.h"

namespace hourglass {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

constexpr int64_t kSizeBytes = 8;
// The limit of the format's own library.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

constexpr char kSealKey[] = "sha256";
// In place of the digits while the file is hashed, for a file cannot hold its own hash.
constexpr char kNoSeal[] = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr int64_t kSealDigits = sizeof(kNoSeal) - 1;

// Where the digits of the seal lie in the header; -1 if it has none of the right length.
int64_t FindSeal(std::string_view json, const std::map<std::string, std::string>& metadata) {
  const auto seal = metadata.find(kSealKey);
  if (seal == metadata.end() || seal->second.size() != kSealDigits) return -1;
  const std::string key = absl::StrCat("\"", kSealKey, "\":\"");
  const size_t found = json.find(key + seal->second);
  return found == std::string_view::npos ? -1 : static_cast<int64_t>(found + key.size());
}

absl::Status Damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

absl::Status Prefixed(const std::string& path, const absl::Status& status) {
  return Damaged(path, std::string(status.message()));
}

template <typename T>
void Convert(std::span<const std::byte> bytes, std::vector<double>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, BFloat16>) {
      out[i] = static_cast<double>(static_cast<float>(value));
    } else {
      out[i] = static_cast<double>(value);
    }
  }
}

}  // namespace

// An open descriptor, shared by copies of the Safetensors.
class Safetensors::File {
 public:
  File(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(fd_); }

  absl::StatusOr<int64_t> Size() const {
    struct stat info;
    if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
      return absl::PermissionDeniedError(absl::StrCat(path_, ": is not a readable file"));
    }
    return static_cast<int64_t>(info.st_size);
  }

  // Read, not mapped: a file that shrinks meanwhile is an error and not a signal.
  absl::Status Read(int64_t offset, std::span<std::byte> out) const {
    while (!out.empty()) {
      const ssize_t got = ::pread(fd_, out.data(), out.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Damaged(path_, absl::StrCat("cannot read: ", std::strerror(errno)));
      if (got == 0) return Damaged(path_, "ends too early");
      out = out.subspan(static_cast<size_t>(got));
      offset += got;
    }
    return absl::OkStatus();
  }

 private:
  std::string path_;
  int fd_;
};

absl::StatusOr<Safetensors> Safetensors::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const std::string text = absl::StrCat(path, ": cannot open: ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::PermissionDeniedError(text);
  }
  Safetensors result;
  result.path_ = path;
  result.file_ = std::make_shared<File>(path, fd);
  HG_ASSIGN_OR_RETURN(const int64_t size, result.file_->Size());
  if (size < kSizeBytes) return Damaged(path, "too short for a safetensors file");
  uint64_t header_bytes = 0;
  HG_RETURN_IF_ERROR(result.file_->Read(0, std::as_writable_bytes(std::span(&header_bytes, 1))));
  if (header_bytes > kMaxHeaderBytes) {
    return Damaged(path, absl::StrCat("header of ", header_bytes,
                                      " bytes is larger than the limit of ", kMaxHeaderBytes));
  }
  if (header_bytes > static_cast<uint64_t>(size - kSizeBytes)) {
    return Damaged(path, absl::StrCat("header of ", header_bytes, " bytes in a file of ", size));
  }
  std::string json(header_bytes, '\0');
  HG_RETURN_IF_ERROR(result.file_->Read(kSizeBytes, std::as_writable_bytes(std::span(json))));
  const int64_t data = kSizeBytes + static_cast<int64_t>(header_bytes);
  auto header = ParseSafetensorsHeader(json, size - data);
  if (!header.ok()) return Prefixed(path, header.status());
  result.bytes_ = size;
  result.metadata_ = std::move(header->metadata);
  const int64_t seal = FindSeal(json, result.metadata_);
  if (seal >= 0) result.seal_at_ = kSizeBytes + seal;
  result.tensors_ = std::move(header->tensors);
  for (auto& [name, tensor] : result.tensors_) tensor.offset += data;
  return result;
}

absl::StatusOr<std::string> Safetensors::Metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return Damaged(path_, absl::StrCat("no metadata '", key, "'"));
  return found->second;
}

absl::StatusOr<FileTensor> Safetensors::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return Damaged(path_, absl::StrCat("no tensor '", name, "'"));
  return found->second;
}

absl::StatusOr<std::vector<std::byte>> Safetensors::ReadBytes(const std::string& name) const {
  HG_ASSIGN_OR_RETURN(const FileTensor tensor, Find(name));
  std::vector<std::byte> bytes(static_cast<size_t>(tensor.bytes));
  HG_RETURN_IF_ERROR(file_->Read(tensor.offset, bytes));
  return bytes;
}

absl::StatusOr<std::vector<double>> Safetensors::ReadDoubles(const std::string& name) const {
  HG_ASSIGN_OR_RETURN(const FileTensor tensor, Find(name));
  HG_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadBytes(name));
  std::vector<double> values(static_cast<size_t>(tensor.shape.Elements()));
  switch (tensor.dtype) {
    case FileDType::kF64:
      Convert<double>(bytes, values);
      break;
    case FileDType::kF32:
      Convert<float>(bytes, values);
      break;
    case FileDType::kBF16:
      Convert<BFloat16>(bytes, values);
      break;
    case FileDType::kI64:
      Convert<int64_t>(bytes, values);
      break;
    case FileDType::kI32:
      Convert<int32_t>(bytes, values);
      break;
    case FileDType::kU32:
      Convert<uint32_t>(bytes, values);
      break;
    case FileDType::kU8:
      Convert<uint8_t>(bytes, values);
      break;
  }
  return values;
}

absl::StatusOr<std::vector<int32_t>> Safetensors::ReadInts(const std::string& name) const {
  HG_ASSIGN_OR_RETURN(const FileTensor tensor, Find(name));
  if (tensor.dtype != FileDType::kI32) {
    return Damaged(path_, absl::StrCat("tensor '", name, "': is ", std::string(Name(tensor.dtype)),
                                       ", not I32"));
  }
  std::vector<int32_t> values(static_cast<size_t>(tensor.shape.Elements()));
  HG_RETURN_IF_ERROR(file_->Read(tensor.offset, std::as_writable_bytes(std::span(values))));
  return values;
}

absl::Status Safetensors::CheckSeal() const {
  if (seal_at_ < 0)
    return Damaged(path_, absl::StrCat("no metadata '", kSealKey, "' with its hash"));
  constexpr int64_t kPiece = 1 << 20;
  Sha256 hash;
  std::string piece;
  const auto update = [&](int64_t begin, int64_t end) -> absl::Status {
    for (int64_t at = begin; at < end; at += kPiece) {
      piece.resize(static_cast<size_t>(std::min(kPiece, end - at)));
      HG_RETURN_IF_ERROR(file_->Read(at, std::as_writable_bytes(std::span(piece))));
      hash.Update(piece);
    }
    return absl::OkStatus();
  };
  HG_RETURN_IF_ERROR(update(0, seal_at_));
  hash.Update(kNoSeal);
  HG_RETURN_IF_ERROR(update(seal_at_ + kSealDigits, bytes_));
  if (hash.Hex() == metadata_.at(kSealKey)) return absl::OkStatus();
  return Damaged(path_, "its content is not what was written: the SHA-256 it carries differs");
}

void SafetensorsWriter::Add(const std::string& name, FileDType dtype, Shape shape, Source source) {
  HG_CHECK(entries_.emplace(name, Entry{dtype, std::move(shape), std::move(source)}).second);
}

absl::Status SafetensorsWriter::Write(const std::string& path) const {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : entries_) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return SizeOf(a->second.dtype) > SizeOf(b->second.dtype);
  });
  SafetensorsHeader header{metadata_, {}};
  int64_t offset = 0;
  for (const auto* entry : order) {
    const auto& [dtype, shape, source] = entry->second;
    const int64_t bytes = shape.Elements() * static_cast<int64_t>(SizeOf(dtype));
    header.tensors[entry->first] = {dtype, shape, offset, bytes};
    offset += bytes;
  }
  if (sealed_) header.metadata[kSealKey] = kNoSeal;
  const std::string json = FormatSafetensorsHeader(header);
  const uint64_t header_bytes = json.size();
  HG_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  Sha256 hash;
  const auto append = [&](std::string_view text) {
    if (sealed_) hash.Update(text);
    return file.Append(text);
  };
  HG_RETURN_IF_ERROR(append({reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes)}));
  HG_RETURN_IF_ERROR(append(json));
  std::vector<std::byte> bytes;
  for (const auto* entry : order) {
    bytes.resize(static_cast<size_t>(header.tensors[entry->first].bytes));
    HG_RETURN_IF_ERROR(entry->second.source(bytes));
    HG_RETURN_IF_ERROR(append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  if (sealed_) {
    HG_RETURN_IF_ERROR(file.Overwrite(kSizeBytes + FindSeal(json, header.metadata), hash.Hex()));
  }
  return file.Commit();
}

}  // namespace hourglass
