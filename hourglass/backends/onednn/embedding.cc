#include "hourglass/backends/onednn/embedding.h"

#include <cstring>

#include "hourglass/backends/onednn/elementwise.h"
#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

constexpr int64_t kGrain = 16384;
// Columns are shared out in whole cache lines.
constexpr int64_t kColumnBlock = 16;

// d_table[:, first .. last) = sum of the rows of d_out at their tokens.
void AddColumns(std::span<const int32_t> tokens, const float* d_out, float* d_table, int64_t vocab,
                int64_t width, int64_t first, int64_t last) {
  for (int64_t v = 0; v < vocab; ++v) {
    std::memset(d_table + v * width + first, 0, static_cast<size_t>(last - first) * sizeof(float));
  }
  for (size_t t = 0; t < tokens.size(); ++t) {
    const float* row = d_out + static_cast<int64_t>(t) * width;
    float* sum = d_table + tokens[t] * width;
    AddFloats(sum + first, row + first, sum + first, last - first);
  }
}

}  // namespace

absl::Status ExpectIndices(const char* what, std::span<const int32_t> indices, int64_t limit,
                           std::optional<int32_t> except) {
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= 0 && indices[i] < limit) continue;
    if (except && indices[i] == *except) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(what, " ", indices[i], " at place ", i, " is not in [0, ", limit, ")"));
  }
  return absl::OkStatus();
}

KernelTable::Result MakeEmbedding(const EmbeddingOp&, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t vocab = node.inputs[0].shape[0];
  const int64_t width = node.inputs[0].shape[1];
  const size_t row_bytes = static_cast<size_t>(width) * sizeof(float);
  return MakeFunctionKernel("embedding:memcpy", 0, [=](const KernelRun& k) {
    const float* table = k.in[0].As<float>();
    const std::span<const int32_t> tokens = k.in[1].Span<int32_t>();
    float* out = k.out[0].As<float>();
    HG_RETURN_IF_ERROR(ExpectIndices("embedding: token", tokens, vocab, std::nullopt));
    Parallel(k.context, static_cast<int64_t>(tokens.size()), kGrain / width + 1,
             [&](int64_t begin, int64_t end) {
               for (int64_t t = begin; t < end; ++t) {
                 std::memcpy(out + t * width, table + tokens[static_cast<size_t>(t)] * width,
                             row_bytes);
               }
             });
    return absl::OkStatus();
  });
}

KernelTable::Result MakeEmbeddingGrad(const EmbeddingGradOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectF32(node));
  const int64_t vocab = op.vocab_size();
  const int64_t width = node.inputs[1].shape[2];
  const int64_t rows = node.inputs[0].Elements();
  const int64_t grain = kGrain / (kColumnBlock * std::max<int64_t>(1, rows)) + 1;
  return MakeFunctionKernel("embedding_grad:columns", 0, [=](const KernelRun& k) {
    const std::span<const int32_t> tokens = k.in[0].Span<int32_t>();
    const float* d_out = k.in[1].As<float>();
    float* d_table = k.out[0].As<float>();
    HG_RETURN_IF_ERROR(ExpectIndices("embedding_grad: token", tokens, vocab, std::nullopt));
    Parallel(k.context, (width + kColumnBlock - 1) / kColumnBlock, grain,
             [&](int64_t begin, int64_t end) {
               AddColumns(tokens, d_out, d_table, vocab, width, begin * kColumnBlock,
                          std::min(width, end * kColumnBlock));
             });
    return absl::OkStatus();
  });
}

}  // namespace hourglass::onednn
