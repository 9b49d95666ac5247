#include "experiments/runner/split_evaluation.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

// Bytes scored per window.
int64_t StepOf(const specs::Evaluation& protocol) {
  return protocol.step() > 0 ? protocol.step() : protocol.length();
}

}  // namespace

std::string ProtocolName(const specs::Evaluation& protocol) {
  if (StepOf(protocol) == protocol.length()) return "windows";
  return absl::StrCat("last ", protocol.step(), " of ", protocol.length());
}

std::span<const uint8_t> ScoredBytes(const specs::Evaluation& protocol,
                                     std::span<const uint8_t> bytes) {
  const auto step = static_cast<size_t>(StepOf(protocol));
  const auto windows = static_cast<size_t>(protocol.max_windows());
  // Divided, for the product may be larger than any number.
  return windows > 0 && bytes.size() / step >= windows ? bytes.first(windows * step) : bytes;
}

absl::StatusOr<std::unique_ptr<SplitEvaluation>> SplitEvaluation::Create(
    const specs::Evaluation& protocol, std::shared_ptr<const LanguageModel> model,
    std::shared_ptr<Backend> backend, std::shared_ptr<State> state, DType dtype,
    std::span<const uint8_t> bytes, const std::string& dataset, const Program* share_with) {
  EvaluateSettings settings;
  settings.length = protocol.length();
  settings.step = protocol.step();
  settings.batch = protocol.batch();
  settings.dtype = dtype;
  std::unique_ptr<SplitEvaluation> evaluation(new SplitEvaluation());
  HG_ASSIGN_OR_RETURN(evaluation->evaluator_,
                      Evaluator::Create(std::move(model), std::move(backend), std::move(state),
                                        settings, share_with));
  evaluation->bytes_ = ScoredBytes(protocol, bytes);
  evaluation->dataset_ = dataset;
  evaluation->protocol_ = ProtocolName(protocol);
  return evaluation;
}

absl::StatusOr<Evaluation> SplitEvaluation::Run(const std::function<bool()>& stop) {
  return evaluator_->Run(bytes_, [&](int64_t, int64_t) { return !(stop && stop()); });
}

std::vector<results::EvalBlock> SplitEvaluation::BlocksOf(const Evaluation& evaluation,
                                                          int64_t step) const {
  std::vector<results::EvalBlock> blocks;
  for (size_t window = 0; window < evaluation.window_nats.size(); ++window) {
    results::EvalBlock block;
    block.dataset = dataset_;
    block.step = step;
    block.block = static_cast<int64_t>(window);
    block.n_units = evaluation.window_tokens[window];
    block.nll_bits = evaluation.window_nats[window] / std::log(2.0);
    block.protocol = protocol_;
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace hourglass
