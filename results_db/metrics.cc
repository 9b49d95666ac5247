#include "results_db/metrics.h"

#include <array>

namespace hourglass::results {
namespace {

constexpr std::array kMetrics = {
    MetricDefinition{kTrainLossNats, "nat/byte", "lower", "quality", 1,
                     "Mean negative log-likelihood of the bytes of one optimizer step, dropout on, "
                     "before the update. A float is stored as the double of the same value."},
    MetricDefinition{kTrainBitsPerByte, "bit/byte", "lower", "quality", 1,
                     "train_loss_nats / ln 2."},
    MetricDefinition{kGradientNorm, "1", "none", "quality", 1,
                     "Euclidean norm of the gradient over all parameters, before clipping."},
    MetricDefinition{kLearningRate, "1", "none", "count", 1,
                     "Learning rate of the optimizer step."},
    MetricDefinition{kValidLossNats, "nat/byte", "lower", "quality", 1,
                     "Mean negative log-likelihood of the validation bytes, dropout off, "
                     "non-overlapping windows, no context carried from window to window."},
    MetricDefinition{kValidBitsPerByte, "bit/byte", "lower", "quality", 1,
                     "valid_loss_nats / ln 2."},
    MetricDefinition{kTestLossNats, "nat/byte", "lower", "quality", 1,
                     "Mean negative log-likelihood of the test bytes, dropout off, by the protocol "
                     "named in the configuration."},
    MetricDefinition{kTestBitsPerByte, "bit/byte", "lower", "quality", 1,
                     "Mean negative log2-likelihood of the test bytes by the protocol named in the "
                     "configuration."},
    MetricDefinition{kTrainBytesPerSecond, "byte/s", "higher", "speed", 1,
                     "Predicted bytes per second of training time: forward, backward and update; "
                     "evaluation, checkpoints and logging excluded."},
    MetricDefinition{kForwardBytesPerSecond, "byte/s", "higher", "speed", 1,
                     "Predicted bytes per second of forward passes alone."},
    MetricDefinition{kStepsPerSecond, "step/s", "higher", "speed", 1,
                     "Optimizer steps per second of training time."},
    MetricDefinition{kTrainWallSeconds, "s", "lower", "speed", 1,
                     "Training time of the whole run; evaluation and checkpoints excluded."},
    MetricDefinition{kEvalWallSeconds, "s", "lower", "speed", 1, "Time spent in evaluation."},
    MetricDefinition{kPeakRssBytes, "byte", "lower", "memory", 1,
                     "Largest resident set of the process as the kernel reports it; includes what "
                     "earlier runs of the same process left behind."},
};

}  // namespace

std::span<const MetricDefinition> Metrics() { return kMetrics; }

const MetricDefinition* FindMetric(std::string_view name) {
  for (const MetricDefinition& metric : kMetrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace hourglass::results
