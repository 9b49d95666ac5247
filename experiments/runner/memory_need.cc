#include "experiments/runner/memory_need.h"

#include <fstream>

#include "absl/strings/str_format.h"

namespace hourglass {
namespace {

std::string Size(int64_t bytes) {
  const auto size = static_cast<double>(bytes);
  return bytes >= 1 << 30 ? absl::StrFormat("%.1f GiB", size / (1 << 30))
                          : absl::StrFormat("%.1f MiB", size / (1 << 20));
}

}  // namespace

std::optional<int64_t> AvailableMemoryBytes() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (int64_t kibibytes = 0; file >> name >> kibibytes; std::getline(file, unit)) {
    if (name == "MemAvailable:") return kibibytes * 1024;
  }
  return std::nullopt;
}

absl::Status ExpectMemory(const std::string& what, int64_t planned,
                          const std::optional<int64_t>& available, const std::string& advice) {
  if (!available || planned <= *available) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: needs %s of memory (parameters, gradients, moments, activations) and %s are available; "
      "%s",
      what, Size(planned), Size(*available), advice));
}

}  // namespace hourglass
