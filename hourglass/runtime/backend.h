#pragma once
// What a device must offer: compile one node at a time, and memory.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hourglass/graph/op.h"

namespace hourglass {

// What a kernel may rely on while it runs; all that varies from step to step is in tensors.
struct RunContext {
  int threads = 1;  // what WorkspaceBytes was computed for
};

// A node as a backend sees it.
struct NodeSpecs {
  const Op* op = nullptr;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::string scope;
  std::string ToString() const;  // "matmul(f32[4, 8], f32[8, 2]) -> f32[4, 2] in 'pre.0'"
};

// One compiled node. Run may be called any number of times, by one thread at a time.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Scratch memory that Run needs, per-thread slices included; fixed at compile.
  virtual size_t WorkspaceBytes() const { return 0; }
  // Views have the specs of NodeSpecs. `out[i]` may be the memory of the input that the op's
  // MayRunInPlace or Mutates names, and of no other. The workspace is 64-byte aligned, content
  // undefined.
  virtual absl::Status Run(const RunContext& context, std::span<const TensorView> in,
                           std::span<const TensorView> out, std::span<std::byte> workspace) = 0;
  // FLOPs of the products Run really does, tiling and skipping included.
  virtual int64_t Executed() const { return 0; }
  // Name of the implementation ("brgemm:avx512_core"), for provenance and profiles.
  virtual std::string Implementation() const = 0;
};

class Backend {
 public:
  using Buffer = std::unique_ptr<std::byte, std::function<void(std::byte*)>>;

  virtual ~Backend() = default;
  virtual std::string_view Name() const = 0;
  // Library versions, instruction set and the like, sorted by key.
  virtual std::map<std::string, std::string> Describe() const = 0;
  // Unimplemented, naming the node with its shapes, if this backend cannot do it.
  virtual absl::StatusOr<std::unique_ptr<Kernel>> Compile(const NodeSpecs& node) = 0;
  // 64-byte aligned memory of the device, zeroed; ResourceExhausted if there is not enough.
  virtual absl::StatusOr<Buffer> Allocate(size_t bytes) = 0;
  virtual absl::Status Upload(void* device, const void* host, size_t bytes) = 0;
  virtual absl::Status Download(void* host, const void* device, size_t bytes) = 0;
  virtual absl::Status Synchronize() = 0;
};

// Memory of this machine; the base of the CPU backends.
class HostBackend : public Backend {
 public:
  absl::StatusOr<Buffer> Allocate(size_t bytes) override;
  absl::Status Upload(void* device, const void* host, size_t bytes) override;
  absl::Status Download(void* host, const void* device, size_t bytes) override;
  absl::Status Synchronize() override { return absl::OkStatus(); }
};

}  // namespace hourglass
