#include "hourglass/ops/infer.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace hourglass {
namespace {

absl::Status Wrong(std::string_view op, std::string_view what, const std::string& problem) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(op), ": ", std::string(what), " ", problem));
}

}  // namespace

absl::Status ExpectInputs(std::string_view op, std::span<const TensorSpec> in, size_t count) {
  if (in.size() == count) return absl::OkStatus();
  return Wrong(op, "takes", absl::StrCat(count, " inputs, got ", in.size()));
}

absl::Status ExpectShape(std::string_view op, std::string_view what, const TensorSpec& got,
                         const Shape& wanted) {
  if (got.shape == wanted) return absl::OkStatus();
  return Wrong(op, what,
               absl::StrCat("has shape ", got.shape.ToString(), ", wanted ", wanted.ToString()));
}

absl::Status ExpectRank(std::string_view op, std::string_view what, const TensorSpec& got,
                        int rank) {
  if (got.shape.rank() == rank) return absl::OkStatus();
  return Wrong(op, what, absl::StrCat("has shape ", got.shape.ToString(), ", wanted rank ", rank));
}

absl::Status ExpectDType(std::string_view op, std::string_view what, const TensorSpec& got,
                         DType wanted) {
  if (got.dtype == wanted) return absl::OkStatus();
  return Wrong(op, what,
               absl::StrCat("is ", got.ToString(), ", wanted ", std::string(Name(wanted))));
}

absl::Status ExpectFloating(std::string_view op, std::string_view what, const TensorSpec& got) {
  if (IsFloating(got.dtype)) return absl::OkStatus();
  return Wrong(op, what, absl::StrCat("is ", got.ToString(), ", wanted a floating type"));
}

void ExpectNoGradientOfLastOutputs(Graph& graph, const Node& node,
                                   std::span<const std::optional<Value>> d_out,
                                   std::initializer_list<std::string_view> names) {
  size_t output = d_out.size() - names.size();
  for (const std::string_view name : names) {
    if (!d_out[output++]) continue;
    graph.SetError(absl::FailedPreconditionError(
        absl::StrCat(std::string(node.op->Name()), ": output '", std::string(name), "' in '",
                     node.scope, "' has no gradient, so a loss may not depend on it")));
  }
}

}  // namespace hourglass
