#include "hourglass/backends/onednn/bound_primitive.h"

#include "hourglass/backends/onednn/dnnl_status.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"

namespace hourglass::onednn {

void BoundPrimitive::AddArgument(int kind, const dnnl::memory::desc& layout) {
  memories_.push_back(dnnl::memory(layout, engine_, DNNL_MEMORY_NONE));
  bound_.push_back(nullptr);
  arguments_.push_back({kind, memories_.back().get()});
}

absl::Status BoundPrimitive::Run(std::span<const void* const> addresses, std::string_view where) {
  HG_CHECK(addresses.size() == memories_.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    // A Program gives the same addresses at every run.
    if (bound_[i] == addresses[i]) continue;
    bound_[i] = addresses[i];
    HG_RETURN_IF_ERROR(
        DnnlStatus(dnnl_memory_set_data_handle(memories_[i].get(), const_cast<void*>(addresses[i])),
                   "could not bind memory", where));
  }
  HG_RETURN_IF_ERROR(
      DnnlStatus(dnnl_primitive_execute(primitive_.get(), stream_.get(),
                                        static_cast<int>(arguments_.size()), arguments_.data()),
                 "could not execute", where));
  return DnnlStatus(dnnl_stream_wait(stream_.get()), "could not wait", where);
}

}  // namespace hourglass::onednn
