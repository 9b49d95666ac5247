// The fifteen configurations of the paper's Table 1 (spec B1): exact parameter counts, published to
// two digits and reproduced as integers by the formula of D4.

#include <gtest/gtest.h>

#include "baselines/catalog.h"

namespace hourglass {
namespace {

TEST(ParameterCount, MatchesTable1) {
  const std::pair<const char*, int64_t> rows[] = {
      {"6@1", 20754688},
      {"2@1 1@3 2@1", 24174848},
      {"2@1 4@4 2@1", 34419968},
      {"8@1", 27584768},
      {"2@1 4@3 2@1", 34419968},
      {"2@1 8@4 2@1", 48080128},
      {"2@1 1@2 4@4 1@2 2@1", 48085248},
      {"2@1 8@3 2@1", 48080128},
      {"10@1", 34414848},
      {"3@1 8@4 3@1", 54910208},
      {"12@1", 41244928},
      {"4@1 8@4 4@1", 61740288},
      {"2@1 16@3 2@1", 75400448},
      {"14@1", 48075008},
      {"5@1 8@2 5@1", 68570368},
  };
  for (const auto& [hierarchy, count] : rows) {
    ModelConfig config;
    config.hierarchy = hierarchy;
    config.shortening = config.upsampling = "attention";
    const auto model = MakeModel(config);
    ASSERT_TRUE(model.ok()) << model.status();
    const auto parameters = ParametersOf(**model);
    ASSERT_TRUE(parameters.ok()) << parameters.status();
    EXPECT_EQ(parameters->CountElements(), count) << hierarchy;
  }
}

}  // namespace
}  // namespace hourglass
