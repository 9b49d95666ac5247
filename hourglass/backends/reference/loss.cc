#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/reference/kernel.h"
#include "hourglass/backends/reference/kernels.h"
#include "hourglass/base/status.h"

namespace hourglass::reference {
namespace {

// Number of targets that count, after a check of their range.
absl::StatusOr<int64_t> CountTargets(std::string_view op, const TensorView& targets,
                                     int64_t vocab_size, std::optional<int32_t> mask_id) {
  const std::span<const int32_t> ids = targets.Span<int32_t>();  // [B, n]
  const int64_t length = targets.spec.shape[1];
  int64_t counted = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == mask_id) continue;
    if (ids[i] < 0 || ids[i] >= vocab_size) {
      const int64_t position = static_cast<int64_t>(i);
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(op), ": target ", ids[i], " at sequence ", position / length,
                       ", position ", position % length, " is not in [0, ", vocab_size, ")"));
    }
    ++counted;
  }
  return counted;
}

template <typename T>
T LogSumExp(const T* x, int64_t count) {
  const T largest = *std::max_element(x, x + count);
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

template <typename T>
absl::Status RunCrossEntropy(std::optional<int32_t> mask_id, Views in, Views out) {
  const int64_t vocab_size = in[0].spec.shape[2];
  HG_ASSIGN_OR_RETURN(const int64_t counted,
                      CountTargets("cross_entropy", in[1], vocab_size, mask_id));
  const std::span<const int32_t> targets = in[1].Span<int32_t>();
  const T* row = in[0].As<T>();
  T* token_nats = out[1].As<T>();  // [B, n]
  T sum = 0;
  for (size_t i = 0; i < targets.size(); ++i, row += vocab_size) {
    token_nats[i] = targets[i] == mask_id ? 0 : LogSumExp(row, vocab_size) - row[targets[i]];
    sum += token_nats[i];
  }
  out[0].As<T>()[0] = counted == 0 ? 0 : sum / static_cast<T>(counted);
  return absl::OkStatus();
}

template <typename T>
absl::Status RunCrossEntropyGrad(std::optional<int32_t> mask_id, Views in, Views out) {
  const int64_t vocab_size = in[0].spec.shape[2];
  HG_ASSIGN_OR_RETURN(const int64_t counted,
                      CountTargets("cross_entropy_grad", in[1], vocab_size, mask_id));
  const std::span<const int32_t> targets = in[1].Span<int32_t>();
  const T* token_nats = in[2].As<T>();  // [B, n]
  const T d_loss = in[3].As<T>()[0];
  for (size_t i = 0; i < targets.size(); ++i) {
    const T* row = in[0].As<T>() + static_cast<int64_t>(i) * vocab_size;
    T* d_row = out[0].As<T>() + static_cast<int64_t>(i) * vocab_size;
    if (targets[i] == mask_id) {
      std::fill_n(d_row, vocab_size, T(0));
      continue;
    }
    const T share = d_loss / static_cast<T>(counted);
    const T log_sum_exp = token_nats[i] + row[targets[i]];
    for (int64_t v = 0; v < vocab_size; ++v) {
      const T probability = std::exp(row[v] - log_sum_exp);
      d_row[v] = share * (v == targets[i] ? probability - 1 : probability);
    }
  }
  return absl::OkStatus();
}

}  // namespace

KernelTable::Result MakeCrossEntropy(const CrossEntropyOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [mask = op.mask_id()]<typename T>(Views in, Views out, Work&) {
    return RunCrossEntropy<T>(mask, in, out);
  });
}

KernelTable::Result MakeCrossEntropyGrad(const CrossEntropyGradOp& op, const NodeSpecs& node) {
  return MakeFloatingKernel(node, [mask = op.mask_id()]<typename T>(Views in, Views out, Work&) {
    return RunCrossEntropyGrad<T>(mask, in, out);
  });
}

}  // namespace hourglass::reference
