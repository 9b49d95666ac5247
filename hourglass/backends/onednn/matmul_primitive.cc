#include "hourglass/backends/onednn/matmul_primitive.h"

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

MatmulPrimitive::MatmulPrimitive(const MatmulProblem& problem, std::string_view where)
    : where_(where), threads_(problem.threads), engine_(CpuEngine()), stream_(engine_) {
  const ThreadCountScope threads(threads_);
  const memory::data_type type = DataType(problem.dtype);
  const memory::desc a = Layout(problem.m, problem.k, problem.a, type);
  const memory::desc b = Layout(problem.k, problem.n, problem.b, type);
  const memory::desc dst = Layout(problem.m, problem.n, problem.dst, DataType(problem.dst_dtype));
  const memory::desc bias =
      problem.bias ? Layout(1, problem.n, {problem.n, 1}, memory::data_type::f32) : memory::desc();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::matmul::primitive_desc description(engine_, a, b, bias, dst, attributes);
  primitive_ = dnnl::matmul(description);
  implementation_ = description.impl_info_str();
  const memory::desc scratchpad = description.scratchpad_desc();
  workspace_bytes_ = scratchpad.get_size();
  AddArgument(DNNL_ARG_SRC, a);
  AddArgument(DNNL_ARG_WEIGHTS, b);
  AddArgument(DNNL_ARG_DST, dst);
  AddArgument(DNNL_ARG_SCRATCHPAD, scratchpad);
  if (problem.bias) AddArgument(DNNL_ARG_BIAS, bias);
}

void MatmulPrimitive::AddArgument(int kind, const memory::desc& layout) {
  memories_.push_back(memory(layout, engine_, DNNL_MEMORY_NONE));
  bound_.push_back(nullptr);
  arguments_.push_back({kind, memories_.back().get()});
}

// A Program gives the same addresses at every run.
absl::Status MatmulPrimitive::Bind(size_t argument, const void* data) {
  if (bound_[argument] == data) return absl::OkStatus();
  bound_[argument] = data;
  return DnnlStatus(dnnl_memory_set_data_handle(memories_[argument].get(), const_cast<void*>(data)),
                    "could not bind memory", where_);
}

absl::Status MatmulPrimitive::Run(const void* a, const void* b, const void* bias, void* dst,
                                  std::byte* workspace) {
  HG_RETURN_IF_ERROR(Bind(0, a));
  HG_RETURN_IF_ERROR(Bind(1, b));
  HG_RETURN_IF_ERROR(Bind(2, dst));
  HG_RETURN_IF_ERROR(Bind(3, workspace));
  if (arguments_.size() > 4) HG_RETURN_IF_ERROR(Bind(4, bias));
  const ThreadCountScope threads(threads_);
  HG_RETURN_IF_ERROR(
      DnnlStatus(dnnl_primitive_execute(primitive_.get(), stream_.get(),
                                        static_cast<int>(arguments_.size()), arguments_.data()),
                 "could not execute", where_));
  return DnnlStatus(dnnl_stream_wait(stream_.get()), "could not wait", where_);
}

}  // namespace hourglass::onednn
