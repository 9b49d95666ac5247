#include <algorithm>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"
#include "hourglass/base/status.h"

namespace hourglass::reference {
namespace {

absl::Status CheckTokens(std::string_view op, const TensorView& tokens, int64_t vocab_size) {
  const std::span<const int32_t> ids = tokens.Span<int32_t>();  // [B, n]
  const int64_t length = tokens.spec.shape[1];
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab_size) continue;
    const int64_t position = static_cast<int64_t>(i);
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(op), ": token ", ids[i], " at sequence ", position / length,
                     ", position ", position % length, " is not in [0, ", vocab_size, ")"));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status RunEmbedding(Views in, Views out) {
  const int64_t width = in[0].spec.shape[1];
  HG_RETURN_IF_ERROR(CheckTokens("embedding", in[1], in[0].spec.shape[0]));
  T* row = out[0].As<T>();
  for (const int32_t token : in[1].Span<int32_t>()) {
    row = std::copy_n(in[0].As<T>() + token * width, width, row);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status RunEmbeddingGrad(Views in, Views out) {
  const int64_t width = out[0].spec.shape[1];
  HG_RETURN_IF_ERROR(CheckTokens("embedding_grad", in[0], out[0].spec.shape[0]));
  const std::span<T> d_table = out[0].Span<T>();
  std::fill(d_table.begin(), d_table.end(), T(0));
  const T* d_row = in[1].As<T>();
  for (const int32_t token : in[0].Span<int32_t>()) {
    T* target = out[0].As<T>() + token * width;
    for (int64_t i = 0; i < width; ++i) target[i] += d_row[i];
    d_row += width;
  }
  return absl::OkStatus();
}

}  // namespace

KernelTable::Result MakeEmbedding(const EmbeddingOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { return RunEmbedding<T>(in, out); });
}

KernelTable::Result MakeEmbeddingGrad(const EmbeddingGradOp&, const NodeSpecs& node) {
  return MakeFloatingKernel(
      node, []<typename T>(Views in, Views out, Work&) { return RunEmbeddingGrad<T>(in, out); });
}

}  // namespace hourglass::reference
