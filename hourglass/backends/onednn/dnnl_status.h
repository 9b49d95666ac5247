#pragma once
// The border to oneDNN: its exceptions end here.

#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace hourglass::onednn {

// `where` names the node: "matmul(f32[4, 8], f32[8, 2]) -> f32[4, 2] in 'pre.0'".
inline absl::Status DnnlStatus(dnnl_status_t status, std::string_view message,
                               std::string_view where) {
  if (status == dnnl_success) return absl::OkStatus();
  const std::string text = absl::StrCat("onednn: ", std::string(where), ": ", std::string(message),
                                        " (oneDNN status ", static_cast<int>(status), ")");
  if (status == dnnl_unimplemented) return absl::UnimplementedError(text);
  if (status == dnnl_out_of_memory) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

// Runs `call`, turning dnnl::error into a status that names the node.
template <typename Call>
absl::Status CallDnnl(std::string_view where, Call&& call) {
  try {
    std::forward<Call>(call)();
    return absl::OkStatus();
  } catch (const dnnl::error& error) {
    return DnnlStatus(error.status, error.what(), where);
  }
}

}  // namespace hourglass::onednn
