#include "hourglass/train/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/base/file.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/host_values.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::FixturePath;
using testing::MakeModel;
using testing::MakeTrainer;
using testing::Numbers;
using testing::TestFolder;
using testing::TinyConfig;
using testing::TinySettings;
using testing::TrainSteps;

struct Stage {
  ModelConfig config;
  ParameterTable parameters;
  std::shared_ptr<State> state;
};

Stage MakeStage(const ModelConfig& config, DType dtype, bool training) {
  Stage stage{config, ParametersOf(*MakeModel(config)).value(), nullptr};
  stage.state =
      State::Create(MakeStateSpec(stage.parameters, dtype, training), MakeReferenceBackend())
          .value();
  return stage;
}

TEST(CheckpointTest, ComesBackWithEqualBits) {
  const std::string path = TestFolder() + "/c.safetensors";
  const auto trainer =
      MakeTrainer(TinyConfig("1@1 1@3 1@1"), TinySettings(), MakeReferenceBackend());
  TrainSteps(*trainer, 2);
  ASSERT_TRUE(SaveCheckpoint(path, *trainer->state(), trainer->parameters(),
                             {trainer->model().config(), 2, true, {{"run", "x"}}})
                  .ok());
  Stage stage = MakeStage(trainer->model().config(), DType::kF64, true);
  const auto info = LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, true);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->step, 2);
  EXPECT_TRUE(info->optimizer);
  EXPECT_EQ(info->metadata, (std::map<std::string, std::string>{{"run", "x"}}));
  for (const char* arena : {"parameters", "adam_m", "adam_v"}) {
    EXPECT_EQ(Numbers(*stage.state, arena), Numbers(*trainer->state(), arena)) << arena;
  }
}

// Stored packed, saved split: every name of parity/README section 3 and no other.
TEST(CheckpointTest, HoldsTheCanonicalNames) {
  const std::string path = TestFolder() + "/c.safetensors";
  Stage stage = MakeStage(TinyConfig("1@1 0@3 0@1"), DType::kF32, false);
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 1).ok());
  ASSERT_TRUE(
      SaveCheckpoint(path, *stage.state, stage.parameters, {stage.config, 0, false, {}}).ok());
  const auto file = Safetensors::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file->tensors()) names.push_back(name);
  std::vector<std::string> want = {"embedding",
                                   "output.weight",
                                   "output.bias",
                                   "relative_bias.u",
                                   "relative_bias.v",
                                   "pre.norm.scale",
                                   "pre.norm.bias",
                                   "post.norm.scale",
                                   "post.norm.bias",
                                   "valley.norm.scale",
                                   "valley.norm.bias",
                                   "valley.middle.norm.scale",
                                   "valley.middle.norm.bias"};
  for (const char* norm : {"attention_norm", "feed_forward_norm"}) {
    for (const char* kind : {"scale", "bias"}) {
      want.push_back(std::string("pre.0.") + norm + "." + kind);
    }
  }
  for (const char* map :
       {"attention.query", "attention.key", "attention.value", "attention.position",
        "attention.output", "feed_forward.in", "feed_forward.out"}) {
    for (const char* kind : {"weight", "bias"}) {
      want.push_back(std::string("pre.0.") + map + "." + kind);
    }
  }
  std::sort(want.begin(), want.end());
  EXPECT_EQ(names, want);
  EXPECT_EQ(file->Find("pre.0.attention.key.weight")->shape, (Shape{16, 16}));
  EXPECT_EQ(file->Find("pre.0.attention.key.weight")->dtype, FileDType::kF32);
}

TEST(CheckpointTest, PartsOfAPackedParameterKeepApart) {
  Stage stage = MakeStage(TinyConfig("1@1"), DType::kF64, false);
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 1).ok());
  const auto read = [&](const char* name) {
    return ReadTensor(*stage.state, stage.parameters, name).value();
  };
  const auto query = read("pre.0.attention.query.weight");
  const auto value = read("pre.0.attention.value.weight");
  std::vector<double> key(16 * 16);
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<double>(i);
  ASSERT_TRUE(WriteTensor(*stage.state, stage.parameters, "pre.0.attention.key.weight", key).ok());
  EXPECT_EQ(read("pre.0.attention.key.weight"), key);
  EXPECT_EQ(read("pre.0.attention.query.weight"), query);
  EXPECT_EQ(read("pre.0.attention.value.weight"), value);
  // Columns of the packed tensor: row 2, column 5 of the middle part.
  EXPECT_EQ(Numbers(*stage.state, "pre.0.attention.query_key_value.weight")[2 * 48 + 16 + 5],
            2 * 16 + 5);
  EXPECT_EQ(ReadTensor(*stage.state, stage.parameters, "pre.0.attention.query_key_value.weight")
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(WriteTensor(*stage.state, stage.parameters, "output.bias", {1.0}).code(),
            absl::StatusCode::kInvalidArgument);
}

// Each part starts on its own, by its name: A6.
TEST(InitialiseTest, StartsAsThePaperSays) {
  Stage stage = MakeStage(TinyConfig("2@1"), DType::kF64, true);
  ASSERT_TRUE(WriteState(*stage.state, "adam_m/embedding", std::vector<double>(11 * 16, 1)).ok());
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 1).ok());
  const auto read = [&](const char* name) {
    return ReadTensor(*stage.state, stage.parameters, name).value();
  };
  const auto largest = [](const std::vector<double>& numbers) {
    double most = 0;
    for (const double number : numbers) most = std::max(most, std::abs(number));
    return most;
  };
  const double limit = std::sqrt(6.0 / 32), embedding = std::sqrt(3.0 / 16);
  EXPECT_LE(largest(read("pre.0.attention.query.weight")), limit);
  EXPECT_GT(largest(read("pre.0.attention.query.weight")), 0.95 * limit);
  EXPECT_LE(largest(read("embedding")), embedding);
  EXPECT_GT(largest(read("embedding")), 0.95 * embedding);
  EXPECT_LT(largest(read("pre.0.attention.key.bias")), 1e-5);
  EXPECT_GT(largest(read("pre.0.attention.key.bias")), 1e-8);
  EXPECT_EQ(read("pre.norm.scale"), std::vector<double>(16, 1.0));
  EXPECT_EQ(read("pre.norm.bias"), std::vector<double>(16, 0.0));
  EXPECT_NE(read("pre.0.attention.query.weight"), read("pre.0.attention.key.weight"));
  EXPECT_NE(read("pre.0.attention.query.weight"), read("pre.1.attention.query.weight"));
  EXPECT_EQ(Numbers(*stage.state, "adam_m/embedding"), std::vector<double>(11 * 16, 0.0));
  const auto one = Numbers(*stage.state, "parameters");
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 2).ok());
  EXPECT_NE(Numbers(*stage.state, "parameters"), one);
}

TEST(CheckpointTest, AnotherModelIsRefusedByName) {
  const std::string path = TestFolder() + "/c";
  Stage saved = MakeStage(TinyConfig("1@1"), DType::kF64, false);
  ASSERT_TRUE(
      SaveCheckpoint(path, *saved.state, saved.parameters, {saved.config, 0, false, {}}).ok());
  ModelConfig wider = saved.config;
  wider.d_model = 32;
  Stage stage = MakeStage(wider, DType::kF64, false);
  const auto info = LoadCheckpoint(path, *stage.state, stage.parameters, wider, false);
  EXPECT_EQ(info.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(info.status().message()).find("d_model: 16, 32"), std::string::npos)
      << info.status();
}

TEST(CheckpointTest, MissingMomentsAreRefused) {
  const std::string path = TestFolder() + "/c";
  Stage stage = MakeStage(TinyConfig("1@1"), DType::kF64, true);
  ASSERT_TRUE(
      SaveCheckpoint(path, *stage.state, stage.parameters, {stage.config, 7, false, {}}).ok());
  EXPECT_EQ(
      LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, true).status().code(),
      absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, false)->step, 7);
}

TEST(CheckpointTest, ReservedMetadataIsRefused) {
  const std::string path = TestFolder() + "/c";
  Stage stage = MakeStage(TinyConfig("1@1"), DType::kF64, false);
  EXPECT_EQ(SaveCheckpoint(path, *stage.state, stage.parameters,
                           {stage.config, 0, false, {{"config", "mine"}}})
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CheckpointTest, AFixtureIsNotACheckpoint) {
  const auto info = ReadCheckpointInfo(FixturePath("vanilla_relative"));
  EXPECT_EQ(info.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(info.status().message()).find("hourglass-parity-1"), std::string::npos);
}

// A checkpoint with moments at `path`, and what it was saved from.
Stage SavedStage(const std::string& path) {
  Stage stage = MakeStage(TinyConfig("1@1"), DType::kF64, true);
  EXPECT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 1).ok());
  EXPECT_TRUE(
      SaveCheckpoint(path, *stage.state, stage.parameters, {stage.config, 7, true, {}}).ok());
  return stage;
}

TEST(CheckpointTest, ATruncatedFileLeavesTheStateAlone) {
  const std::string path = TestFolder() + "/c";
  Stage stage = SavedStage(path);
  const std::string bytes = ReadFile(path).value();
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, bytes.size() - 1);
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 2).ok());
  const auto before = Numbers(*stage.state, "parameters");
  EXPECT_EQ(
      LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, true).status().code(),
      absl::StatusCode::kDataLoss);
  EXPECT_EQ(Numbers(*stage.state, "parameters"), before);
}

// Wherever it lies: in the size of the header, a name, a number, the seal, a moment.
TEST(CheckpointTest, AFlippedBitIsFoundAndLeavesTheStateAlone) {
  const std::string path = TestFolder() + "/c";
  Stage stage = SavedStage(path);
  const std::string bytes = ReadFile(path).value();
  ASSERT_TRUE(LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, true).ok());
  ASSERT_TRUE(InitialiseParameters(*stage.state, stage.parameters, 2).ok());
  const auto before = Numbers(*stage.state, "parameters");
  constexpr size_t kPlaces = 300;  // the last is the last byte
  for (size_t i = 0; i <= kPlaces; ++i) {
    std::string damaged = bytes;
    damaged[i * (bytes.size() - 1) / kPlaces] ^= 1;
    ASSERT_TRUE(WriteFileAtomically(path, damaged).ok());
    EXPECT_EQ(
        LoadCheckpoint(path, *stage.state, stage.parameters, stage.config, true).status().code(),
        absl::StatusCode::kDataLoss)
        << "byte " << i * (bytes.size() - 1) / kPlaces;
    EXPECT_EQ(ReadCheckpointInfo(path).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(Numbers(*stage.state, "parameters"), before);
}

// One tensor of the wrong shape among good ones is found before anything is changed.
TEST(CheckpointTest, ATensorOfAnotherShapeIsNamed) {
  const std::string path = TestFolder() + "/c";
  Stage stage = MakeStage(TinyConfig("1@1"), DType::kF64, false);
  SafetensorsWriter writer;
  for (const Parameter& parameter : stage.parameters.parameters()) {
    for (const ParameterPart& part : parameter.parts) {
      Shape shape = part.shape;
      if (part.name == "pre.norm.scale") shape.Set(0, 17);
      writer.Add(part.name, FileDType::kF64, shape, [](std::span<std::byte> out) {
        std::fill(out.begin(), out.end(), std::byte{1});
        return absl::OkStatus();
      });
    }
  }
  ASSERT_TRUE(writer.Write(path).ok());
  const auto before = Numbers(*stage.state, "parameters");
  const absl::Status status =
      LoadParameters(*stage.state, stage.parameters, Safetensors::Open(path).value());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(status.message()).find("'pre.norm.scale'"), std::string::npos) << status;
  EXPECT_EQ(Numbers(*stage.state, "parameters"), before);
}

TEST(CheckpointTest, MovesBetweenPrecisions) {
  const std::string path = TestFolder() + "/c";
  Stage wide = MakeStage(TinyConfig("1@1"), DType::kF64, false);
  ASSERT_TRUE(InitialiseParameters(*wide.state, wide.parameters, 1).ok());
  ASSERT_TRUE(SaveCheckpoint(path, *wide.state, wide.parameters, {wide.config, 0, false, {}}).ok());
  Stage narrow = MakeStage(TinyConfig("1@1"), DType::kF32, false);
  ASSERT_TRUE(LoadCheckpoint(path, *narrow.state, narrow.parameters, narrow.config, false).ok());
  const auto want = Numbers(*wide.state, "embedding"), got = Numbers(*narrow.state, "embedding");
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i], static_cast<double>(static_cast<float>(want[i])));
  }
}

}  // namespace
}  // namespace hourglass
