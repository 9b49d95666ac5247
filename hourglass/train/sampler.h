#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/model/language_model.h"
#include "hourglass/runtime/program.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

struct SampleResult {
  std::vector<int32_t> tokens;  // [batch, length], prompt included
  std::vector<double>
      step_logits;  // [batch, length - prompt, V], the logits each choice was made from
};

// Greedy sampling that runs the whole prefix again for every token: slow and plain, the reference
// for cached samplers. Programs have a few lengths (doubling), each compiled at its first use; a
// causal model does not see what lies right of the prefix.
class Sampler {
 public:
  Sampler(std::shared_ptr<const LanguageModel> model, std::shared_ptr<Backend> backend,
          std::shared_ptr<State> state, DType dtype)
      : model_(std::move(model)),
        backend_(std::move(backend)),
        state_(std::move(state)),
        dtype_(dtype) {}

  // prompt [batch, prompt_length], prompt_length may be 0. The first of several equal best tokens
  // is taken. InvalidArgument for a token outside the vocabulary or length < prompt_length.
  absl::StatusOr<SampleResult> Greedy(std::vector<int32_t> prompt, int64_t batch, int64_t length);

 private:
  // A Program of at least `needed` and at most `longest` tokens.
  absl::StatusOr<Program*> ProgramFor(int64_t batch, int64_t needed, int64_t longest);
  // Fills column `position` of the result.
  absl::Status ChooseTokens(int64_t batch, int64_t length, int64_t start, int64_t position,
                            SampleResult& result);

  std::shared_ptr<const LanguageModel> model_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<State> state_;
  DType dtype_;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Program>> programs_;  // by batch, length
};

}  // namespace hourglass
