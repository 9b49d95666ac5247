#pragma once

#include <atomic>
#include <memory>

#include "hourglass/runtime/backend.h"

namespace hourglass {

// Another backend that counts the memory it hands out: what the engine really held, to set beside
// what was planned.
class CountingBackend : public Backend {
 public:
  explicit CountingBackend(std::shared_ptr<Backend> inner)
      : inner_(std::move(inner)), counter_(std::make_shared<Counter>()) {}

  int64_t held_bytes() const { return counter_->held; }
  int64_t peak_bytes() const { return counter_->peak; }

  std::string_view Name() const override { return inner_->Name(); }
  std::map<std::string, std::string> Describe() const override { return inner_->Describe(); }
  absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) override {
    return inner_->Compile(node);
  }
  absl::StatusOr<Buffer> Allocate(size_t bytes) override;
  absl::Status Upload(void* device, const void* host, size_t bytes) override {
    return inner_->Upload(device, host, bytes);
  }
  absl::Status Download(void* host, const void* device, size_t bytes) override {
    return inner_->Download(host, device, bytes);
  }
  absl::Status Synchronize() override { return inner_->Synchronize(); }

 private:
  struct Counter {  // buffers may outlive the backend
    std::atomic<int64_t> held = 0, peak = 0;
  };
  std::shared_ptr<Backend> inner_;
  std::shared_ptr<Counter> counter_;
};

}  // namespace hourglass
