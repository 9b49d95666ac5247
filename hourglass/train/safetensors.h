#pragma once
// The safetensors format: 8 bytes little-endian header size, JSON header (name -> dtype, shape,
// data_offsets relative to the end of the header; string metadata under "__metadata__"), then raw
// little-endian row-major data without gaps.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass {

// Element types of files that we read; written as "F64", "F32", ...
enum class FileDType : uint8_t { kF64, kF32, kBF16, kI64, kI32, kU32, kU8 };
std::string_view Name(FileDType dtype);
size_t SizeOf(FileDType dtype);

struct FileTensor {
  FileDType dtype = FileDType::kF32;
  Shape shape;
  int64_t offset = 0;  // bytes from the start of the file
  int64_t bytes = 0;
};

// An open file. The header is checked as a whole when it is opened; tensors are read one at a time.
// Every defect of the file is DataLoss: "PATH: tensor 'NAME': WHAT".
class Safetensors {
 public:
  // NotFound or PermissionDenied if it cannot be opened.
  static absl::StatusOr<Safetensors> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // DataLoss naming the key if it is not there.
  absl::StatusOr<std::string> Metadata(const std::string& key) const;
  const std::map<std::string, FileTensor>& tensors() const { return tensors_; }
  bool Has(const std::string& name) const { return tensors_.count(name) > 0; }
  // DataLoss naming the tensor if it is not there.
  absl::StatusOr<FileTensor> Find(const std::string& name) const;

  // Content converted to double (any dtype; exact but for large I64).
  absl::StatusOr<std::vector<double>> ReadDoubles(const std::string& name) const;
  // Content of an I32 tensor; DataLoss for another dtype.
  absl::StatusOr<std::vector<int32_t>> ReadInts(const std::string& name) const;
  // The raw bytes.
  absl::StatusOr<std::vector<std::byte>> ReadBytes(const std::string& name) const;

  // DataLoss unless the file was written sealed and has not lost or changed a bit since. Reads all
  // of it.
  absl::Status CheckSeal() const;

 private:
  class File;
  std::string path_;
  std::shared_ptr<File> file_;
  int64_t bytes_ = 0;     // of the whole file
  int64_t seal_at_ = -1;  // offset of its digits
  std::map<std::string, std::string> metadata_;
  std::map<std::string, FileTensor> tensors_;
};

// Collects tensors and writes them in one go, each fetched only when its turn comes. Tensors are
// ordered by element size (largest first), then name, so that all are aligned; equal content makes
// equal files.
class SafetensorsWriter {
 public:
  using Source = std::function<absl::Status(std::span<std::byte> out)>;

  void SetMetadata(const std::string& key, std::string value) { metadata_[key] = std::move(value); }
  // `source` writes the tensor's bytes; it is called once, during Write.
  void Add(const std::string& name, FileDType dtype, Shape shape, Source source);
  // Write adds the metadata "sha256": the SHA-256 of the whole file with these 64 digits as zeros.
  void Seal() { sealed_ = true; }
  // Replaces `path` atomically: after a failure or a crash the old file is whole.
  absl::Status Write(const std::string& path) const;

 private:
  struct Entry {
    FileDType dtype;
    Shape shape;
    Source source;
  };
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Entry> entries_;
  bool sealed_ = false;
};

}  // namespace hourglass
