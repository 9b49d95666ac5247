#pragma once
// A oneDNN primitive with its arguments, made once and run with the addresses of each call.

#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace hourglass::onednn {

class BoundPrimitive {
 public:
  BoundPrimitive(const dnnl::engine& engine, const dnnl::primitive& primitive)
      : engine_(engine), stream_(engine), primitive_(primitive) {}

  // `kind` is one of DNNL_ARG_*.
  void AddArgument(int kind, const dnnl::memory::desc& layout);

  // Runs to the end. `addresses` in the order in which the arguments were added; `where` names the
  // node in errors.
  absl::Status Run(std::span<const void* const> addresses, std::string_view where);

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<const void*> bound_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

}  // namespace hourglass::onednn
