#include "hourglass/backends/onednn/matmul.h"

#include <utility>

#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/backends/onednn/matmul_primitive.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/onednn/weight_gradient.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

// Products smaller than this take one thread: waking the second costs about as much as it saves.
constexpr int64_t kSmallProductFlops = 1 << 20;

// Rows of a from which packing b before the product gains in most shapes (DECISIONS.md,
// "Products"). With fewer the pass over b costs more; f32 sooner, whose b is twice as large.
int64_t LeastRowsToPack(DType dtype) { return dtype == DType::kBF16 ? 256 : 1024; }

class MatmulKernel : public Kernel {
 public:
  MatmulKernel(std::unique_ptr<MatmulPrimitive> primitive, const MatmulProblem& problem)
      : primitive_(std::move(primitive)),
        bias_(problem.bias),
        residual_(problem.residual),
        flops_(2 * problem.m * problem.n * problem.k) {}
  size_t WorkspaceBytes() const override { return primitive_->WorkspaceBytes(); }
  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    return primitive_->Run(in[0].data, in[1].data, bias_ ? in[2].data : nullptr,
                           residual_ ? in.back().data : nullptr, out[0].data, workspace.data());
  }
  int64_t Executed() const override { return flops_; }
  std::string Implementation() const override { return primitive_->implementation(); }

 private:
  std::unique_ptr<MatmulPrimitive> primitive_;
  bool bias_, residual_;
  int64_t flops_;
};

class WeightGradientKernel : public Kernel {
 public:
  explicit WeightGradientKernel(const MatmulProblem& problem)
      : gradient_(problem), flops_(2 * problem.m * problem.n * problem.k) {}
  size_t WorkspaceBytes() const override { return gradient_.WorkspaceBytes(); }
  absl::Status Run(const RunContext&, std::span<const TensorView> in,
                   std::span<const TensorView> out, std::span<std::byte> workspace) override {
    gradient_.Run(in[0].As<BFloat16>(), in[1].As<BFloat16>(), out[0].As<float>(), workspace.data());
    return absl::OkStatus();
  }
  int64_t Executed() const override { return flops_; }
  std::string Implementation() const override { return "hourglass:weight_gradient:avx512_bf16"; }

 private:
  WeightGradient gradient_;
  int64_t flops_;
};

absl::Status ExpectProductDType(const NodeSpecs& node) {
  const DType dtype = node.inputs[0].dtype;
  if (dtype == DType::kF32 || (dtype == DType::kBF16 && CpuSupportsBf16())) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(
      "backend 'onednn' multiplies f32 here",
      dtype == DType::kBF16 ? ", and bf16 only where the CPU has AVX512-BF16 or AMX: " : ": ",
      node.ToString()));
}

MatmulProblem ProblemOf(const MatmulOp& op, const NodeSpecs& node) {
  const MatmulSizes size = SizesOf(op, node.inputs);
  MatmulProblem problem;
  problem.m = size.m;
  problem.n = size.n;
  problem.k = size.k;
  problem.a = op.transpose_a() ? MatrixStrides{1, size.m} : MatrixStrides{size.k, 1};
  problem.b = op.transpose_b() ? MatrixStrides{1, size.k} : MatrixStrides{size.n, 1};
  problem.dst = {size.n, 1};
  problem.bias = op.bias();
  problem.residual = op.residual();
  problem.dtype = node.inputs[0].dtype;
  problem.dst_dtype = node.outputs[0].dtype;
  const int64_t flops = 2 * size.m * size.n * size.k;
  problem.pack_b = size.m >= LeastRowsToPack(problem.dtype);
  problem.threads = flops < kSmallProductFlops ? 1 : ThreadCount();
  return problem;
}

}  // namespace

KernelTable::Result MakeMatmul(const MatmulOp& op, const NodeSpecs& node) {
  HG_RETURN_IF_ERROR(ExpectProductDType(node));
  const MatmulProblem problem = ProblemOf(op, node);
  if (WeightGradient::Supports(problem)) return std::make_unique<WeightGradientKernel>(problem);
  HG_ASSIGN_OR_RETURN(std::unique_ptr<MatmulPrimitive> primitive,
                      MatmulPrimitive::Create(problem, node.ToString()));
  return std::make_unique<MatmulKernel>(std::move(primitive), problem);
}

}  // namespace hourglass::onednn
