// The arithmetic of `hourglass bench` and what it refuses; nothing here depends on how fast the
// machine is.
#include "experiments/runner/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "baselines/catalog.h"
#include "experiments/runner/backends.h"
#include "experiments/runner/bench_statistics.h"
#include "experiments/runner/bench_table.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/op_profile.h"
#include "experiments/runner/roofline.h"
#include "hourglass/base/parallel_for.h"
#include "hourglass/data/dataset.h"
#include "hourglass/train/trainer.h"

namespace hourglass {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// --- statistics ---

TEST(BenchStatistics, QuantileIsThatOfThePeer) {
  // Index q n of the sorted values, the last one at most.
  EXPECT_EQ(Quantile({5, 1, 4, 2, 3}, 0.5), 3);
  EXPECT_EQ(Quantile({4, 3, 2, 1}, 0.5), 3);
  EXPECT_EQ(Quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.2), 3);
  EXPECT_EQ(Quantile({7}, 1.0), 7);
}

TEST(BenchStatistics, SpreadAndDrift) {
  const Steadiness steady = SteadinessOf({2, 2, 2, 2});
  EXPECT_EQ(steady.spread, 0);
  EXPECT_EQ(steady.drift, 0);
  // Sorted 1 1 1 1 1 2 2 2 2 2: 10 % at index 1, 90 % at 9, median at 5.
  const Steadiness slower = SteadinessOf({1, 1, 1, 1, 1, 2, 2, 2, 2, 2});
  EXPECT_DOUBLE_EQ(slower.spread, 0.5);
  EXPECT_DOUBLE_EQ(slower.drift, 1.0);
  EXPECT_EQ(SteadinessOf({1, 2, 3}).drift, 0) << "too few to be halved";
}

TEST(BenchStatistics, AWarningForEachBrokenLimit) {
  NoiseFacts facts;
  facts.threads = 2;
  facts.load_at_start = 2.0;
  facts.training = {kMostSpread, -kMostDrift};
  facts.peak_spread = kMostPeakSpread;
  EXPECT_TRUE(NoiseWarnings(facts).empty()) << "at the limit, none is broken";
  facts.training = {0.23, -0.08};
  facts.forward = {0.31, 0};
  facts.load_at_start = 3.25;
  facts.peak_spread = 0.15;
  EXPECT_THAT(NoiseWarnings(facts),
              ElementsAre(HasSubstr("training steps: 10 % to 90 % of the times spread over 23 %"),
                          HasSubstr("training steps: the second half of the times is -8 % off"),
                          HasSubstr("forward passes: 10 % to 90 % of the times spread over 31 %"),
                          HasSubstr("load average was 3.2 at the start, more than the 2 threads"),
                          HasSubstr("product peak moved by 15 %")));
}

TEST(BenchBuild, ADebugBuildIsRefusedAsABadConfiguration) {
  EXPECT_TRUE(RefuseDebugBuild(false).ok());
  const absl::Status status = RefuseDebugBuild(true);
  EXPECT_EQ(ExitCodeFor(status), kExitBadConfiguration);
  EXPECT_THAT(std::string(status.message()), HasSubstr("debug build"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("-c opt"));
}

// --- roofline ---

TEST(Roofline, ARateIsWorkOverTimeAfterOneUntimedRun) {
  int64_t now = 0;
  int runs = 0;
  const auto run = [&] {
    ++runs;
    now += 7'000'000;  // 7 ms
    return absl::OkStatus();
  };
  const auto rate = RateOf(35, 0.03, run, [&] { return now; });
  ASSERT_TRUE(rate.ok());
  // 4 runs of 7 ms are below 30 ms, 5 are not; the first one is not timed.
  EXPECT_EQ(runs, 6);
  EXPECT_DOUBLE_EQ(*rate, 35 / 7e-3);
  EXPECT_EQ(RateOf(1, 1, [] { return absl::InternalError("no"); }, {}).status().message(), "no");
}

TEST(Roofline, PeakIsTheBestOfAllRoundsAndSaysHowFarTheyLieApart) {
  const std::vector<std::vector<Rate>> rounds = {{{"a", 4}, {"b", 8}}, {{"a", 10}, {"b", 2}}};
  const Peak peak = PeakOf(rounds);
  EXPECT_EQ(peak.best.what, "a");
  EXPECT_EQ(peak.best.per_second, 10);
  EXPECT_THAT(peak.rounds, ElementsAre(8, 10));
  EXPECT_DOUBLE_EQ(peak.spread, 0.2);
}

TEST(Roofline, MeasuresEveryProductPlainAndPacked) {
  SetThreadCount(2);
  RooflineOptions options;
  options.seconds = 0;
  int64_t now = 0;
  options.now_nanos = [&] { return now += 1'000'000; };
  const auto backend = MakeBackend("onednn").value();
  const auto round = MeasureRoofline(*backend, options);
  ASSERT_TRUE(round.ok()) << round.status();
  ASSERT_EQ(round->products.size(), 2 * RooflineProducts().size());
  std::set<std::string> names;
  for (size_t i = 0; i < round->products.size(); ++i) {
    const Rate& rate = round->products[i];
    EXPECT_TRUE(names.insert(rate.what).second) << rate.what;
    EXPECT_THAT(rate.what, HasSubstr(i % 2 == 0 ? " plain " : " packed "));
    // One run between two readings of a clock that takes a millisecond for each.
    EXPECT_DOUBLE_EQ(rate.per_second,
                     static_cast<double>(RooflineProducts()[i / 2].Flops()) / 1e-3);
  }
  ASSERT_EQ(round->memory.size(), 2u);
  const auto bytes = static_cast<double>(RooflineArrayBytes());
  EXPECT_EQ(round->memory[0].what, "copy");
  EXPECT_DOUBLE_EQ(round->memory[0].per_second, 2 * bytes / 1e-3);
  EXPECT_EQ(round->memory[1].what, "triad");
  EXPECT_DOUBLE_EQ(round->memory[1].per_second, 3 * bytes / 1e-3);
  options.dtype = DType::kF64;
  EXPECT_TRUE(absl::IsUnimplemented(MeasureRoofline(*backend, options).status()));
}

// --- profiles ---

TEST(OpProfile, NodesOfOneOpAndKernelAreOneRow) {
  const std::vector<NodeProfile> nodes = {
      {"matmul", "a", "brg", 2'000'000, 2, 100, 10},
      {"matmul", "b", "brg", 4'000'000, 2, 300, 30},
      {"matmul", "c", "jit", 1'000'000, 2, 5, 1},
      {"gelu", "a", "own", 12'000'000, 3, 0, 64},
      {"add", "a", "own", 0, 0, 0, 8},
  };
  const std::vector<OpTotal> totals = TotalsByOp(nodes);
  ASSERT_EQ(totals.size(), 3u) << "a node that never ran is no row";
  EXPECT_EQ(totals[0].op, "gelu") << "the longest first";
  EXPECT_DOUBLE_EQ(totals[0].seconds, 4e-3);
  EXPECT_EQ(totals[1].implementation, "brg");
  EXPECT_EQ(totals[1].nodes, 2);
  EXPECT_DOUBLE_EQ(totals[1].seconds, 3e-3);
  EXPECT_EQ(totals[1].executed_flops, 400);
  EXPECT_EQ(totals[1].bytes, 40);
  EXPECT_DOUBLE_EQ(totals[2].seconds, 0.5e-3);
}

TEST(OpProfile, PartsOfAStep) {
  EXPECT_EQ(PartOf("attention", "valley.middle.0.attention"), StepPart::kAttention);
  EXPECT_EQ(PartOf("attention_grad", "gradient/valley.middle.3.attention"), StepPart::kAttention);
  EXPECT_EQ(PartOf("matmul", "valley.middle.0.attention.output"), StepPart::kRest);
  EXPECT_EQ(PartOf("layer_norm", "valley.valley.middle.norm"), StepPart::kRest);
  EXPECT_EQ(PartOf("attention", "pre.0.attention"), StepPart::kOutside);
  EXPECT_EQ(PartOf("attention", "valley.shorten.attention"), StepPart::kOutside);
  EXPECT_EQ(PartOf("repeat", "gradient/valley.upsample"), StepPart::kOutside);
  EXPECT_EQ(PartOf("accumulate", "accumulate/valley.middle.0.attention.output.weight"),
            StepPart::kParameters);
  EXPECT_EQ(PartOf("adam", "update"), StepPart::kParameters);
}

TEST(OpProfile, TheClockGivesWhatASingleStepTook) {
  SetThreadCount(1);
  ModelConfig config;
  config.hierarchy = "1@1 1@2 1@1";
  config.d_model = 8;
  config.d_ff = 8;
  config.n_heads = 1;
  TrainSettings settings;
  settings.batch = 1;
  settings.length = 8;
  const std::shared_ptr<const LanguageModel> model = MakeModel(config).value();
  auto trainer = Trainer::Create(model, MakeBackend("onednn").value(),
                                 std::make_shared<RandomTokens>(config.vocab_size), settings)
                     .value();
  PartClock clock(trainer->accumulate_program(), trainer->update_program());
  for (int step = 0; step < 2; ++step) {
    const auto result = trainer->Step();
    ASSERT_TRUE(result.ok()) << result.status();
    int64_t all = 0;
    for (const int64_t nanos : clock.Take()) {
      EXPECT_GT(nanos, 0);
      all += nanos;
    }
    EXPECT_LE(static_cast<double>(all), 1e9 * result->seconds);
  }
  for (const int64_t nanos : clock.Take()) EXPECT_EQ(nanos, 0) << "no step since";
}

// --- environment ---

TEST(HugePages, TheWordInBracketsIsTheSetting) {
  EXPECT_EQ(ChosenWord("always [madvise] never"), "madvise");
  EXPECT_EQ(ChosenWord("[always] madvise never"), "always");
  EXPECT_EQ(ChosenWord("unknown"), "unknown");
  EXPECT_EQ(ChosenWord("]["), "unknown");
}

// --- text ---

TEST(BenchText, SaysWhatWasNotMeasured) {
  nlohmann::ordered_json result = {{"model",
                                    {{"hierarchy", "2@1"},
                                     {"d_model", 8},
                                     {"d_ff", 16},
                                     {"heads", 2},
                                     {"attention", "relative"}}},
                                   {"parameters", 1234},
                                   {"length", 16},
                                   {"batch", 2},
                                   {"dtype", "f32"},
                                   {"threads", 2},
                                   {"steps", 5},
                                   {"cpu", "Example CPU"},
                                   {"isa", "avx512_core"},
                                   {"library", "oneDNN 3.2.0"},
                                   {"train_ms_median", 4.0},
                                   {"train_ms_p20", 3.5},
                                   {"train_tokens_per_s", 8000.0},
                                   {"needed_train_gflop_per_s", 90.0},
                                   {"train_product_peak_share", 0.831},
                                   {"forward_ms_median", 1.0},
                                   {"forward_ms_p20", 0.9},
                                   {"forward_tokens_per_s", 32000.0},
                                   {"needed_forward_gflop_per_s", 100.0},
                                   {"forward_product_peak_share", nullptr},
                                   {"product_peak",
                                    {{"what", "512x512x512 packed brg"},
                                     {"gflop_per_s", 108.3},
                                     {"spread", 0.02},
                                     {"rounds", {1}}}},
                                   {"memory_peak", nullptr},
                                   {"planned_mb", 10.0},
                                   {"state_mb", 4.0},
                                   {"peak_rss_mb", 30.0},
                                   {"huge_pages", "madvise"},
                                   {"huge_pages_mb", nullptr},
                                   {"train_spread", 0.03},
                                   {"train_drift", -0.01},
                                   {"forward_spread", 0.02},
                                   {"forward_drift", 0.0},
                                   {"load_average_at_start", 0.2}};
  const std::string text = BenchText(result);
  EXPECT_THAT(text, HasSubstr("83.1%\n")) << text;
  EXPECT_THAT(text, HasSubstr("product peak   108.3 GFLOP/s: 512x512x512 packed brg; 1 rounds"));
  EXPECT_THAT(text, testing::Not(HasSubstr("memory peak")));
  EXPECT_THAT(text, HasSubstr("planned 10.0 MiB (parameters, gradients, moments 4.0), "));
  EXPECT_THAT(text, HasSubstr("huge pages     madvise\n"));
  EXPECT_THAT(text, HasSubstr("load average 0.2 at the start"));
  EXPECT_THAT(text, testing::Not(HasSubstr("implementation")));
  result["ops"] = nlohmann::ordered_json::array();
  result["ops"].push_back({{"op", "gelu"},
                           {"implementation", "hourglass:gelu"},
                           {"nodes", 2},
                           {"ms_per_step", 1.5},
                           {"share", 0.375},
                           {"gflop_per_step", 0.0},
                           {"gflop_per_s", 0.0},
                           {"product_peak_share", 0.0},
                           {"mb_per_step", 12.0},
                           {"gb_per_s", 8.4},
                           {"memory_peak_share", nullptr}});
  result["forward_ops"] = nlohmann::ordered_json::array();
  const std::string table = BenchText(result);
  EXPECT_THAT(table, HasSubstr("hourglass:gelu"));
  EXPECT_THAT(table, HasSubstr("     MiB     GB/s of peak\n"));
  EXPECT_THAT(table, HasSubstr("37.5%        -        -       -     12.0      8.4       -\n"))
      << table;
}

}  // namespace
}  // namespace hourglass
