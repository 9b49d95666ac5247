#pragma once
// Checks shared by the Infer and Gradient methods.

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "hourglass/graph/graph.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass {

absl::Status ExpectInputs(std::string_view op, std::span<const TensorSpec> in, size_t count);
absl::Status ExpectShape(std::string_view op, std::string_view what, const TensorSpec& got,
                         const Shape& wanted);
absl::Status ExpectRank(std::string_view op, std::string_view what, const TensorSpec& got,
                        int rank);
absl::Status ExpectDType(std::string_view op, std::string_view what, const TensorSpec& got,
                         DType wanted);
absl::Status ExpectFloating(std::string_view op, std::string_view what, const TensorSpec& got);

// For a node whose last outputs, those of these `names`, have no gradient: FailedPrecondition in
// the graph if one arrives there.
void ExpectNoGradientOfLastOutputs(Graph& graph, const Node& node,
                                   std::span<const std::optional<Value>> d_out,
                                   std::initializer_list<std::string_view> names);

}  // namespace hourglass
