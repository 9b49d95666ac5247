#include "hourglass/backends/onednn/matmul_primitive.h"

#include <array>
#include <span>

#include "hourglass/backends/onednn/dnnl_status.h"
#include "hourglass/base/check.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {
namespace {

using dnnl::memory;

// The library takes its number of threads from the pool when a primitive is made and when it runs.
class ThreadCountScope {
 public:
  explicit ThreadCountScope(int threads) : before_(ThreadCount()) {
    if (threads != before_) SetThreadCount(threads);
    changed_ = threads != before_;
  }
  ~ThreadCountScope() {
    if (changed_) SetThreadCount(before_);
  }
  ThreadCountScope(const ThreadCountScope&) = delete;
  ThreadCountScope& operator=(const ThreadCountScope&) = delete;

 private:
  int before_;
  bool changed_ = false;
};

memory::data_type DataType(DType dtype) {
  HG_CHECK(dtype == DType::kF32 || dtype == DType::kBF16);
  return dtype == DType::kF32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::desc Layout(int64_t rows, int64_t columns, MatrixStrides strides, memory::data_type type) {
  return memory::desc({rows, columns}, type, memory::dims{strides.row, strides.column});
}

dnnl::primitive_attr AttributesWith(const dnnl::post_ops& after) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(after);
  return attributes;
}

dnnl::engine& CpuEngine() {
  static dnnl::engine* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MatmulPrimitive>> MatmulPrimitive::Create(
    const MatmulProblem& problem, std::string_view where) {
  std::unique_ptr<MatmulPrimitive> primitive;
  HG_RETURN_IF_ERROR(
      CallDnnl(where, [&] { primitive.reset(new MatmulPrimitive(problem, where)); }));
  return primitive;
}

// A place for it in the workspace, 64-byte aligned.
size_t MatmulPrimitive::Reserve(const memory::desc& layout) {
  const size_t offset = workspace_bytes_;
  workspace_bytes_ += (layout.get_size() + 63) / 64 * 64;
  return offset;
}

MatmulPrimitive::MatmulPrimitive(const MatmulProblem& problem, std::string_view where)
    : where_(where), threads_(problem.threads), bias_(problem.bias), residual_(problem.residual) {
  const ThreadCountScope threads(threads_);
  const memory::desc b = Layout(problem.k, problem.n, problem.b, DataType(problem.dtype));
  const memory::desc multiplied = AddProduct(problem, b);
  if (multiplied != b) AddPacking(b, multiplied);
}

memory::desc MatmulPrimitive::AddProduct(const MatmulProblem& problem, const memory::desc& b) {
  const memory::desc a = Layout(problem.m, problem.k, problem.a, b.get_data_type());
  const memory::desc dst = Layout(problem.m, problem.n, problem.dst, DataType(problem.dst_dtype));
  const memory::desc bias =
      bias_ ? Layout(1, problem.n, {problem.n, 1}, memory::data_type::f32) : memory::desc();
  const memory::desc residual = Layout(problem.m, problem.n, problem.dst, memory::data_type::f32);
  const memory::desc any(b.get_dims(), b.get_data_type(), memory::format_tag::any);
  dnnl::post_ops after;
  if (residual_) after.append_binary(dnnl::algorithm::binary_add, residual);
  const dnnl::matmul::primitive_desc product(CpuEngine(), a, problem.pack_b ? any : b, bias, dst,
                                             AttributesWith(after));
  implementation_ = product.impl_info_str();
  product_.emplace(CpuEngine(), dnnl::matmul(product));
  product_->AddArgument(DNNL_ARG_SRC, a);
  product_->AddArgument(DNNL_ARG_WEIGHTS, product.weights_desc());
  product_->AddArgument(DNNL_ARG_DST, dst);
  product_->AddArgument(DNNL_ARG_SCRATCHPAD, product.scratchpad_desc());
  if (bias_) product_->AddArgument(DNNL_ARG_BIAS, bias);
  if (residual_) {
    product_->AddArgument(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, residual);
  }
  scratchpad_ = Reserve(product.scratchpad_desc());
  return product.weights_desc();
}

void MatmulPrimitive::AddPacking(const memory::desc& b, const memory::desc& packed) {
  const dnnl::reorder::primitive_desc pack(CpuEngine(), b, CpuEngine(), packed, AttributesWith({}));
  implementation_ += "+pack";
  pack_b_.emplace(CpuEngine(), dnnl::reorder(pack));
  pack_b_->AddArgument(DNNL_ARG_FROM, b);
  pack_b_->AddArgument(DNNL_ARG_TO, packed);
  pack_b_->AddArgument(DNNL_ARG_SCRATCHPAD, pack.scratchpad_desc());
  packed_b_ = Reserve(packed);
  pack_scratchpad_ = Reserve(pack.scratchpad_desc());
}

absl::Status MatmulPrimitive::Run(const void* a, const void* b, const void* bias,
                                  const void* residual, void* dst, std::byte* workspace) {
  const ThreadCountScope threads(threads_);
  if (pack_b_) {
    const std::array<const void*, 3> pack = {b, workspace + packed_b_,
                                             workspace + pack_scratchpad_};
    HG_RETURN_IF_ERROR(pack_b_->Run(pack, where_));
    b = workspace + packed_b_;
  }
  std::array<const void*, 6> product = {a, b, dst, workspace + scratchpad_};
  size_t count = 4;
  if (bias_) product[count++] = bias;
  if (residual_) product[count++] = residual;
  return product_->Run(std::span(product).first(count), where_);
}

}  // namespace hourglass::onednn
