#pragma once
// Named persistent buffers (parameters, gradients, Adam moments) that outlive Programs and are
// shared by all of them.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "hourglass/runtime/backend.h"
#include "hourglass/tensor/tensor.h"

namespace hourglass {

// Layout of a State: flat arenas of one dtype, each cut into named tensors. Tensors start at
// multiples of 64 bytes; the gaps are zero and stay zero under every op that treats an arena as one
// tensor.
class StateSpec {
 public:
  struct Entry {
    std::string name;
    int arena = 0;
    int64_t byte_offset = 0;
    TensorSpec spec;
  };
  struct Arena {
    std::string name;
    DType dtype = DType::kF32;
    int64_t elements = 0;  // gaps included
  };

  // Appends a tensor to the arena, made at its first use. Names are unique over the State.
  void Add(const std::string& arena, const std::string& name, TensorSpec spec);

  const std::vector<Arena>& arenas() const { return arenas_; }
  const std::vector<Entry>& entries() const { return entries_; }
  // A tensor, or a whole arena as a tensor [elements] under its own name; nullptr if neither.
  const Entry* Find(std::string_view name) const;
  int64_t TotalBytes() const;

 private:
  int ArenaIndex(const std::string& name, DType dtype);
  std::vector<Arena> arenas_;
  std::vector<Entry> entries_;
  std::vector<Entry> whole_;  // one per arena
  absl::flat_hash_map<std::string, int> by_name_;
};

class State {
 public:
  // All buffers zero.
  static absl::StatusOr<std::shared_ptr<State>> Create(StateSpec spec,
                                                       std::shared_ptr<Backend> backend);

  const StateSpec& spec() const { return spec_; }
  Backend& backend() const { return *backend_; }
  // View in the memory of the backend. NotFound names the buffer.
  absl::StatusOr<TensorView> Find(std::string_view name) const;
  // Copies between host memory of the buffer's dtype and the buffer; InvalidArgument if `bytes` is
  // not its size.
  absl::Status Upload(std::string_view name, const void* host, size_t bytes);
  absl::Status Download(std::string_view name, void* host, size_t bytes) const;

 private:
  State(StateSpec spec, std::shared_ptr<Backend> backend)
      : spec_(std::move(spec)), backend_(std::move(backend)) {}
  StateSpec spec_;
  std::shared_ptr<Backend> backend_;
  std::vector<Backend::Buffer> arenas_;
};

}  // namespace hourglass
