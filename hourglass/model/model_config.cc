#include "hourglass/model/model_config.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/base/status.h"
#include "hourglass/model/hierarchy.h"
#include "hourglass/nn/attention.h"

namespace hourglass {
namespace {

// Beyond these a tensor's size no longer fits, and the number is a typing error anyway.
constexpr int64_t kLargestWidth = 1 << 16;

absl::Status CheckRange(const char* field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " = ", value, " is not in ", least, " .. ", most));
}

absl::Status CheckOneOf(const char* field, const std::string& value,
                        std::initializer_list<const char*> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " = \"", value, "\" is not one of: ", absl::StrJoin(allowed, ", ")));
}

absl::Status CheckWidths(const ModelConfig& c) {
  HG_RETURN_IF_ERROR(CheckRange("vocab_size", c.vocab_size, 1, 1 << 24));
  HG_RETURN_IF_ERROR(CheckRange("d_model", c.d_model, 2, kLargestWidth));
  HG_RETURN_IF_ERROR(CheckRange("d_ff", c.d_ff, 1, 4 * kLargestWidth));
  HG_RETURN_IF_ERROR(CheckRange("n_heads", c.n_heads, 1, c.d_model));
  if (c.d_model % 2 != 0 || c.d_model % c.n_heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "d_model = ", c.d_model, " is not even or not divisible by n_heads = ", c.n_heads));
  }
  return absl::OkStatus();
}

absl::Status CheckKind(const ModelConfig& c, const char* field, const std::string& kind) {
  const auto found = FindAttentionKind(kind);
  if (!found.ok()) {
    return absl::Status(found.status().code(),
                        absl::StrCat(field, ": ", std::string(found.status().message())));
  }
  if (kind == "softmax_rotary" && (c.d_model / c.n_heads) % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " = softmax_rotary wants an even head width, got ", c.d_model / c.n_heads));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ModelConfig::Validate() const {
  HG_RETURN_IF_ERROR(CheckWidths(*this));
  const auto parsed = Hierarchy::Parse(hierarchy);
  if (!parsed.ok()) return parsed.status();
  HG_RETURN_IF_ERROR(CheckKind(*this, "vanilla_attention", vanilla_attention));
  HG_RETURN_IF_ERROR(CheckKind(*this, "middle_attention", middle_attention));
  HG_RETURN_IF_ERROR(CheckOneOf("shortening", shortening, {"average", "linear", "attention"}));
  HG_RETURN_IF_ERROR(CheckOneOf("shortening_query", shortening_query, {"average", "linear"}));
  HG_RETURN_IF_ERROR(CheckOneOf("upsampling", upsampling, {"repeat", "linear", "attention"}));
  HG_RETURN_IF_ERROR(
      CheckOneOf("upsampling_query", upsampling_query, {"none", "linear", "repeat"}));
  if (mask_id) HG_RETURN_IF_ERROR(CheckRange("mask_id", *mask_id, 0, vocab_size - 1));
  if (!(dropout >= 0.0 && dropout < 1.0)) {
    return absl::InvalidArgumentError(absl::StrCat("dropout = ", dropout, " is not in [0, 1)"));
  }
  return absl::OkStatus();
}

std::string ModelConfig::Label() const {
  const auto parsed = Hierarchy::Parse(hierarchy);
  if (!parsed.ok() || parsed->IsVanilla()) return hierarchy;
  const auto with_query = [](const std::string& method, const std::string& query) {
    return method == "attention" ? absl::StrCat(method, "(", query, ")") : method;
  };
  return absl::StrCat(hierarchy, " ", with_query(shortening, shortening_query), "/",
                      with_query(upsampling, upsampling_query));
}

}  // namespace hourglass
