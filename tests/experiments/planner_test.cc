// The planner against the paper: parameter counts as exact integers, FLOPs per byte against the
// closed formulas and the printed column, and what it costs to be planned.
#include "experiments/runner/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "experiments/runner/spec_loader.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using testing::HasSubstr;

struct Row {
  std::string hierarchy;
  int64_t parameters;
  double forward_mflop;  // per token, as printed in the study of the paper, rounded to 0.1
  double bits_per_byte;
};

// Table 1 with attention resampling (S = average, U = none).
const std::vector<Row>& Table1() {
  static const auto* rows = new std::vector<Row>{{"6@1", 20754688, 76.2, 1.182},
                                                 {"2@1 1@3 2@1", 24174848, 70.7, 1.163},
                                                 {"2@1 4@4 2@1", 34419968, 74.3, 1.143},
                                                 {"8@1", 27584768, 101.4, 1.151},
                                                 {"2@1 4@3 2@1", 34419968, 79.2, 1.128},
                                                 {"2@1 8@4 2@1", 48080128, 82.2, 1.128},
                                                 {"2@1 1@2 4@4 1@2 2@1", 48085248, 95.9, 1.115},
                                                 {"2@1 8@3 2@1", 48080128, 90.4, 1.111},
                                                 {"10@1", 34414848, 126.7, 1.128},
                                                 {"3@1 8@4 3@1", 54910208, 107.5, 1.109},
                                                 {"12@1", 41244928, 152.0, 1.115},
                                                 {"4@1 8@4 4@1", 61740288, 132.8, 1.098},
                                                 {"2@1 16@3 2@1", 75400448, 113.0, 1.096},
                                                 {"14@1", 48075008, 177.3, 1.102},
                                                 {"5@1 8@2 5@1", 68570368, 184.9, 1.079}};
  return *rows;
}

std::vector<CellPlan> PlanOf(const std::string& name, const std::string& profile,
                             const std::vector<std::string>& assignments = {}) {
  const auto spec = ResolveSpec(LoadSpec(name).value(), profile, assignments);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto plans = PlanExperiment(*spec);
  EXPECT_TRUE(plans.ok()) << plans.status();
  return *plans;
}

const std::vector<CellPlan>& PaperPlan() {
  static const auto* plans = new std::vector<CellPlan>(PlanOf("enwik8/table1", "paper"));
  return *plans;
}

// Forward FLOPs per token of a stack of relative-attention blocks at length n: 24 n d^2 + 6 n^2 d
// and the position map, shared by the batch (d_ff = 4 d).
double Blocks(double layers, double n, double d, double batch) {
  return layers * (24 * n * d * d + 6 * n * n * d + 2 * n * d * d / batch);
}

// Attention resampling of n fine and m coarse positions, both ways, as the authors' program
// computes it.
double Resampling(double n, double m, double d, double batch) {
  const double f = 4 * d;
  const double down =
      4 * m * d * d + 4 * n * d * d + 4 * n * d * d / batch + 8 * m * n * d + 4 * m * d * f;
  const double up = 4 * n * d * d + 4 * m * d * d + 4 * n * d * d / batch + 4 * m * n * d +
                    4 * n * n * d + 4 * n * d * f;
  return down + up;
}

// The closed formula of the whole model at a padded length n, per token of the 2048 that are
// predicted.
double ForwardPerToken(const std::string& hierarchy, double n) {
  const double d = 512, vocabulary = 256, batch = 8;
  std::vector<std::pair<double, double>> items;
  for (size_t begin = 0; begin < hierarchy.size();) {
    const size_t end = std::min(hierarchy.find(' ', begin), hierarchy.size());
    const size_t at = hierarchy.find('@', begin);
    items.emplace_back(std::stod(hierarchy.substr(begin, at - begin)),
                       std::stod(hierarchy.substr(at + 1, end - at - 1)));
    begin = end + 1;
  }
  double flops = 2 * 2048 * d * vocabulary;  // logits of the padding are never computed
  for (const auto& [layers, factor] : items) flops += Blocks(layers, n / factor, d, batch);
  for (size_t i = 1; i <= items.size() / 2; ++i) {
    flops += Resampling(n / items[i - 1].second, n / items[i].second, d, batch);
  }
  return flops / 2048;
}

TEST(PlannerTest, ParametersOfTable1AreExact) {
  ASSERT_EQ(PaperPlan().size(), Table1().size());
  for (size_t i = 0; i < Table1().size(); ++i) {
    EXPECT_EQ(PaperPlan()[i].config.hierarchy, Table1()[i].hierarchy);
    EXPECT_EQ(PaperPlan()[i].parameters, Table1()[i].parameters) << Table1()[i].hierarchy;
  }
}

TEST(PlannerTest, DenseForwardFlopsAreThoseOfTheClosedFormula) {
  for (const CellPlan& plan : PaperPlan()) {
    const double ours = plan.TraxPerByte(plan.forward.dense_trax);
    // A length that k does not divide is padded.
    const bool thirds = plan.config.hierarchy.find("@3") != std::string::npos;
    const double formula = ForwardPerToken(plan.config.hierarchy, thirds ? 2049 : 2048);
    EXPECT_NEAR(ours / formula, 1.0, 1e-12) << plan.config.hierarchy;
  }
}

TEST(PlannerTest, DenseForwardFlopsAreTheColumnOfTable1) {
  for (size_t i = 0; i < Table1().size(); ++i) {
    const double ours = 1e-6 * PaperPlan()[i].TraxPerByte(PaperPlan()[i].forward.dense_trax);
    EXPECT_NEAR(ours, Table1()[i].forward_mflop, 0.05 + 1e-3 * ours) << Table1()[i].hierarchy;
  }
}

TEST(PlannerTest, PublishedNumbersAreThoseOfTheTable) {
  for (size_t i = 0; i < Table1().size(); ++i) {
    const specs::Cell& cell = PaperPlan()[i].cell;
    EXPECT_EQ(cell.published().bits_per_byte(), Table1()[i].bits_per_byte);
    EXPECT_FALSE(cell.published().source().empty());
    // "21M" is the count to the nearest million.
    EXPECT_EQ(std::stoi(cell.published().parameters()),
              std::lround(1e-6 * static_cast<double>(PaperPlan()[i].parameters)));
    EXPECT_GT(cell.published().memory_gb(), 4.4);
    EXPECT_LT(cell.published().steps_per_second(), 1.2);
  }
}

TEST(PlannerTest, PaperProfileHasTheSettingsOfThePaper) {
  const auto spec = ResolveSpec(LoadSpec("enwik8/table1").value(), "paper", {}).value();
  EXPECT_EQ(spec.training().length(), 2048);
  EXPECT_EQ(spec.training().batch(), 8);
  EXPECT_EQ(spec.training().steps(), 200000);
  EXPECT_EQ(spec.training().peak_rate(), 4e-4);
  EXPECT_EQ(spec.training().warmup_steps(), 4000);
  EXPECT_EQ(spec.training().clip_norm(), 0);
  EXPECT_EQ(spec.model().dropout(), 0.15);
  EXPECT_EQ(spec.data().window_stride(), 512);
  const TrainSettings settings = TrainSettingsOf(spec, spec.training().steps(), 2048).value();
  // 3.9e-7: the cosine is counted from the end of the warm-up (paper, C2).
  EXPECT_NEAR(settings.schedule.Rate(200000), 3.9e-7, 0.05e-7);
}

TEST(PlannerTest, NeededIsBelowDenseIsBelowTrax) {
  for (const CellPlan& plan : PaperPlan()) {
    EXPECT_LT(plan.forward.needed, plan.forward.dense);
    EXPECT_LE(plan.forward.dense, plan.forward.dense_trax);
    EXPECT_LT(plan.forward.needed, plan.training.needed);
    // Backward is about twice the forward pass for stacks of products.
    const double ratio =
        static_cast<double>(plan.training.dense) / static_cast<double>(plan.forward.dense);
    EXPECT_NEAR(ratio, 3.0, 0.06) << plan.config.hierarchy;
  }
}

TEST(PlannerTest, MemoryGrowsWithTheStateAndTheBatch) {
  const auto one = PlanOf("enwik8/table1", "smoke");
  const auto two = PlanOf("enwik8/table1", "smoke", {"training.batch=4"});
  EXPECT_EQ(one[0].state_bytes, two[0].state_bytes);
  EXPECT_LT(one[0].planned_bytes, two[0].planned_bytes);
  EXPECT_GE(one[0].state_bytes, 4 * 4 * one[0].parameters);
}

TEST(PlannerTest, MicroBatchesMultiplyToTheSameStep) {
  const auto whole = PlanOf("enwik8/table1", "smoke", {"training.batch=4"});
  const auto parts =
      PlanOf("enwik8/table1", "smoke", {"training.batch=4", "training.micro_batches=2"});
  // The position map is shared by a micro-batch, so two of them compute it twice.
  EXPECT_GT(parts[0].training.needed, whole[0].training.needed);
  EXPECT_LT(static_cast<double>(parts[0].training.needed),
            1.2 * static_cast<double>(whole[0].training.needed));
  EXPECT_LT(parts[0].planned_bytes, whole[0].planned_bytes);
}

TEST(BudgetTest, EveryCellIsPlannedAtEveryBudgetWithACosineOfItsOwn) {
  const std::vector<std::string> assignments = {"training.budgets=400,100"};
  const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "", assignments).value();
  const auto plans = PlanOf("quickstart", "", assignments);
  const auto one = PlanOf("quickstart", "");
  ASSERT_EQ(plans.size(), 2 * one.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    const CellPlan& plan = plans[i];
    // The smaller budget first, whatever the order it is written in.
    EXPECT_EQ(plan.steps, i < one.size() ? 100 : 400);
    EXPECT_EQ(plan.cell.label(), one[i % one.size()].cell.label());
    EXPECT_EQ(plan.training.needed, one[i % one.size()].training.needed);
    EXPECT_EQ(plan.mismatch, one[i % one.size()].mismatch);
    const results::Config row = ConfigRow(spec, plan);
    EXPECT_EQ(row.label, one[i % one.size()].cell.label());
    EXPECT_EQ(nlohmann::json::parse(row.canonical_json)["training"]["steps"], plan.steps);
  }
  const Schedule small = TrainSettingsOf(spec, 100, 768)->schedule;
  const Schedule large = TrainSettingsOf(spec, 400, 768)->schedule;
  EXPECT_EQ(large.Rate(100), 3e-3) << "the end of the warm-up";
  EXPECT_LT(large.Rate(399), 1e-6);
  EXPECT_EQ(large.Rate(400), 0);
  EXPECT_EQ(small.Rate(100), 3e-3) << "nothing is left after the warm-up";
}

TEST(BudgetTest, ASpecOfOneBudgetKeepsItsConfiguration) {
  const auto text = [](const std::string& assignment) {
    const auto spec =
        ResolveSpec(LoadSpec("quickstart").value(), "", std::vector<std::string>{assignment})
            .value();
    return CanonicalJson(spec, PlanExperiment(spec)->front());
  };
  // The resolved cycle is what counts, not the way it was asked for.
  EXPECT_EQ(text("training.cycle_steps=0"), text("training.cycle_steps=1400"));
  EXPECT_EQ(text("training.budgets=1500"), text("training.steps=1500"));
  EXPECT_EQ(text("training.budgets=1500,3000"), text("training.steps=1500"));
}

TEST(MatchTest, MismatchIsTheRatioOfNeededTrainingFlops) {
  const auto plans = PlanOf("quickstart", "");
  const double reference = static_cast<double>(plans[0].training.needed);
  for (const CellPlan& plan : plans) {
    ASSERT_TRUE(plan.mismatch.has_value());
    EXPECT_DOUBLE_EQ(*plan.mismatch, static_cast<double>(plan.training.needed) / reference - 1);
  }
  EXPECT_EQ(*plans[0].mismatch, 0.0);
}

TEST(MatchTest, TheQuickstartIsMatchedWithinTwoPercent) {
  const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "", {}).value();
  EXPECT_LE(spec.match().tolerance(), 0.02);
  const auto plans = PlanExperiment(spec).value();
  EXPECT_TRUE(CheckMatch(spec, plans).ok()) << CheckMatch(spec, plans);
  EXPECT_GE(plans.size(), 2u);
  EXPECT_EQ(spec.replicas(), 3);
}

TEST(MatchTest, RefusesAMismatchBeyondTheToleranceAndNamesTheCell) {
  const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "",
                                std::vector<std::string>{"cells[1].model.hierarchy=2@1 9@2 2@1",
                                                         "cells[1].label=larger"})
                        .value();
  const absl::Status status = CheckMatch(spec, PlanExperiment(spec).value());
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"larger\" +"));
}

TEST(PlannerTest, MainHasTheSettingsAndTheTestProtocolOfThePaper) {
  const auto spec = ResolveSpec(LoadSpec("enwik8/main").value(), "paper", {}).value();
  EXPECT_EQ(spec.training().steps(), 350000);
  EXPECT_EQ(spec.training().warmup_steps(), 20000);
  EXPECT_EQ(spec.test().length(), 4096);
  EXPECT_EQ(spec.test().step(), 128);
  const TrainSettings settings = TrainSettingsOf(spec, 350000, 2048).value();
  EXPECT_NEAR(settings.schedule.Rate(350000), 3.2e-6, 0.05e-6);
  const auto plans = PlanExperiment(spec).value();
  EXPECT_EQ(plans[0].cell.published().bits_per_byte(), 0.98);
  EXPECT_EQ(plans[0].config.d_model, 768);
}

TEST(PlannerTest, ABatchThatNoMachineHoldsIsRefused) {
  const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "",
                                std::vector<std::string>{"training.batch=1000000000000"})
                        .value();
  const auto plans = PlanExperiment(spec);
  EXPECT_TRUE(absl::IsInvalidArgument(plans.status())) << plans.status();
  EXPECT_THAT(std::string(plans.status().message()), HasSubstr("tokens"));
}

TEST(PlannerTest, RecomputationChangesMemoryAndNothingElse) {
  const auto plan = [](const std::vector<std::string>& assignments) {
    return PlanOf("enwik8/table1", "cpu", assignments)[3];
  };
  const CellPlan without = plan({});
  EXPECT_TRUE(without.recomputed.empty());
  const CellPlan blocks = plan({"training.recompute=blocks"});
  EXPECT_FALSE(blocks.recomputed.empty());
  EXPECT_LT(blocks.planned_bytes, without.planned_bytes);
  const int64_t limit = (blocks.planned_bytes + without.planned_bytes) / 2;
  const auto assignment = absl::StrCat("training.memory_limit=", limit);
  const CellPlan limited = plan({assignment});
  EXPECT_LT(limited.planned_bytes, limit);
  EXPECT_LT(limited.recomputed.size(), blocks.recomputed.size() + 1);
  const auto spec = ResolveSpec(LoadSpec("enwik8/table1").value(), "cpu", {}).value();
  const auto changed =
      ResolveSpec(LoadSpec("enwik8/table1").value(), "cpu", std::vector<std::string>{assignment})
          .value();
  EXPECT_THAT(CanonicalText(changed), HasSubstr("memory_limit"));
  EXPECT_EQ(TrainSettingsOf(changed, 10, 512).value().recompute.memory_limit, limit);
  // The numbers of a run do not depend on it, so it is the same configuration.
  EXPECT_EQ(CanonicalJson(changed, limited), CanonicalJson(spec, without));
  EXPECT_EQ(ConfigRow(changed, limited).flops_recompute, ConfigRow(spec, without).flops_recompute);
}

TEST(PlannerTest, AMemoryLimitThatCannotBeKeptNamesTheCell) {
  const auto plans =
      PlanExperiment(ResolveSpec(LoadSpec("quickstart").value(), "",
                                 std::vector<std::string>{"training.memory_limit=1M"})
                         .value());
  EXPECT_TRUE(absl::IsInvalidArgument(plans.status())) << plans.status();
  EXPECT_THAT(std::string(plans.status().message()), HasSubstr("cell \""));
  EXPECT_THAT(std::string(plans.status().message()), HasSubstr("memory limit: 1048576 bytes"));
}

TEST(CanonicalJsonTest, ChangesWithEverythingThatDecidesTheResultAndNothingElse) {
  const auto text = [](const std::vector<std::string>& assignments) {
    const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "smoke", assignments).value();
    return CanonicalJson(spec, PlanExperiment(spec).value()[1]);
  };
  const std::string base = text({});
  EXPECT_EQ(text({}), base);
  EXPECT_EQ(text({"replicas=7", "title=other", "evaluation.every_steps=1"}), base);
  for (const char* assignment :
       {"model.d_ff=64", "training.steps=5", "training.peak_rate=1e-4", "model.dropout=0.1",
        "training.batch=4", "data.corpus=synthetic", "evaluation.max_windows=1",
        "training.warmup_steps=1", "cells[1].model.upsampling=linear"}) {
    EXPECT_NE(text({assignment}), base) << assignment;
  }
}

// Stacks of a model that has nothing else, at n / k: attention needs (n/k)^2, the rest n / k.
TEST(LengthTest, TheComplexityExperimentPlansEveryLengthAndFactor) {
  const auto plans = PlanOf("complexity", "cpu");
  ASSERT_EQ(plans.size(), 30u);
  EXPECT_EQ(LengthNames(plans), "512 to 8192");
  EXPECT_EQ(LengthNames(PlanOf("quickstart", "")), "768");
  std::map<std::string, double> flops;
  for (const CellPlan& plan : plans) {
    EXPECT_EQ(plan.cell.label(),
              "k " + plan.config.hierarchy.substr(plan.config.hierarchy.find('@', 2) + 1, 1) +
                  ", n " + std::to_string(plan.length));
    EXPECT_EQ(plan.parameters, plans[0].parameters) << "average and repeat have none of their own";
    // Without the output map, 6 n d V for its three products.
    flops[plan.cell.label()] = static_cast<double>(plan.training.needed) -
                               6.0 * static_cast<double>(plan.length) * 128 * 256;
  }
  EXPECT_EQ(flops.size(), 30u);
  // What k saves at 2 n is what it saves at n, for only n / k counts.
  EXPECT_DOUBLE_EQ(flops["k 2, n 1024"], flops["k 1, n 512"]);
  EXPECT_DOUBLE_EQ(flops["k 8, n 8192"], flops["k 4, n 4096"]);
  EXPECT_GT(flops["k 1, n 8192"], 3 * flops["k 1, n 4096"]) << "nearly quadratic";
}

TEST(LengthTest, IsPartOfTheConfiguration) {
  const auto row = [](const std::vector<std::string>& assignments) {
    const auto spec = ResolveSpec(LoadSpec("complexity").value(), "smoke", assignments).value();
    return ConfigRow(spec, PlanExperiment(spec).value()[0]);
  };
  EXPECT_EQ(row({}).sequence_length, 512);
  EXPECT_EQ(row({"cells[0].length=700"}).units_per_sequence, 700);
  EXPECT_NE(row({"cells[0].length=700"}).canonical_json, row({}).canonical_json);
  EXPECT_EQ(row({"training.time_parts=false"}).canonical_json, row({}).canonical_json);
}

TEST(ConfigRowTest, HoldsThePlan) {
  const auto spec = ResolveSpec(LoadSpec("quickstart").value(), "smoke", {}).value();
  const CellPlan plan = PlanExperiment(spec).value()[1];
  const results::Config row = ConfigRow(spec, plan);
  EXPECT_EQ(row.n_params, plan.parameters);
  EXPECT_EQ(row.flops_fwd_needed + row.flops_bwd_needed, plan.training.needed);
  EXPECT_EQ(row.flops_fwd_dense + row.flops_bwd_dense, plan.training.dense);
  EXPECT_EQ(row.batch, spec.training().batch());
  EXPECT_EQ(row.units_per_sequence, spec.training().length());
  EXPECT_EQ(row.family, "hourglass");
}

}  // namespace
}  // namespace hourglass
