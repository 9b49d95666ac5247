#pragma once
// A model with random parameters, ready to map tokens to logits: what tests of whole models share.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/model/model_config.h"
#include "hourglass/runtime/program.h"

namespace hourglass::testing {

class ForwardModel {
 public:
  // Parameters are the initial ones plus noise everywhere, so that norms and biases count too.
  static absl::StatusOr<ForwardModel> Create(const ModelConfig& config, int64_t batch,
                                             int64_t length, DType dtype,
                                             const std::shared_ptr<Backend>& backend);
  // tokens [batch, length] -> logits [batch, length, V].
  std::vector<double> Logits(const std::vector<int32_t>& tokens);

 private:
  std::unique_ptr<Program> program_;
};

// A small configuration: V 11, d 8, f 12, 2 heads.
ModelConfig TinyConfig(const std::string& hierarchy);

}  // namespace hourglass::testing
