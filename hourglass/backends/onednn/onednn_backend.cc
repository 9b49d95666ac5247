#include "hourglass/backends/onednn/onednn_backend.h"

#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/backends/onednn/kernel_util.h"
#include "hourglass/backends/onednn/kernels.h"

namespace hourglass {
namespace {

constexpr std::pair<dnnl_cpu_isa_t, const char*> kIsaNames[] = {
    {dnnl_cpu_isa_sse41, "sse41"},
    {dnnl_cpu_isa_avx, "avx"},
    {dnnl_cpu_isa_avx2, "avx2"},
    {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
    {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
    {dnnl_cpu_isa_avx512_core, "avx512_core"},
    {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
    {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
    {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
    {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
    {dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"},
};

std::string IsaName(dnnl_cpu_isa_t isa) {
  for (const auto& [known, name] : kIsaNames) {
    if (known == isa) return name;
  }
  return absl::StrCat("isa ", static_cast<int>(isa));
}

constexpr std::pair<unsigned, const char*> kRuntimeNames[] = {
    {DNNL_RUNTIME_SEQ, "sequential"},
    {DNNL_RUNTIME_OMP, "OpenMP"},
    {DNNL_RUNTIME_TBB, "TBB"},
    {DNNL_RUNTIME_THREADPOOL, "threadpool"},
};

std::string RuntimeName(unsigned runtime) {
  for (const auto& [known, name] : kRuntimeNames) {
    if (known == runtime) return name;
  }
  return absl::StrCat("runtime ", runtime);
}

// The text behind "key : " of the first processor.
std::string CpuInfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    return line.substr(std::min(line.size(), colon + 2));
  }
  return "unknown";
}

// Those of the CPU's features that decide which kernels run.
std::string CpuFeatures() {
  constexpr std::array kFeatures = {"avx2",        "fma",         "avx_vnni", "avx512f",
                                    "avx512bw",    "avx512dq",    "avx512vl", "avx512_vnni",
                                    "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16"};
  std::istringstream flags(CpuInfo("flags"));
  std::set<std::string> present;
  for (std::string flag; flags >> flag;) present.insert(flag);
  std::vector<std::string> found;
  for (const char* feature : kFeatures) {
    if (present.count(feature) != 0) found.push_back(feature);
  }
  return absl::StrJoin(found, " ");
}

// Whether the library may use these instructions.
bool IsaIncludes(dnnl_cpu_isa_t isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; }

class OneDnnBackend : public HostBackend {
 public:
  std::string_view Name() const override { return "onednn"; }

  std::map<std::string, std::string> Describe() const override {
    const dnnl_version_t& version = *dnnl_version();
    return {
        {"bf16", CpuSupportsBf16() ? "yes" : "no"},
        {"cpu", CpuInfo("model name")},
        {"cpu_features", CpuFeatures()},
        {"highway_target", onednn::SimdTarget()},
        {"isa", IsaName(dnnl_get_effective_cpu_isa())},
        {"onednn",
         absl::StrCat(version.major, ".", version.minor, ".", version.patch, " ", version.hash)},
        {"threads", absl::StrCat(ThreadCount())},
        {"threads_runtime", RuntimeName(version.cpu_runtime)},
    };
  }

  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) override {
    return onednn::Kernels().Compile(Name(), node);
  }
};

// The own kernels keep to the instructions that the library is limited to (ONEDNN_MAX_CPU_ISA), so
// that one variable makes the whole backend run as on an older CPU.
void LimitOwnKernels() {
  // Better targets have lower bits.
  if (!IsaIncludes(dnnl_cpu_isa_avx512_core)) hwy::DisableTargets(HWY_AVX2 - 1);
}

}  // namespace

std::shared_ptr<Backend> MakeOneDnnBackend() {
  static const bool limited = (LimitOwnKernels(), true);
  static_cast<void>(limited);
  return std::make_shared<OneDnnBackend>();
}

bool CpuSupportsBf16() { return IsaIncludes(dnnl_cpu_isa_avx512_core_bf16); }
bool CpuHasAmx() { return IsaIncludes(dnnl_cpu_isa_avx512_core_amx); }

}  // namespace hourglass
