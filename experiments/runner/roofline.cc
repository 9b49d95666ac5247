#include "experiments/runner/roofline.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/onednn/dnnl_status.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using dnnl::memory;

constexpr std::array<ProductSize, 6> kProducts = {{{512, 512, 512},
                                                   {1024, 1024, 1024},
                                                   {2048, 2048, 2048},
                                                   {4096, 512, 512},
                                                   {4096, 2048, 512},
                                                   {4096, 512, 2048}}};

// Elements that a thread takes at least, in the memory part.
constexpr int64_t kGrain = int64_t{1} << 16;

// Small numbers that differ, exact in bf16: constant operands draw less power than real ones.
template <typename T>
void FillNumbers(std::byte* data, size_t bytes) {
  T* numbers = reinterpret_cast<T*>(data);
  for (size_t i = 0; i < bytes / sizeof(T); ++i) {
    numbers[i] = T(0.5f + static_cast<float>(i * 7 % 16) / 32.0f);
  }
}

// One matrix product with memory of its own.
class Product {
 public:
  static absl::StatusOr<std::unique_ptr<Product>> Create(Backend& backend, const ProductSize& size,
                                                         DType dtype, bool packed) {
    std::unique_ptr<Product> product(new Product());
    const std::string shape = absl::StrCat(size.m, "x", size.n, "x", size.k);
    product->name_ = absl::StrCat(shape, packed ? " packed" : " plain");
    absl::Status prepared;
    HG_RETURN_IF_ERROR(onednn::CallDnnl(
        product->name_, [&] { prepared = product->Prepare(backend, size, dtype, packed); }));
    HG_RETURN_IF_ERROR(prepared);
    return product;
  }

  absl::Status Run() {
    return onednn::CallDnnl(name_, [this] {
      primitive_.execute(stream_, arguments_);
      stream_.wait();
    });
  }

  const std::string& name() const { return name_; }

 private:
  Product() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  absl::Status Prepare(Backend& backend, const ProductSize& size, DType dtype, bool packed) {
    const auto type = dtype == DType::kBF16 ? memory::data_type::bf16 : memory::data_type::f32;
    const auto plain = [type](int64_t rows, int64_t columns) {
      return memory::desc({rows, columns}, type, memory::format_tag::ab);
    };
    const memory::desc weights = packed
                                     ? memory::desc({size.k, size.n}, type, memory::format_tag::any)
                                     : plain(size.k, size.n);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc description(engine_, plain(size.m, size.k), weights,
                                                   plain(size.m, size.n), attributes);
    primitive_ = dnnl::matmul(description);
    absl::StrAppend(&name_, " ", description.impl_info_str());
    HG_RETURN_IF_ERROR(AddArgument(backend, DNNL_ARG_SRC, description.src_desc(), dtype));
    HG_RETURN_IF_ERROR(AddArgument(backend, DNNL_ARG_WEIGHTS, description.weights_desc(), dtype));
    HG_RETURN_IF_ERROR(AddArgument(backend, DNNL_ARG_DST, description.dst_desc(), dtype));
    return AddArgument(backend, DNNL_ARG_SCRATCHPAD, description.scratchpad_desc(), dtype);
  }

  absl::Status AddArgument(Backend& backend, int kind, const memory::desc& layout, DType dtype) {
    const size_t bytes = layout.get_size();
    HG_ASSIGN_OR_RETURN(Backend::Buffer buffer, backend.Allocate(bytes));
    if (dtype == DType::kBF16) {
      FillNumbers<BFloat16>(buffer.get(), bytes);
    } else {
      FillNumbers<float>(buffer.get(), bytes);
    }
    arguments_.emplace(kind, memory(layout, engine_, buffer.get()));
    buffers_.push_back(std::move(buffer));
    return absl::OkStatus();
  }

  std::string name_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  std::vector<Backend::Buffer> buffers_;
  std::unordered_map<int, memory> arguments_;
};

absl::StatusOr<std::vector<Rate>> MeasureProducts(Backend& backend,
                                                  const RooflineOptions& options) {
  std::vector<Rate> rates;
  for (const ProductSize& size : kProducts) {
    for (const bool packed : {false, true}) {
      HG_ASSIGN_OR_RETURN(const std::unique_ptr<Product> product,
                          Product::Create(backend, size, options.dtype, packed));
      HG_ASSIGN_OR_RETURN(const double rate,
                          RateOf(
                              static_cast<double>(size.Flops()), options.seconds,
                              [&product] { return product->Run(); }, options.now_nanos));
      rates.push_back({product->name(), rate});
    }
  }
  return rates;
}

void Triad(const float* b, const float* c, int64_t begin, int64_t end, float* a) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) a[i] = b[i] + 3.0f * c[i];
}

absl::StatusOr<std::vector<Rate>> MeasureMemory(Backend& backend, const RooflineOptions& options) {
  const int64_t bytes = RooflineArrayBytes();
  const int64_t count = bytes / static_cast<int64_t>(sizeof(float));
  std::array<Backend::Buffer, 3> buffers;
  std::array<float*, 3> arrays = {};
  for (size_t i = 0; i < buffers.size(); ++i) {
    HG_ASSIGN_OR_RETURN(buffers[i], backend.Allocate(static_cast<size_t>(bytes)));
    arrays[i] = reinterpret_cast<float*>(buffers[i].get());
    // First touched by the thread that uses it, and no page is left to the shared one of zeros.
    ParallelFor(count, kGrain, [&](int64_t begin, int64_t end, int) {
      std::fill(arrays[i] + begin, arrays[i] + end, 1.0f);
    });
  }
  float* const a = arrays[0];
  const float* const b = arrays[1];
  const float* const c = arrays[2];
  const auto copy = [&] {
    ParallelFor(count, kGrain, [&](int64_t begin, int64_t end, int) {
      std::memcpy(a + begin, b + begin, static_cast<size_t>(end - begin) * sizeof(float));
    });
    return absl::OkStatus();
  };
  const auto triad = [&] {
    ParallelFor(count, kGrain,
                [&](int64_t begin, int64_t end, int) { Triad(b, c, begin, end, a); });
    return absl::OkStatus();
  };
  const auto moved = static_cast<double>(bytes);
  HG_ASSIGN_OR_RETURN(const double copied,
                      RateOf(2 * moved, options.seconds, copy, options.now_nanos));
  HG_ASSIGN_OR_RETURN(const double added,
                      RateOf(3 * moved, options.seconds, triad, options.now_nanos));
  return std::vector<Rate>{{"copy", copied}, {"triad", added}};
}

}  // namespace

std::span<const ProductSize> RooflineProducts() { return kProducts; }

int64_t RooflineArrayBytes() {
  constexpr int64_t kLeast = int64_t{64} << 20, kMost = int64_t{512} << 20;
  // Of the kernel and not of sysconf, which in a virtual machine may count those of the whole host.
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");
  int64_t kilobytes = 0;  // "32768K"
  file >> kilobytes;
  return std::clamp<int64_t>(kilobytes << 10, kLeast, kMost);
}

absl::StatusOr<double> RateOf(double work, double seconds, const std::function<absl::Status()>& run,
                              const std::function<int64_t()>& now_nanos) {
  const auto now = [&] { return now_nanos ? now_nanos() : MonotonicNanos(); };
  HG_RETURN_IF_ERROR(run());
  int64_t runs = 0;
  double elapsed = 0;
  const int64_t start = now();
  do {
    HG_RETURN_IF_ERROR(run());
    ++runs;
    elapsed = 1e-9 * static_cast<double>(now() - start);
  } while (elapsed < seconds || elapsed <= 0);
  return work * static_cast<double>(runs) / elapsed;
}

absl::StatusOr<RooflineRound> MeasureRoofline(Backend& backend, const RooflineOptions& options) {
  if (options.dtype != DType::kF32 && options.dtype != DType::kBF16) {
    return absl::UnimplementedError(absl::StrCat("roofline: oneDNN multiplies f32 and bf16, not ",
                                                 std::string(Name(options.dtype))));
  }
  RooflineRound round;
  HG_ASSIGN_OR_RETURN(round.products, MeasureProducts(backend, options));
  HG_ASSIGN_OR_RETURN(round.memory, MeasureMemory(backend, options));
  return round;
}

Peak PeakOf(std::span<const std::vector<Rate>> rounds) {
  Peak peak;
  for (const std::vector<Rate>& round : rounds) {
    const Rate& best =
        *std::max_element(round.begin(), round.end(),
                          [](const Rate& a, const Rate& b) { return a.per_second < b.per_second; });
    peak.rounds.push_back(best.per_second);
    if (best.per_second > peak.best.per_second) peak.best = best;
  }
  peak.spread =
      1 - *std::min_element(peak.rounds.begin(), peak.rounds.end()) / peak.best.per_second;
  return peak;
}

}  // namespace hourglass
