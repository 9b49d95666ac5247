#pragma once
// What all kernels of this backend share: a kernel made of a function, the dtype check, and the
// cutting of work into pieces.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/runtime/kernel_table.h"

namespace hourglass::onednn {

// The arguments of Kernel::Run.
struct KernelRun {
  const RunContext& context;
  std::span<const TensorView> in;
  std::span<const TensorView> out;
  std::span<std::byte> workspace;
};

// A kernel that is one function without state of its own. `implementation` is the part after
// "hourglass:".
class FunctionKernel : public Kernel {
 public:
  using Function = std::function<absl::Status(const KernelRun&)>;
  FunctionKernel(std::string implementation, size_t workspace_bytes, Function run)
      : implementation_("hourglass:" + std::move(implementation)),
        workspace_bytes_(workspace_bytes),
        run_(std::move(run)) {}
  size_t WorkspaceBytes() const override { return workspace_bytes_; }
  absl::Status Run(const RunContext& context, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    return run_({context, in, out, workspace});
  }
  std::string Implementation() const override { return implementation_; }

 private:
  std::string implementation_;
  size_t workspace_bytes_;
  Function run_;
};

inline KernelTable::Result MakeFunctionKernel(std::string implementation, size_t workspace_bytes,
                                              FunctionKernel::Function run) {
  return std::make_unique<FunctionKernel>(std::move(implementation), workspace_bytes,
                                          std::move(run));
}

// The instruction set that Highway chose for the own kernels ("AVX3"), and the name of a kernel
// that uses it ("gelu:AVX3").
std::string SimdTarget();
std::string SimdName(std::string_view kernel);

// Unimplemented, naming the node, if one of its floating tensors is not f32.
absl::Status ExpectF32(const NodeSpecs& node);
// The same for floating tensors that are neither f32 nor bf16.
absl::Status ExpectF32OrBf16(const NodeSpecs& node);

// Calls body(begin, end) on ranges that cover [0, count), one per thread; alone for count <= grain.
// What is computed for an item must not depend on the range it is in: results do not depend on the
// number of threads.
template <typename Body>
void Parallel(const RunContext& context, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  if (context.threads <= 1) {
    body(0, count);
    return;
  }
  ParallelFor(count, grain, [&body](int64_t begin, int64_t end, int) { body(begin, end); });
}

// The same over elements of flat arrays, cut at multiples of a few cache lines.
template <typename Body>
void ParallelElements(const RunContext& context, int64_t elements, int64_t grain,
                      const Body& body) {
  constexpr int64_t kBlock = 256;
  Parallel(
      context, (elements + kBlock - 1) / kBlock, grain / kBlock,
      [&](int64_t begin, int64_t end) { body(begin * kBlock, std::min(elements, end * kBlock)); });
}

// Rows cut into at most 32 blocks for sums over rows: a partial sum per block, added in order, so
// that neither the threads nor their order changes the result.
struct RowBlocks {
  explicit RowBlocks(int64_t all_rows)
      : rows(all_rows),
        block_rows(std::max<int64_t>(16, (all_rows + 31) / 32)),
        count((all_rows + block_rows - 1) / block_rows) {}
  int64_t Begin(int64_t block) const { return block * block_rows; }
  int64_t End(int64_t block) const { return std::min(rows, (block + 1) * block_rows); }
  int64_t rows, block_rows, count;
};

}  // namespace hourglass::onednn
