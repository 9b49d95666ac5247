#include "hourglass/train/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/json_text.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using Json = nlohmann::json;

constexpr char kMetadataKey[] = "__metadata__";
constexpr size_t kAlignment = 8;
constexpr size_t kMaxRank = 16;
constexpr size_t kMaxMessage = 200;  // a parse error quotes the file

constexpr FileDType kDTypes[] = {FileDType::kF64, FileDType::kF32, FileDType::kBF16,
                                 FileDType::kI64, FileDType::kI32, FileDType::kU32,
                                 FileDType::kU8};

std::optional<FileDType> FindDType(std::string_view name) {
  for (const FileDType dtype : kDTypes) {
    if (Name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

absl::Status TensorError(const std::string& tensor, const std::string& what) {
  return absl::DataLossError(absl::StrCat("tensor '", tensor, "': ", what));
}

// Takes the header event by event, so that a duplicate key, a wrong type or deep nesting ends the
// parse at once and nothing is built from it.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  absl::Status status() const { return status_; }
  SafetensorsHeader Take() { return std::move(header_); }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("true or false"); }
  bool number_integer(number_integer_t) override { return Unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return Unexpected("a number that is not an integer of 64 bits");
  }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) return Unexpected("a number");
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Fail(absl::StrCat("number ", number, " is too large"));
    }
    std::vector<int64_t>& list = place_ == Place::kShape ? shape_ : offsets_;
    if (list.size() == kMaxRank) return Fail("a list is too long");
    list.push_back(static_cast<int64_t>(number));
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = text;
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") return Unexpected("a string");
    dtype_ = FindDType(text);
    return dtype_ ? true : Fail(absl::StrCat("unknown dtype '", text, "'"));
  }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kTop;
        return true;
      case Place::kTop:
        place_ = tensor_ == kMetadataKey ? Place::kMetadata : Place::kTensor;
        has_shape_ = has_offsets_ = false;
        dtype_.reset();
        seen_.clear();
        key_.clear();
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool key(string_t& name) override {
    if (place_ == Place::kTop) {
      tensor_ = name;
      if (!names_.insert(name).second) return Fail("is there twice");
      return true;
    }
    key_ = name;
    if (!seen_.insert(name).second) return Fail(absl::StrCat("key '", name, "' is there twice"));
    if (place_ == Place::kTensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      return Fail(absl::StrCat("unknown key '", name, "'"));
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTop) {
      place_ = Place::kEnd;
      return true;
    }
    const bool tensor = place_ == Place::kTensor;
    place_ = Place::kTop;
    return !tensor || FinishTensor();
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || key_ == "dtype") return Unexpected("a list");
    const bool shape = key_ == "shape";
    (shape ? has_shape_ : has_offsets_) = true;
    (shape ? shape_ : offsets_).clear();
    place_ = shape ? Place::kShape : Place::kOffsets;
    return true;
  }
  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& e) override {
    status_ =
        absl::DataLossError(absl::StrCat("header is not JSON (byte ", position,
                                         "): ", std::string(e.what()).substr(0, kMaxMessage)));
    return false;
  }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool Fail(const std::string& what) {
    status_ = tensor_.empty() ? absl::DataLossError(absl::StrCat("header: ", what))
                              : TensorError(tensor_, what);
    return false;
  }
  bool Unexpected(const std::string& what) {
    return Fail(absl::StrCat("has ", what, key_.empty() ? "" : absl::StrCat(" near '", key_, "'"),
                             " where it may not be"));
  }

  bool FinishTensor() {
    if (!dtype_) return Fail("has no dtype");
    if (!has_shape_) return Fail("has no shape");
    if (!has_offsets_ || offsets_.size() != 2) return Fail("has no data_offsets of two numbers");
    int64_t bytes = static_cast<int64_t>(SizeOf(*dtype_));
    for (const int64_t dim : shape_) {
      if (__builtin_mul_overflow(bytes, dim, &bytes)) return Fail("its shape overflows");
    }
    if (offsets_[0] > offsets_[1]) return Fail("data_offsets run backwards");
    if (offsets_[1] - offsets_[0] != bytes) {
      return Fail(absl::StrCat("its shape takes ", bytes, " bytes, its data_offsets span ",
                               offsets_[1] - offsets_[0]));
    }
    header_.tensors[tensor_] = {*dtype_, Shape(shape_.begin(), shape_.end()), offsets_[0], bytes};
    return true;
  }

  Place place_ = Place::kStart;
  std::string tensor_, key_;
  std::set<std::string> names_, seen_;
  std::optional<FileDType> dtype_;
  std::vector<int64_t> shape_, offsets_;
  bool has_shape_ = false, has_offsets_ = false;
  SafetensorsHeader header_;
  absl::Status status_;
};

absl::Status CheckCoverage(const std::map<std::string, FileTensor>& tensors, int64_t data_bytes) {
  std::vector<std::pair<const FileTensor*, const std::string*>> order;
  for (const auto& [name, tensor] : tensors) order.emplace_back(&tensor, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->offset, a.first->bytes) < std::pair(b.first->offset, b.first->bytes);
  });
  int64_t end = 0;
  for (const auto& [tensor, name] : order) {
    // Compared this way round because offset + bytes, taken from the file, was checked before.
    if (tensor->offset > data_bytes || tensor->bytes > data_bytes - tensor->offset) {
      return TensorError(*name, absl::StrCat("ends at byte ", tensor->offset + tensor->bytes,
                                             " of the data, of which the file has ", data_bytes));
    }
    if (tensor->offset < end) return TensorError(*name, "overlaps another tensor");
    if (tensor->offset > end) {
      return TensorError(*name, absl::StrCat("starts at byte ", tensor->offset,
                                             " of the data, but the one before it ends at ", end));
    }
    end = tensor->offset + tensor->bytes;
  }
  if (end != data_bytes) {
    return absl::DataLossError(absl::StrCat("tensors end at byte ", end,
                                            " of the data, of which the file has ", data_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(FileDType dtype) {
  switch (dtype) {
    case FileDType::kF64:
      return "F64";
    case FileDType::kF32:
      return "F32";
    case FileDType::kBF16:
      return "BF16";
    case FileDType::kI64:
      return "I64";
    case FileDType::kI32:
      return "I32";
    case FileDType::kU32:
      return "U32";
    case FileDType::kU8:
      return "U8";
  }
  return "?";
}

size_t SizeOf(FileDType dtype) {
  switch (dtype) {
    case FileDType::kF64:
    case FileDType::kI64:
      return 8;
    case FileDType::kF32:
    case FileDType::kI32:
    case FileDType::kU32:
      return 4;
    case FileDType::kBF16:
      return 2;
    case FileDType::kU8:
      return 1;
  }
  return 0;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                         int64_t data_bytes) {
  HeaderReader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) return reader.status();
  SafetensorsHeader header = reader.Take();
  HG_RETURN_IF_ERROR(CheckCoverage(header.tensors, data_bytes));
  return header;
}

std::string FormatSafetensorsHeader(const SafetensorsHeader& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) json[kMetadataKey] = header.metadata;
  for (const auto& [name, tensor] : header.tensors) {
    json[name] = {{"dtype", std::string(Name(tensor.dtype))},
                  {"shape", std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end())},
                  {"data_offsets", {tensor.offset, tensor.offset + tensor.bytes}}};
  }
  std::string text = JsonText(json);
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace hourglass
