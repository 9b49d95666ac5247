#pragma once
// What all kernels of this backend share.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass::reference {

using Views = std::span<const TensorView>;

// Counted in the loops, one by one, so that a test can hold Op::Count against it.
struct Work {
  int64_t multiply_adds = 0;
};

class ReferenceKernel : public Kernel {
 public:
  using Body = std::function<absl::Status(Views in, Views out, Work& work)>;

  ReferenceKernel(const NodeSpecs& node, Body body);
  absl::Status Run(const RunContext& context, Views in, Views out,
                   std::span<std::byte> workspace) override;
  int64_t Executed() const override { return executed_; }
  std::string Implementation() const override { return "naive"; }

  // FLOPs of the products that the last Run really did.
  int64_t CountedFlops() const { return 2 * work_.multiply_adds; }

 private:
  Body body_;
  int64_t executed_;
  Work work_;
};

// The dtype in which the floating tensors of the node are computed: f64 if all are that, f32 if
// each is f32 or bf16; Unimplemented, naming the node, for other mixtures.
absl::StatusOr<DType> ComputationType(const NodeSpecs& node);

// `body` in f32 where some tensors are bf16: it gets f32 copies of those, and what it writes to
// them is rounded to nearest even, once.
ReferenceKernel::Body OnWidenedCopies(ReferenceKernel::Body body);

bool HasBf16(const NodeSpecs& node);

absl::Status Unsupported(const NodeSpecs& node);

// A kernel for f64, or for f32 and bf16, whichever the node has. `body` is a template lambda
// <typename T>(Views in, Views out, Work& work) that returns a Status or nothing.
template <typename Body>
absl::StatusOr<std::unique_ptr<Kernel>> MakeFloatingKernel(const NodeSpecs& node, Body body) {
  const absl::StatusOr<DType> dtype = ComputationType(node);
  if (!dtype.ok()) return dtype.status();
  const auto run = [body]<typename T>(T, Views in, Views out, Work& work) -> absl::Status {
    using Result = decltype(body.template operator()<T>(in, out, work));
    if constexpr (std::is_void_v<Result>) {
      body.template operator()<T>(in, out, work);
      return absl::OkStatus();
    } else {
      return body.template operator()<T>(in, out, work);
    }
  };
  if (*dtype == DType::kF64) {
    return std::make_unique<ReferenceKernel>(
        node, [run](Views in, Views out, Work& work) { return run(double(), in, out, work); });
  }
  ReferenceKernel::Body in_f32 = [run](Views in, Views out, Work& work) {
    return run(float(), in, out, work);
  };
  if (HasBf16(node)) in_f32 = OnWidenedCopies(std::move(in_f32));
  return std::make_unique<ReferenceKernel>(node, std::move(in_f32));
}

}  // namespace hourglass::reference
