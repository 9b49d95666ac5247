#include "hourglass/train/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/json_text.h"

namespace hourglass {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKeysOfOtherKinds[] = {"favor_features", "local_chunk", "lsh_chunk",
                                                  "lsh_hashes", "lsh_buckets"};

Json ToJson(const ModelConfig& config) {
  return {{"vocab_size", config.vocab_size},
          {"d_model", config.d_model},
          {"d_ff", config.d_ff},
          {"n_heads", config.n_heads},
          {"hierarchy", config.hierarchy},
          {"vanilla_attention", config.vanilla_attention},
          {"middle_attention", config.middle_attention},
          {"shortening", config.shortening},
          {"shortening_query", config.shortening_query},
          {"upsampling", config.upsampling},
          {"upsampling_query", config.upsampling_query},
          {"mask_id", config.mask_id ? Json(*config.mask_id) : Json(nullptr)},
          {"dropout", config.dropout}};
}

absl::Status WrongType(const std::string& key, const Json& value) {
  return absl::DataLossError(
      absl::StrCat("model config: '", key, "' has the value ", value.dump()));
}

// Puts the value of one key where it belongs, if it has the right type.
class Setter {
 public:
  Setter(const std::string& key, const Json& value) : key_(key), value_(value) {}
  bool done() const { return done_; }
  bool wrong() const { return wrong_; }

  Setter& Field(std::string_view name, int64_t& field) {
    if (Matches(name) && Expect(IsInt64())) field = value_.get<int64_t>();
    return *this;
  }
  Setter& Field(std::string_view name, std::string& field) {
    if (Matches(name) && Expect(value_.is_string())) field = value_.get<std::string>();
    return *this;
  }
  Setter& Field(std::string_view name, double& field) {
    if (Matches(name) && Expect(value_.is_number())) field = value_.get<double>();
    return *this;
  }
  Setter& Field(std::string_view name, std::optional<int32_t>& field) {
    if (!Matches(name) || !Expect(value_.is_null() || (IsInt64() && FitsInt32()))) return *this;
    if (value_.is_null()) {
      field.reset();
    } else {
      field = value_.get<int32_t>();
    }
    return *this;
  }

 private:
  bool Matches(std::string_view name) {
    done_ = done_ || key_ == name;
    return key_ == name;
  }
  bool Expect(bool right) {
    wrong_ = wrong_ || !right;
    return right;
  }
  bool IsInt64() const {
    return value_.is_number_integer() &&
           (!value_.is_number_unsigned() ||
            value_.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  }
  bool FitsInt32() const {
    return value_.get<int64_t>() >= INT32_MIN && value_.get<int64_t>() <= INT32_MAX;
  }

  const std::string& key_;
  const Json& value_;
  bool done_ = false, wrong_ = false;
};

absl::Status SetField(const std::string& key, const Json& value, ModelConfig& config) {
  Setter setter(key, value);
  setter.Field("vocab_size", config.vocab_size)
      .Field("d_model", config.d_model)
      .Field("d_ff", config.d_ff)
      .Field("n_heads", config.n_heads)
      .Field("hierarchy", config.hierarchy)
      .Field("vanilla_attention", config.vanilla_attention)
      .Field("middle_attention", config.middle_attention)
      .Field("shortening", config.shortening)
      .Field("shortening_query", config.shortening_query)
      .Field("upsampling", config.upsampling)
      .Field("upsampling_query", config.upsampling_query)
      .Field("mask_id", config.mask_id)
      .Field("dropout", config.dropout);
  if (setter.wrong()) return WrongType(key, value);
  if (setter.done()) return absl::OkStatus();
  if (std::count(std::begin(kKeysOfOtherKinds), std::end(kKeysOfOtherKinds), key) > 0) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("model config: unknown key '", key, "'"));
}

}  // namespace

std::string ModelConfigToJson(const ModelConfig& config) { return JsonText(ToJson(config)); }

absl::StatusOr<ModelConfig> ModelConfigFromJson(std::string_view json) {
  const Json object = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("model config: is not a JSON object");
  ModelConfig config;
  for (const auto& [key, value] : object.items()) {
    const absl::Status status = SetField(key, value, config);
    if (!status.ok()) return status;
  }
  return config;
}

std::string DifferingFields(const ModelConfig& a, const ModelConfig& b) {
  const Json left = ToJson(a), right = ToJson(b);
  std::vector<std::string> parts;
  for (const auto& [key, value] : left.items()) {
    if (key == "dropout" || value == right[key]) continue;
    parts.push_back(absl::StrCat(key, ": ", value.dump(), ", ", right[key].dump()));
  }
  std::string text;
  for (const std::string& part : parts) absl::StrAppend(&text, text.empty() ? "" : "; ", part);
  return text;
}

}  // namespace hourglass
