// The registry of metrics: what each stored number means. A definition never changes; a new meaning
// is a new version.
#pragma once

#include <span>
#include <string_view>

namespace hourglass::results {

inline constexpr std::string_view kTrainLossNats = "train_loss_nats";
inline constexpr std::string_view kTrainBitsPerByte = "train_bits_per_byte";
inline constexpr std::string_view kGradientNorm = "gradient_norm";
inline constexpr std::string_view kLearningRate = "learning_rate";
inline constexpr std::string_view kValidLossNats = "valid_loss_nats";
inline constexpr std::string_view kValidBitsPerByte = "valid_bits_per_byte";
inline constexpr std::string_view kTestLossNats = "test_loss_nats";
inline constexpr std::string_view kTestBitsPerByte = "test_bits_per_byte";
inline constexpr std::string_view kTrainBytesPerSecond = "train_bytes_per_s";
inline constexpr std::string_view kForwardBytesPerSecond = "forward_bytes_per_s";
inline constexpr std::string_view kStepsPerSecond = "steps_per_s";
inline constexpr std::string_view kTrainWallSeconds = "train_wall_s";
inline constexpr std::string_view kEvalWallSeconds = "eval_wall_s";
inline constexpr std::string_view kPeakRssBytes = "peak_rss_bytes";

struct MetricDefinition {
  std::string_view name;
  std::string_view unit;
  std::string_view direction;  // "lower", "higher" or "none": which way is better
  std::string_view kind;       // "quality", "speed", "memory" or "count"
  int version;                 // definition_version: the newest
  std::string_view definition;
};

// Every metric a run may store, in a fixed order.
std::span<const MetricDefinition> Metrics();

// The newest definition of `name`, or null when there is none.
const MetricDefinition* FindMetric(std::string_view name);

}  // namespace hourglass::results
