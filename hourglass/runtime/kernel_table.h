#pragma once
// The list of what a backend can do: op type -> function that makes the kernel.

#include <functional>
#include <memory>
#include <typeindex>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "hourglass/runtime/backend.h"

namespace hourglass {

class KernelTable {
 public:
  using Result = absl::StatusOr<std::unique_ptr<Kernel>>;

  template <typename OpType>
  void Add(Result (*make)(const OpType& op, const NodeSpecs& node)) {
    makers_[typeid(OpType)] = [make](const NodeSpecs& node) {
      return make(static_cast<const OpType&>(*node.op), node);
    };
  }

  // Unimplemented, naming backend and node, for an op that is not in the table.
  Result Compile(std::string_view backend, const NodeSpecs& node) const {
    const Op& op = *node.op;
    const auto found = makers_.find(typeid(op));
    if (found != makers_.end()) return found->second(node);
    return absl::UnimplementedError(
        absl::StrCat("backend '", std::string(backend), "' has no kernel for ", node.ToString()));
  }

 private:
  std::unordered_map<std::type_index, std::function<Result(const NodeSpecs&)>> makers_;
};

}  // namespace hourglass
