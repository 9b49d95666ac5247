#include "hourglass/train/sampler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/host_values.h"

namespace hourglass {
namespace {

constexpr int64_t kShortestProgram = 16;

}  // namespace

absl::StatusOr<Program*> Sampler::ProgramFor(int64_t batch, int64_t needed, int64_t longest) {
  int64_t length = kShortestProgram;
  while (length < needed) length *= 2;
  length = std::min(length, longest);
  std::unique_ptr<Program>& program = programs_[{batch, length}];
  if (program == nullptr) {
    HG_ASSIGN_OR_RETURN(Graph graph, BuildEvaluateGraph(*model_, {batch, length, dtype_},
                                                        /*logits_output=*/true));
    HG_ASSIGN_OR_RETURN(program, Program::Compile(std::move(graph), backend_, state_));
  }
  return program.get();
}

absl::StatusOr<SampleResult> Sampler::Greedy(std::vector<int32_t> prompt, int64_t batch,
                                             int64_t length) {
  const int64_t vocab_size = model_->config().vocab_size;
  if (batch < 1 || static_cast<int64_t>(prompt.size()) % batch != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("sampling: a prompt of ", prompt.size(), " tokens for a batch of ", batch));
  }
  const int64_t start = static_cast<int64_t>(prompt.size()) / batch;
  if (length < start) {
    return absl::InvalidArgumentError(
        absl::StrCat("sampling: length ", length, " is shorter than the prompt of ", start));
  }
  for (const int32_t token : prompt) {
    if (token >= 0 && token < vocab_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("sampling: token ", token, " is not in 0 .. ", vocab_size - 1));
  }
  SampleResult result;
  result.tokens.resize(static_cast<size_t>(batch * length));
  result.step_logits.resize(static_cast<size_t>(batch * (length - start) * vocab_size));
  for (int64_t b = 0; b < batch; ++b) {
    std::copy_n(prompt.begin() + b * start, start, result.tokens.begin() + b * length);
  }
  for (int64_t position = start; position < length; ++position) {
    HG_RETURN_IF_ERROR(ChooseTokens(batch, length, start, position, result));
  }
  return result;
}

absl::Status Sampler::ChooseTokens(int64_t batch, int64_t length, int64_t start, int64_t position,
                                   SampleResult& result) {
  HG_ASSIGN_OR_RETURN(Program * program, ProgramFor(batch, position + 1, length));
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, program->InputSpec("tokens"));
  const int64_t width = spec.shape[1], vocab_size = model_->config().vocab_size;
  std::vector<int32_t> tokens(static_cast<size_t>(batch * width));
  for (int64_t b = 0; b < batch; ++b) {
    std::copy_n(result.tokens.begin() + b * length, position, tokens.begin() + b * width);
  }
  HG_RETURN_IF_ERROR(program->SetInput("tokens", tokens.data(), tokens.size() * sizeof(int32_t)));
  HG_RETURN_IF_ERROR(program->Run());
  HG_ASSIGN_OR_RETURN(const std::vector<double> logits, ReadOutput(*program, "logits"));
  for (int64_t b = 0; b < batch; ++b) {
    const auto row = logits.begin() + (b * width + position) * vocab_size;
    const auto best = std::max_element(row, row + vocab_size);
    result.tokens[static_cast<size_t>(b * length + position)] = static_cast<int32_t>(best - row);
    std::copy_n(
        row, vocab_size,
        result.step_logits.begin() + (b * (length - start) + position - start) * vocab_size);
  }
  return absl::OkStatus();
}

}  // namespace hourglass
