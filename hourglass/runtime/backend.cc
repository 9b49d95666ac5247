#include "hourglass/runtime/backend.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hourglass {
namespace {

std::string JoinSpecs(const std::vector<TensorSpec>& specs) {
  return absl::StrJoin(specs, ", ", [](std::string* out, const TensorSpec& spec) {
    absl::StrAppend(out, spec.ToString());
  });
}

}  // namespace

std::string NodeSpecs::ToString() const {
  return absl::StrCat(std::string(op->Name()), "(", JoinSpecs(inputs), ") -> ", JoinSpecs(outputs),
                      " in '", scope, "'");
}

// Mapped, not malloc'ed: the pages of a large arena are taken when first written, and a plan larger
// than the machine is refused here and not by the kernel's out-of-memory killer alone.
absl::StatusOr<Backend::Buffer> HostBackend::Allocate(size_t bytes) {
  const size_t size = std::max<size_t>(bytes, 1);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot allocate ", bytes, " bytes: ", std::strerror(errno)));
  }
  ::madvise(memory, size, MADV_HUGEPAGE);
  return Buffer(static_cast<std::byte*>(memory), [size](std::byte* p) { ::munmap(p, size); });
}

absl::Status HostBackend::Upload(void* device, const void* host, size_t bytes) {
  std::memcpy(device, host, bytes);
  return absl::OkStatus();
}

absl::Status HostBackend::Download(void* host, const void* device, size_t bytes) {
  std::memcpy(host, device, bytes);
  return absl::OkStatus();
}

}  // namespace hourglass
