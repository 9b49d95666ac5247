#pragma once
// One oneDNN matrix product, compiled once for fixed extents and strides.

#include <cstdint>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "hourglass/backends/onednn/bound_primitive.h"
#include "hourglass/tensor/dtype.h"

namespace hourglass::onednn {

// Elements from one row to the next and from one column to the next; one of them is 1.
struct MatrixStrides {
  int64_t row = 0;
  int64_t column = 1;
};

struct MatmulProblem {
  int64_t m = 0, n = 0, k = 0;
  MatrixStrides a;                // [m, k]
  MatrixStrides b;                // [k, n]
  MatrixStrides dst;              // [m, n]
  bool bias = false;              // f32 [n], added to every row of dst
  bool residual = false;          // f32, laid out as dst, added to it
  DType dtype = DType::kF32;      // of a and b
  DType dst_dtype = DType::kF32;  // that of a and b, or f32
  int threads = 1;                // of the library, fixed at compile
  // b is brought into the layout that the library likes best, in one pass before the product;
  // without this every thread does so for itself, again and again for every few rows of a.
  bool pack_b = false;
};

class MatmulPrimitive {
 public:
  // `where` names the node in errors. Unimplemented if the library has no kernel for it.
  static absl::StatusOr<std::unique_ptr<MatmulPrimitive>> Create(const MatmulProblem& problem,
                                                                 std::string_view where);

  // dst = a b (+ bias) (+ residual). `workspace` has WorkspaceBytes() and is 64-byte aligned; what
  // the problem does not have is null; dst lies apart from everything else. One call at a time;
  // different primitives may run at once, each in a thread of its own if they were created for one
  // thread.
  absl::Status Run(const void* a, const void* b, const void* bias, const void* residual, void* dst,
                   std::byte* workspace);

  size_t WorkspaceBytes() const { return workspace_bytes_; }
  // Of oneDNN: "brg:avx512_core"; "brg:avx512_core+pack" with b packed before.
  const std::string& implementation() const { return implementation_; }

 private:
  MatmulPrimitive(const MatmulProblem& problem, std::string_view where);
  // The product and the layout in which it wants b.
  dnnl::memory::desc AddProduct(const MatmulProblem& problem, const dnnl::memory::desc& b);
  void AddPacking(const dnnl::memory::desc& b, const dnnl::memory::desc& packed);
  size_t Reserve(const dnnl::memory::desc& layout);

  std::string where_;
  int threads_;
  bool bias_, residual_;
  std::optional<BoundPrimitive> pack_b_;
  std::optional<BoundPrimitive> product_;
  std::string implementation_;
  // Offsets in the workspace.
  size_t packed_b_ = 0, pack_scratchpad_ = 0, scratchpad_ = 0;
  size_t workspace_bytes_ = 0;
};

}  // namespace hourglass::onednn
