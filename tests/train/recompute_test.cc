// Recomputation by the trainer: the same bits, less memory, the limit kept or refused.

#include "hourglass/train/recompute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/data/byte_corpus.h"
#include "hourglass/train/price.h"
#include "hourglass/train/trainer.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::BackendCase;
using testing::MakeModel;
using testing::MakeTrainer;
using testing::Numbers;
using testing::TestFolder;
using testing::TinyConfig;
using testing::TinySettings;
using testing::TrainSteps;

ModelConfig Resampling(const std::string& hierarchy, const std::string& kind,
                       const std::string& shortening, const std::string& upsampling,
                       double dropout) {
  ModelConfig config = TinyConfig(hierarchy, dropout);
  config.vanilla_attention = config.middle_attention = kind;
  config.shortening = shortening;
  config.upsampling = upsampling;
  config.shortening_query = config.upsampling_query = "linear";
  return config;
}

std::vector<ModelConfig> Models(double dropout) {
  return {Resampling("2@1", "softmax", "average", "repeat", dropout),
          Resampling("2@1", "relative", "average", "repeat", dropout),
          Resampling("1@1 2@3 1@1", "softmax_rotary", "linear", "linear", dropout),
          Resampling("1@1 1@2 1@4 1@2 1@1", "relative", "attention", "attention", dropout),
          Resampling("0@1 2@2 1@1", "softmax", "average", "attention", dropout)};
}

struct StepBits {
  std::vector<double> losses, norms, gradients, parameters;
  friend bool operator==(const StepBits&, const StepBits&) = default;
};

StepBits BitsOf(Trainer& trainer) {
  StepBits bits;
  for (const StepResult& step : TrainSteps(trainer, 2)) {
    bits.losses.push_back(step.loss);
    bits.norms.push_back(step.gradient_norm);
  }
  bits.gradients = Numbers(*trainer.state(), "gradients");
  bits.parameters = Numbers(*trainer.state(), "parameters");
  return bits;
}

int64_t RepeatedNodes(Trainer& trainer) {
  const auto& nodes = trainer.accumulate_program().graph().nodes();
  return std::count_if(nodes.begin(), nodes.end(),
                       [](const Node& node) { return node.recomputed; });
}

class RecomputeOnBackendTest : public ::testing::TestWithParam<BackendCase> {
 protected:
  std::unique_ptr<Trainer> Make(const ModelConfig& config, const RecomputeSettings& recompute,
                                int64_t micro_batches) {
    TrainSettings settings = TinySettings();
    settings.length = 14;  // divisible by no factor: padded
    settings.dtype = GetParam().dtype;
    settings.micro_batches = micro_batches;
    settings.recompute = recompute;
    return MakeTrainer(config, settings, GetParam().make());
  }
};

INSTANTIATE_TEST_SUITE_P(Reference, RecomputeOnBackendTest,
                         ::testing::Values(BackendCase{"f64", MakeReferenceBackend, DType::kF64}),
                         testing::CaseName);
INSTANTIATE_TEST_SUITE_P(OneDnn, RecomputeOnBackendTest,
                         ::testing::ValuesIn(testing::OneDnnCases()), testing::CaseName);

TEST_P(RecomputeOnBackendTest, EveryBitIsThatWithout) {
  for (const double dropout : {0.0, 0.2}) {
    for (const ModelConfig& config : Models(dropout)) {
      for (const int64_t micro_batches : {1, 2}) {
        const auto without = Make(config, {}, micro_batches);
        const StepBits want = BitsOf(*without);
        EXPECT_EQ(RepeatedNodes(*without), 0);
        const int64_t limit = without->PlannedBytes() - 1;
        for (const RecomputeSettings& recompute :
             {RecomputeSettings{"elementwise", 0}, RecomputeSettings{"blocks", 0},
              RecomputeSettings{"levels", 0}, RecomputeSettings{"elementwise,blocks", 0},
              RecomputeSettings{"levels,elementwise", 0}, RecomputeSettings{"", limit}}) {
          SCOPED_TRACE(absl::StrCat(config.Label(), " ", config.vanilla_attention, " dropout ",
                                    dropout, " micro ", micro_batches, " '", recompute.what, "' ",
                                    recompute.memory_limit));
          const auto trainer = Make(config, recompute, micro_batches);
          EXPECT_GT(RepeatedNodes(*trainer), 0);
          EXPECT_EQ(BitsOf(*trainer), want);
        }
      }
    }
  }
}

TEST_P(RecomputeOnBackendTest, ProductsAreExecutedAgainButNotNeeded) {
  const ModelConfig config = Models(0.2)[3];
  const StepCost without = Make(config, {}, 2)->CostPerStep();
  const StepCost with = Make(config, {"blocks", 0}, 2)->CostPerStep();
  EXPECT_EQ(with.needed_flops, without.needed_flops);
  EXPECT_EQ(with.dense_flops, without.dense_flops);
  EXPECT_EQ(with.dense_trax_flops, without.dense_trax_flops);
  EXPECT_EQ(with.executed_forward_flops, without.executed_forward_flops);
  EXPECT_GT(with.executed_flops, without.executed_flops);
  EXPECT_LT(with.executed_flops, without.executed_flops + without.executed_forward_flops);
  EXPECT_GT(with.recompute_flops, without.recompute_flops);
  if (GetParam().dtype == DType::kF64) {  // the reference skips nothing
    EXPECT_EQ(with.executed_flops, with.dense_flops + with.recompute_flops);
  }
}

TEST_P(RecomputeOnBackendTest, TheLimitHoldsWithWorkspaces) {
  for (const ModelConfig& config : Models(0.2)) {
    SCOPED_TRACE(config.Label());
    const int64_t without = Make(config, {}, 1)->PlannedBytes();
    const int64_t least = Make(config, {"elementwise,blocks", 0}, 1)->PlannedBytes();
    ASSERT_LT(least, without);
    EXPECT_TRUE(Make(config, {"", without}, 1)->recomputed().empty());
    for (const int64_t limit : {without - 1, (without + least) / 2, least}) {
      const auto trainer = Make(config, {"", limit}, 1);
      EXPECT_LE(trainer->PlannedBytes(), limit);
      EXPECT_EQ(trainer->accumulate_program().memory().PeakBytes() +
                    trainer->update_program().memory().PeakBytes() -
                    trainer->state()->spec().TotalBytes(),
                trainer->PlannedBytes());
    }
  }
}

// Nothing about memory is part of what a checkpoint must agree in.
TEST_P(RecomputeOnBackendTest, ACheckpointGoesOnUnderAnotherSetting) {
  const std::string path = TestFolder() + "/checkpoint.safetensors";
  const ModelConfig config = Models(0.2)[2];
  const auto whole = Make(config, {}, 1);
  TrainSteps(*whole, 2);
  ASSERT_TRUE(whole->Save(path).ok());
  const auto second = Make(config, {"blocks", 0}, 1);
  const auto restored = second->Restore(path);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(BitsOf(*second), BitsOf(*whole));
}

TrainingPrice PriceOf(const ModelConfig& config, const StepShape& shape,
                      const RecomputeSettings& recompute) {
  auto price = PriceTraining(*MakeModel(config), shape, recompute);
  EXPECT_TRUE(price.ok()) << price.status();
  return price.value_or(TrainingPrice{});
}

ModelConfig PaperSize(const std::string& hierarchy) {
  ModelConfig config;
  config.hierarchy = hierarchy;
  return config;
}

TEST(RecomputeMemoryTest, MoreRecomputedNeedsLess) {
  for (const char* hierarchy : {"8@1", "2@1 8@3 2@1", "1@1 1@2 2@4 1@2 1@1"}) {
    SCOPED_TRACE(hierarchy);
    const ModelConfig config = PaperSize(hierarchy);
    const auto bytes = [&](const char* what) {
      const TrainingPrice price = PriceOf(config, {4, 1026, DType::kF32}, {what, 0});
      return price.planned_bytes - price.state_bytes;
    };
    const int64_t none = bytes(""), elementwise = bytes("elementwise"), blocks = bytes("blocks");
    const int64_t both = bytes("elementwise,blocks");
    EXPECT_LT(elementwise, none * 3 / 4);
    EXPECT_LT(blocks, elementwise);
    EXPECT_LE(both, blocks);
    if (std::string(hierarchy) != "8@1") {  // one level: all of it is needed at once
      EXPECT_LT(bytes("levels"), none);
    }
    // One block more, one block less memory, as long as it is not the last one.
    int64_t last = none;
    for (const char* what : {"pre.0", "pre.0,valley.middle.0", "pre.0,valley"}) {
      if (std::string(hierarchy) != "2@1 8@3 2@1") break;
      const int64_t now = bytes(what);
      EXPECT_LT(now, last) << what;
      last = now;
    }
  }
}

TEST(RecomputeMemoryTest, CostsOfTheModelStayAsTheyAre) {
  const TrainingPrice without = PriceOf(PaperSize("2@1 8@3 2@1"), {4, 1026, DType::kF32}, {});
  const TrainingPrice with =
      PriceOf(PaperSize("2@1 8@3 2@1"), {4, 1026, DType::kF32}, {"blocks", 0});
  EXPECT_EQ(with.NeededFlops(), without.NeededFlops());
  EXPECT_EQ(with.DenseTraxFlops(), without.DenseTraxFlops());
  EXPECT_EQ(with.backward.recompute, without.backward.recompute);
  EXPECT_EQ(with.backward.elementwise, without.backward.elementwise);
  EXPECT_TRUE(without.recomputed.empty());
  EXPECT_EQ(with.recomputed.size(), 2u + 8u + 2u);
  EXPECT_EQ(with.recomputed.front(), "pre.0");
  EXPECT_EQ(with.recomputed.back(), "post.1");
}

TEST(RecomputeMemoryTest, ALowerLimitRecomputesNoLess) {
  const ModelConfig config = PaperSize("2@1 8@3 2@1");
  const StepShape shape{4, 1026, DType::kF32};
  const int64_t without = PriceOf(config, shape, {}).planned_bytes;
  const int64_t least = PriceOf(config, shape, {"elementwise,blocks", 0}).planned_bytes;
  size_t last = 0;
  for (int part = 0; part <= 8; ++part) {
    const int64_t limit = without - (without - least) * part / 8;
    const TrainingPrice price = PriceOf(config, shape, {"", limit});
    EXPECT_LE(price.planned_bytes, limit);
    EXPECT_GE(price.recomputed.size(), last);
    EXPECT_EQ(PriceOf(config, shape, {"", limit}).recomputed, price.recomputed);
    // The same by name is the same plan.
    EXPECT_EQ(PriceOf(config, shape, {absl::StrJoin(price.recomputed, ","), 0}).planned_bytes,
              price.planned_bytes);
    last = price.recomputed.size();
  }
  EXPECT_GT(last, 5u);
}

// All subsets of the blocks, tried one by one.
TEST(RecomputeMemoryTest, NoSmallerSetOfBlocksFits) {
  for (const ModelConfig& config :
       {Resampling("5@1", "relative", "average", "repeat", 0.0),
        Resampling("0@1 3@2 2@1", "relative", "average", "attention", 0.0),
        Resampling("1@1 2@2 1@1", "softmax", "attention", "attention", 0.2)}) {
    SCOPED_TRACE(config.Label());
    const StepShape shape{2, 64, DType::kF32};
    const std::vector<std::string> blocks = PriceOf(config, shape, {"blocks", 0}).recomputed;
    const size_t subsets = size_t{1} << blocks.size();
    ASSERT_GE(blocks.size(), 5u);
    std::vector<int64_t> bytes(subsets);
    for (size_t subset = 0; subset < subsets; ++subset) {
      std::string what = "elementwise";
      for (size_t b = 0; b < blocks.size(); ++b) {
        if (subset >> b & 1) absl::StrAppend(&what, ",", blocks[b]);
      }
      bytes[subset] = PriceOf(config, shape, {what, 0}).planned_bytes;
    }
    const int64_t without = PriceOf(config, shape, {}).planned_bytes;
    const std::set<int64_t> limits(bytes.begin(), bytes.end());
    for (const int64_t limit : limits) {
      size_t fewest = blocks.size();
      for (size_t subset = 0; subset < subsets; ++subset) {
        if (bytes[subset] > limit) continue;
        fewest = std::min(fewest, static_cast<size_t>(std::popcount(subset)));
      }
      ASSERT_LT(limit, without);
      if (limit < bytes[subsets - 1]) continue;  // refused: all of them is what is tried first
      const auto names = PriceOf(config, shape, {"", limit}).recomputed;
      EXPECT_EQ(names.size(), fewest + 1) << limit << ": " << absl::StrJoin(names, ", ");
    }
  }
}

TEST(RecomputeMemoryTest, ALimitBelowEverythingRecomputedIsRefused) {
  const ModelConfig config = PaperSize("2@1");
  const StepShape shape{4, 1026, DType::kF32};
  const int64_t least = PriceOf(config, shape, {"elementwise,blocks", 0}).planned_bytes;
  const int64_t without = PriceOf(config, shape, {}).planned_bytes;
  EXPECT_LE(PriceOf(config, shape, {"", least}).planned_bytes, least);
  const auto refused = PriceTraining(*MakeModel(config), shape, {"", least - 1});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(refused.status().message());
  for (const int64_t number : {least - 1, least, without}) {
    EXPECT_NE(message.find(absl::StrCat(number, " ")), std::string::npos) << message;
  }
}

TEST(RecomputeMemoryTest, AnUnknownNameIsRefusedWithThoseThereAre) {
  const auto price =
      PriceTraining(*MakeModel(Models(0.0)[2]), {2, 12, DType::kF32}, {"pre.0,middle.7", 0});
  EXPECT_EQ(price.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(price.status().message(),
            "recompute: nothing is called 'middle.7'; there are: elementwise, blocks, levels, pre, "
            "valley.shorten, valley.middle, valley.upsample, post, pre.0, valley.middle.0, "
            "valley.middle.1, post.0");
}

TEST(RecomputeMemoryTest, AnEmptyNameIsRefused) {
  for (const char* what : {",", "pre.0,", "blocks,,levels"}) {
    const auto price = PriceTraining(*MakeModel(Models(0.0)[2]), {2, 12, DType::kF32}, {what, 0});
    EXPECT_EQ(price.status().code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_NE(price.status().message().find("nothing is called ''"), std::string::npos)
        << price.status();
  }
}

// R^2 of the straight line through planned bytes at lengths of 1,024 to 8,192.
double Straightness(const ModelConfig& config, const RecomputeSettings& recompute) {
  std::vector<double> x, y;
  for (int64_t length = 1024; length <= 8192; length += 1024) {
    const TrainingPrice price = PriceOf(config, {1, length, DType::kF32}, recompute);
    x.push_back(static_cast<double>(length));
    y.push_back(static_cast<double>(price.planned_bytes - price.state_bytes));
  }
  EXPECT_LT(y.back(), 8.5 * y.front());
  const auto mean = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double number : v) sum += number;
    return sum / static_cast<double>(v.size());
  };
  const double mean_x = mean(x), mean_y = mean(y);
  double xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xy * xy / (xx * yy);
}

TEST(RecomputeMemoryTest, MemoryGrowsInAStraightLineWithTheLength) {
  ModelConfig attention = PaperSize("2@1 8@3 2@1");
  attention.shortening = attention.upsampling = "attention";
  for (const ModelConfig& config : {PaperSize("8@1"), PaperSize("2@1 8@3 2@1"), attention}) {
    for (const char* what : {"", "blocks"}) {
      EXPECT_GT(Straightness(config, {what, 0}), 0.9999) << config.Label() << " " << what;
    }
  }
}

// 12,288 positions at full width, on a machine of 24 GiB.
TEST(RecomputeMemoryTest, LongSequencesFit) {
  const StepShape shape{1, 12288, DType::kF32};
  EXPECT_LT(PriceOf(PaperSize("8@1"), shape, {}).planned_bytes, int64_t{8} << 30);
  const TrainingPrice price = PriceOf(PaperSize("8@1"), shape, {"", int64_t{2} << 30});
  EXPECT_LE(price.planned_bytes, int64_t{2} << 30);
}

}  // namespace
}  // namespace hourglass
