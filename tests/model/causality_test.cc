// No logit may depend on its own token or a later one (A2, A8). Every attention kind marked causal,
// fixed hierarchies and seeded random ones, lengths that the factor divides and others, every
// position: changing the tokens from i on leaves logits 0..i bit-equal and changes a later one.

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/model/hierarchy.h"
#include "hourglass/nn/attention.h"
#include "tests/model/forward_model.h"

namespace hourglass::testing {
namespace {

struct Case {
  ModelConfig config;
  int64_t length;
  std::string Name() const {
    return absl::StrCat(config.Label(), " vanilla=", config.vanilla_attention,
                        " middle=", config.middle_attention, " n=", length);
  }
};

std::vector<std::string> RandomHierarchies(int count) {
  std::mt19937 random(20211026);
  const auto draw = [&](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  std::vector<std::string> result;
  while (static_cast<int>(result.size()) < count) {
    const int depth = draw(1, 2);
    std::string left = absl::StrCat(draw(0, 2), "@1"), right = absl::StrCat(draw(0, 2), "@1");
    int factor = draw(1, 4);
    if (depth == 2) {
      const int layers = draw(0, 1);
      absl::StrAppend(&left, " ", layers, "@", factor);
      right = absl::StrCat(layers, "@", factor, " ", right);
      factor *= draw(1, 3);
    }
    result.push_back(absl::StrCat(left, " ", draw(1, 2), "@", factor, " ", right));
  }
  return result;
}

std::vector<Case> Cases() {
  std::vector<std::string> hierarchies = {"2@1",         "0@1 2@2 0@1",         "1@1 1@3 1@1",
                                          "1@1 2@4 0@1", "1@1 1@2 1@4 1@2 1@1", "1@1 1@1 1@1"};
  for (const std::string& hierarchy : RandomHierarchies(20)) hierarchies.push_back(hierarchy);
  const std::vector<std::array<std::string, 4>> resamplings = {
      {"average", "average", "repeat", "none"},
      {"linear", "average", "linear", "none"},
      {"attention", "average", "attention", "none"},
      {"attention", "linear", "attention", "linear"},
      {"attention", "average", "attention", "repeat"}};
  std::vector<Case> cases;
  for (const AttentionKind& kind : AttentionKinds()) {
    if (!kind.causal) continue;
    for (size_t h = 0; h < hierarchies.size(); ++h) {
      const auto& r = resamplings[h % resamplings.size()];
      ModelConfig config = TinyConfig(hierarchies[h]);
      config.vanilla_attention = config.middle_attention = std::string(kind.name);
      config.shortening = r[0];
      config.shortening_query = r[1];
      config.upsampling = r[2];
      config.upsampling_query = r[3];
      cases.push_back({config, 12});
      cases.push_back({config, 7 + static_cast<int64_t>(h % 5)});
    }
  }
  Case longest{TinyConfig("1@1 2@6 1@1"), 24};
  longest.config.shortening = longest.config.upsampling = "attention";
  cases.push_back(longest);
  longest.length = 23;
  cases.push_back(longest);
  return cases;
}

void ExpectCausal(const Case& c, DType dtype, std::shared_ptr<Backend> backend) {
  SCOPED_TRACE(c.Name());
  auto model = ForwardModel::Create(c.config, 1, c.length, dtype, std::move(backend));
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> tokens(static_cast<size_t>(c.length));
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>((3 * i + 1) % static_cast<size_t>(c.config.vocab_size));
  }
  const std::vector<double> before = model->Logits(tokens);
  const size_t vocab = static_cast<size_t>(c.config.vocab_size);
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::vector<int32_t> changed = tokens;
    for (size_t j = i; j < changed.size(); ++j) {
      changed[j] = static_cast<int32_t>((static_cast<size_t>(changed[j]) + 1 + j) % vocab);
    }
    changed[i] = static_cast<int32_t>((static_cast<size_t>(tokens[i]) + 1) % vocab);
    const std::vector<double> after = model->Logits(changed);
    for (size_t e = 0; e < (i + 1) * vocab; ++e) {
      ASSERT_EQ(before[e], after[e]) << "logits at " << e / vocab << " saw token " << i;
    }
    if (i + 1 < tokens.size()) {
      bool moved = false;
      for (size_t e = (i + 1) * vocab; e < before.size(); ++e) moved |= before[e] != after[e];
      ASSERT_TRUE(moved) << "no logit noticed token " << i;
    }
  }
}

TEST(Causality, HoldsOnTheReferenceInF64) {
  for (const Case& c : Cases()) ExpectCausal(c, DType::kF64, MakeReferenceBackend());
}

TEST(Causality, HoldsOnOneDnnInF32) {
  for (const Case& c : Cases()) ExpectCausal(c, DType::kF32, MakeOneDnnBackend());
}

// E2 trap 9: a test in which every group has one element proves nothing.
TEST(Causality, CasesHoldGroupsLargerThanOneAndBothKindsOfLength) {
  std::set<int64_t> factors;
  bool divisible = false, padded = false, nested = false;
  for (const Case& c : Cases()) {
    const Hierarchy hierarchy = Hierarchy::Parse(c.config.hierarchy).value();
    factors.insert(hierarchy.TotalFactor());
    const bool divides = c.length % hierarchy.TotalFactor() == 0;
    divisible |= divides && hierarchy.TotalFactor() > 1;
    padded |= !divides;
    nested |= hierarchy.levels().size() > 2 && hierarchy.Step(1) > 1 && hierarchy.Step(2) > 1;
  }
  EXPECT_GE(factors.size(), 5u);
  EXPECT_GT(*factors.rbegin(), 4);
  EXPECT_TRUE(divisible);
  EXPECT_TRUE(padded);
  EXPECT_TRUE(nested);
}

}  // namespace
}  // namespace hourglass::testing
