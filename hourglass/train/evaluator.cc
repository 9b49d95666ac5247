#include "hourglass/train/evaluator.h"

#include <algorithm>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/host_values.h"

namespace hourglass {
namespace {

// Bytes [begin, end), of which those from `scored` on count.
struct Window {
  int64_t begin, scored, end;
};

std::vector<Window> PlanWindows(int64_t bytes, int64_t length, int64_t step) {
  std::vector<Window> windows;
  for (int64_t scored = 0; scored < bytes; scored += step) {
    windows.push_back(
        {std::max<int64_t>(0, scored + step - length), scored, std::min(bytes, scored + step)});
  }
  return windows;
}

}  // namespace

double Evaluation::BitsPerByte() const { return NatsPerToken() / std::numbers::ln2; }

absl::Status EvaluateSettings::Validate() const {
  if (length < 1 || batch < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("evaluation: length ", length, " and batch ", batch, " must be at least 1"));
  }
  if (step < 0 || step > length) {
    return absl::InvalidArgumentError(
        absl::StrCat("evaluation: step ", step, " is not in 0 .. length = ", length));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Evaluator>> Evaluator::Create(
    std::shared_ptr<const LanguageModel> model, std::shared_ptr<Backend> backend,
    std::shared_ptr<State> state, const EvaluateSettings& settings, const Program* share_with) {
  HG_RETURN_IF_ERROR(settings.Validate());
  HG_ASSIGN_OR_RETURN(
      Graph graph, BuildEvaluateGraph(*model, {settings.batch, settings.length, settings.dtype}));
  std::unique_ptr<Evaluator> evaluator(new Evaluator());
  ProgramOptions options;
  options.share_with = share_with;
  HG_ASSIGN_OR_RETURN(evaluator->program_, Program::Compile(std::move(graph), std::move(backend),
                                                            std::move(state), options));
  evaluator->model_ = std::move(model);
  evaluator->settings_ = settings;
  if (settings.step == 0) evaluator->settings_.step = settings.length;
  return evaluator;
}

absl::StatusOr<Evaluation> Evaluator::Run(
    std::span<const uint8_t> bytes,
    const std::function<bool(int64_t done, int64_t total)>& progress,
    const std::function<bool()>& stop) {
  const int64_t length = settings_.length, batch = settings_.batch;
  const auto mask = model_->config().mask_id;
  const std::vector<Window> windows =
      PlanWindows(static_cast<int64_t>(bytes.size()), length, settings_.step);
  const int64_t total = static_cast<int64_t>(windows.size());
  std::vector<int32_t> tokens(static_cast<size_t>(batch * length));
  Evaluation result;
  for (int64_t first = 0; first < total; first += batch) {
    const int64_t count = std::min(batch, total - first);
    // What is not overwritten, right of a window and in rows without one, is id 0.
    std::fill(tokens.begin(), tokens.end(), 0);
    for (int64_t row = 0; row < count; ++row) {
      const Window& window = windows[static_cast<size_t>(first + row)];
      std::copy(bytes.begin() + window.begin, bytes.begin() + window.end,
                tokens.begin() + row * length);
    }
    HG_RETURN_IF_ERROR(
        program_->SetInput("tokens", tokens.data(), tokens.size() * sizeof(int32_t)));
    HG_RETURN_IF_ERROR(program_->Run(stop));
    HG_ASSIGN_OR_RETURN(const std::vector<double> nats, ReadOutput(*program_, "token_nats"));
    for (int64_t row = 0; row < count; ++row) {
      const Window& window = windows[static_cast<size_t>(first + row)];
      double sum = 0.0;
      int64_t scored = 0;
      for (int64_t i = window.scored; i < window.end; ++i) {
        if (mask && bytes[static_cast<size_t>(i)] == *mask) continue;
        sum += nats[static_cast<size_t>(row * length + i - window.begin)];
        ++scored;
      }
      result.window_nats.push_back(sum);
      result.window_tokens.push_back(scored);
      result.nats += sum;
      result.tokens += scored;
    }
    if (progress && !progress(first + count, total)) {
      return absl::CancelledError("evaluation: stopped");
    }
  }
  return result;
}

int64_t Evaluator::PlannedBytes() const { return program_->OwnBytes(); }

}  // namespace hourglass
