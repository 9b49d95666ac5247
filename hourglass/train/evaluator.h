#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/model/language_model.h"
#include "hourglass/runtime/program.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

struct EvaluateSettings {
  int64_t length = 2048;  // tokens a window holds at most
  // Tokens scored per window, its last ones. 0 means `length`: windows do not overlap and carry no
  // context. The paper's test protocol is length 4096, step 128 (C3).
  int64_t step = 0;
  int64_t batch = 8;  // windows per run of the Program
  DType dtype = DType::kF32;

  absl::Status Validate() const;
};

struct Evaluation {
  double nats = 0.0;                // sum over all scored tokens
  int64_t tokens = 0;               // scored: every token of the range once, except masked ones
  std::vector<double> window_nats;  // sums per window, in order of position
  std::vector<int64_t> window_tokens;

  double NatsPerToken() const { return tokens == 0 ? 0.0 : nats / static_cast<double>(tokens); }
  double BitsPerByte() const;  // nats per token / ln 2
};

// Scores bytes under a model whose parameters lie in `state`; changes nothing. Deterministic.
// `share_with` as in ProgramOptions.
class Evaluator {
 public:
  static absl::StatusOr<std::unique_ptr<Evaluator>> Create(
      std::shared_ptr<const LanguageModel> model, std::shared_ptr<Backend> backend,
      std::shared_ptr<State> state, const EvaluateSettings& settings,
      const Program* share_with = nullptr);

  // Scores every byte once. Window w scores bytes [w step, (w + 1) step) with up to length - step
  // bytes before them as context; the last one may score fewer. Short windows are filled up on the
  // right, which a causal model does not see. `progress` is called with (windows done, windows)
  // after each batch; returning false ends with Cancelled. So does `stop`, asked between two nodes
  // of the Program.
  absl::StatusOr<Evaluation> Run(
      std::span<const uint8_t> bytes,
      const std::function<bool(int64_t done, int64_t total)>& progress = {},
      const std::function<bool()>& stop = {});

  // Memory of the Program beside the State and what it shares.
  int64_t PlannedBytes() const;
  Program& program() { return *program_; }

 private:
  Evaluator() = default;
  std::shared_ptr<const LanguageModel> model_;
  EvaluateSettings settings_;
  std::unique_ptr<Program> program_;
};

}  // namespace hourglass
