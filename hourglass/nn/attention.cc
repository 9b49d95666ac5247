#include "hourglass/nn/attention.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/nn/layers.h"
#include "hourglass/nn/position.h"
#include "hourglass/ops/rotary.h"

namespace hourglass {
namespace {

constexpr std::array<std::string_view, 3> kQueryKeyValue = {"query", "key", "value"};
constexpr std::array<std::string_view, 2> kKeyValue = {"key", "value"};

// Kinds of the paper and the plans that are not in the table yet.
constexpr std::array<std::string_view, 6> kPlannedKinds = {
    "favor_relu", "favor_softmax", "local", "local_rotary", "lsh", "lsh_rotary"};

AttentionAttributes AttributesOf(const Scope& scope, const AttentionConfig& config,
                                 const AttentionPlace& place, bool relative, bool packed) {
  return {place.geometry, config.n_heads,      relative,
          packed,         scope.DropoutRate(), scope.SiteOf("probabilities")};
}

// Appends r, u, v to the inputs of a relative attention.
void AddPositions(const Scope& scope, const AttentionConfig& config, const AttentionPlace& place,
                  std::vector<Value>& in) {
  const int64_t d = config.d_model;
  const Value sinusoids = RelativePositions(scope, place.geometry, place.spacing, d);
  in.push_back(Linear(scope.Sub("position"), sinusoids, d, d, Consumer::kProduct));
  const Shape bias{config.n_heads, d / config.n_heads};
  in.push_back(scope.SharedParameter("relative_bias.u", bias, Initializer::kTinyNormal));
  in.push_back(scope.SharedParameter("relative_bias.v", bias, Initializer::kTinyNormal));
}

Value RecordAttention(const Scope& scope, const AttentionConfig& config,
                      const AttentionAttributes& attributes, std::vector<Value> in) {
  if (attributes.dropout > 0) in.push_back(scope.context().random);
  scope.Enter();
  const Value mixed =
      scope.graph().Add(std::make_shared<AttentionOp>(attributes), std::move(in))[0];
  return Linear(scope.Sub("output"), mixed, config.d_model, config.d_model);
}

Value RelativeSelfAttention(const Scope& scope, const AttentionConfig& config,
                            const AttentionPlace& place, Value x, Value) {
  const int64_t d = config.d_model;
  std::vector<Value> in = {PackedLinear(scope, x, "query_key_value", kQueryKeyValue, d, d)};
  AddPositions(scope, config, place, in);
  return RecordAttention(scope, config, AttributesOf(scope, config, place, true, true),
                         std::move(in));
}

Value SoftmaxSelfAttention(const Scope& scope, const AttentionConfig& config,
                           const AttentionPlace& place, Value x, Value) {
  const int64_t d = config.d_model;
  const Value packed = PackedLinear(scope, x, "query_key_value", kQueryKeyValue, d, d);
  return RecordAttention(scope, config, AttributesOf(scope, config, place, false, true), {packed});
}

Value RotarySelfAttention(const Scope& scope, const AttentionConfig& config,
                          const AttentionPlace& place, Value x, Value) {
  const int64_t d = config.d_model;
  const Value packed = PackedLinear(scope, x, "query_key_value", kQueryKeyValue, d, d);
  const Value turned =
      scope.graph().Add1(std::make_shared<RotaryOp>(config.n_heads, place.spacing, +1), {packed});
  return RecordAttention(scope, config, AttributesOf(scope, config, place, false, true), {turned});
}

constexpr std::array<AttentionKind, 3> kKinds = {{
    {"relative", RelativeSelfAttention, /*causal=*/true, /*relative=*/true},
    {"softmax", SoftmaxSelfAttention, /*causal=*/true, /*relative=*/false},
    {"softmax_rotary", RotarySelfAttention, /*causal=*/true, /*relative=*/false},
}};

std::string NamesOfKinds() {
  return absl::StrJoin(kKinds, ", ",
                       [](std::string* out, const AttentionKind& kind) { out->append(kind.name); });
}

}  // namespace

std::span<const AttentionKind> AttentionKinds() { return kKinds; }

absl::StatusOr<const AttentionKind*> FindAttentionKind(std::string_view name) {
  for (const AttentionKind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  if (std::find(kPlannedKinds.begin(), kPlannedKinds.end(), name) != kPlannedKinds.end()) {
    return absl::UnimplementedError(absl::StrCat(
        "attention kind '", std::string(name), "' is not built yet; there are: ", NamesOfKinds()));
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown attention kind '", std::string(name),
                                                 "'; there are: ", NamesOfKinds()));
}

Value ResamplingAttention(const Scope& scope, const AttentionConfig& config,
                          const AttentionPlace& place, Value query_source, Value key_source) {
  const int64_t d = config.d_model;
  std::vector<Value> in = {Linear(scope.Sub("query"), query_source, d, d, Consumer::kProduct),
                           PackedLinear(scope, key_source, "key_value", kKeyValue, d, d)};
  AddPositions(scope, config, place, in);
  return RecordAttention(scope, config, AttributesOf(scope, config, place, true, false),
                         std::move(in));
}

}  // namespace hourglass
