#pragma once

#include "hourglass/ops/embedding.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

KernelTable::Result MakeEmbedding(const EmbeddingOp& op, const NodeSpecs& node);
// Threads share the columns; each adds the rows in the order of the tokens.
KernelTable::Result MakeEmbeddingGrad(const EmbeddingGradOp& op, const NodeSpecs& node);

// InvalidArgument, naming the first one, if an index is neither in [0, limit) nor `except`.
absl::Status ExpectIndices(const char* what, std::span<const int32_t> indices, int64_t limit,
                           std::optional<int32_t> except);

}  // namespace hourglass::onednn
