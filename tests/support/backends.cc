#include "tests/support/backends.h"

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"

namespace hourglass::testing {

const std::vector<BackendUnderTest>& AllBackends() {
  static const auto* all = new std::vector<BackendUnderTest>{
      {"reference", MakeReferenceBackend, {DType::kF32, DType::kF64, DType::kBF16}},
      {"onednn", MakeOneDnnBackend, {DType::kF32, DType::kBF16}},
  };
  return *all;
}

std::shared_ptr<Backend> Reference() {
  static const auto* backend = new std::shared_ptr<Backend>(MakeReferenceBackend());
  return *backend;
}

}  // namespace hourglass::testing
