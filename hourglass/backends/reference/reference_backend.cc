#include "hourglass/backends/reference/reference_backend.h"

#include "hourglass/backends/reference/kernels.h"

namespace hourglass {
namespace {

class ReferenceBackend : public HostBackend {
 public:
  std::string_view Name() const override { return "reference"; }
  std::map<std::string, std::string> Describe() const override {
    return {{"implementation", "naive loops"}, {"threads", "1"}};
  }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) override {
    return table_.Compile(Name(), node);
  }

 private:
  const KernelTable table_ = reference::MakeKernelTable();
};

}  // namespace

std::shared_ptr<Backend> MakeReferenceBackend() { return std::make_shared<ReferenceBackend>(); }

}  // namespace hourglass
