#include "experiments/runner/counting_backend.h"

#include <utility>

#include "hourglass/base/status.h"

namespace hourglass {

absl::StatusOr<Backend::Buffer> CountingBackend::Allocate(size_t bytes) {
  HG_ASSIGN_OR_RETURN(Buffer buffer, inner_->Allocate(bytes));
  std::byte* data = buffer.get();
  // std::function needs a copyable callable, so the real buffer is shared.
  auto inner = std::make_shared<Buffer>(std::move(buffer));
  const auto size = static_cast<int64_t>(bytes);
  const int64_t held = counter_->held += size;
  int64_t peak = counter_->peak;
  while (held > peak && !counter_->peak.compare_exchange_weak(peak, held)) {
  }
  return Buffer(data, [inner = std::move(inner), counter = counter_, size](std::byte*) {
    counter->held -= size;
    inner->reset();
  });
}

}  // namespace hourglass
