#include "hourglass/train/config_json.h"

#include <gtest/gtest.h>

namespace hourglass {
namespace {

TEST(ConfigJsonTest, ComesBackAsItWas) {
  ModelConfig config;
  config.vocab_size = 17;
  config.d_model = 24;
  config.d_ff = 40;
  config.n_heads = 3;
  config.hierarchy = "1@1 1@2 1@1";
  config.vanilla_attention = "softmax";
  config.middle_attention = "softmax_rotary";
  config.shortening = "attention";
  config.shortening_query = "linear";
  config.upsampling = "attention";
  config.upsampling_query = "repeat";
  config.mask_id = 5;
  config.dropout = 0.15;
  const auto back = ModelConfigFromJson(ModelConfigToJson(config));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(DifferingFields(*back, config), "");
  EXPECT_EQ(back->dropout, 0.15);
  EXPECT_EQ(back->mask_id, 5);
  EXPECT_EQ(back->upsampling_query, "repeat");
  EXPECT_EQ(ModelConfigToJson(*back), ModelConfigToJson(config));
}

// The configuration of a parity fixture, with keys of attention kinds that it does not use.
TEST(ConfigJsonTest, ReadsTheConfigurationOfAFixture) {
  const auto config = ModelConfigFromJson(
      R"({"d_ff": 24, "d_model": 16, "favor_features": 16, "hierarchy": "1@1 1@3 1@1",
          "local_chunk": 4, "lsh_buckets": null, "lsh_chunk": 4, "lsh_hashes": 2, "mask_id": 0,
          "middle_attention": "relative", "n_heads": 2, "shortening": "average",
          "shortening_query": "average", "upsampling": "linear", "upsampling_query": "none",
          "vanilla_attention": "relative", "vocab_size": 17})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 17);
  EXPECT_EQ(config->d_ff, 24);
  EXPECT_EQ(config->mask_id, 0);
  EXPECT_EQ(config->upsampling, "linear");
}

TEST(ConfigJsonTest, WrongThingsAreNamed) {
  const auto message = [](const char* json) {
    const auto config = ModelConfigFromJson(json);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kDataLoss) << json;
    return std::string(config.status().message());
  };
  EXPECT_NE(message("nothing").find("not a JSON object"), std::string::npos);
  EXPECT_NE(message("[1]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(message(R"({"d_modle": 4})").find("unknown key 'd_modle'"), std::string::npos);
  EXPECT_NE(message(R"({"d_model": "4"})").find("'d_model' has the value \"4\""),
            std::string::npos);
  EXPECT_NE(message(R"({"d_model": 4.5})").find("'d_model'"), std::string::npos);
  EXPECT_NE(message(R"({"d_model": 18446744073709551615})").find("'d_model'"), std::string::npos);
  EXPECT_NE(message(R"({"hierarchy": 3})").find("'hierarchy'"), std::string::npos);
  EXPECT_NE(message(R"({"mask_id": 3000000000})").find("'mask_id'"), std::string::npos);
  EXPECT_NE(message(R"({"dropout": "0.1"})").find("'dropout'"), std::string::npos);
}

TEST(ConfigJsonTest, DifferencesAreNamedWithBothValues) {
  ModelConfig a, b;
  b.d_model = 256;
  b.hierarchy = "4@1";
  b.dropout = 0.5;
  EXPECT_EQ(DifferingFields(a, b), "d_model: 512, 256; hierarchy: \"2@1 8@3 2@1\", \"4@1\"");
}

}  // namespace
}  // namespace hourglass
