#pragma once
// One way to score one part of a corpus, and the rows it gives.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/specs/spec.pb.h"
#include "hourglass/train/evaluator.h"
#include "results_db/rows.h"

namespace hourglass {

// How the bytes are cut and scored, as stored with every block: "windows" for windows that do not
// overlap, else "last 128 of 4096".
std::string ProtocolName(const specs::Evaluation& protocol);

// The bytes that the protocol scores: all, or those of the first `max_windows` windows.
std::span<const uint8_t> ScoredBytes(const specs::Evaluation& protocol,
                                     std::span<const uint8_t> bytes);

class SplitEvaluation {
 public:
  // `bytes` must live as long as this; `dataset` is the id of their row; `share_with` as in
  // ProgramOptions.
  static absl::StatusOr<std::unique_ptr<SplitEvaluation>> Create(
      const specs::Evaluation& protocol, std::shared_ptr<const LanguageModel> model,
      std::shared_ptr<Backend> backend, std::shared_ptr<State> state, DType dtype,
      std::span<const uint8_t> bytes, const std::string& dataset, const Program* share_with);

  // Cancelled when `stop` (may be empty) says so between two batches of windows.
  absl::StatusOr<Evaluation> Run(const std::function<bool()>& stop);
  // One row per window.
  std::vector<results::EvalBlock> BlocksOf(const Evaluation& evaluation, int64_t step) const;
  int64_t PlannedBytes() const { return evaluator_->PlannedBytes(); }

 private:
  SplitEvaluation() = default;
  std::unique_ptr<Evaluator> evaluator_;
  std::span<const uint8_t> bytes_;
  std::string dataset_, protocol_;
};

}  // namespace hourglass
