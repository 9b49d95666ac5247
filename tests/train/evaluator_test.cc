#include "hourglass/train/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/train/checkpoint.h"
#include "hourglass/train/graphs.h"
#include "hourglass/train/host_values.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using testing::MakeModel;
using testing::TinyConfig;

class EvaluatorTest : public ::testing::Test {
 protected:
  void Load(const ModelConfig& config, DType dtype = DType::kF64,
            std::shared_ptr<Backend> backend = MakeReferenceBackend()) {
    model_ = MakeModel(config);
    backend_ = std::move(backend);
    dtype_ = dtype;
    const ParameterTable parameters = ParametersOf(*model_).value();
    state_ = State::Create(MakeStateSpec(parameters, dtype, false), backend_).value();
    ASSERT_TRUE(InitialiseParameters(*state_, parameters, 3).ok());
  }

  std::vector<uint8_t> Bytes(int64_t count) const {
    std::vector<int32_t> tokens(static_cast<size_t>(count));
    EXPECT_TRUE(RandomTokens(11).Fill(6, 0, 1, count, tokens.data()).ok());
    return {tokens.begin(), tokens.end()};
  }

  Evaluation Evaluate(std::span<const uint8_t> bytes, int64_t length, int64_t step, int64_t batch) {
    auto evaluator = Evaluator::Create(model_, backend_, state_, {length, step, batch, dtype_});
    EXPECT_TRUE(evaluator.ok()) << evaluator.status();
    const auto evaluation = (*evaluator)->Run(bytes);
    EXPECT_TRUE(evaluation.ok()) << evaluation.status();
    return *evaluation;
  }

  // Nats of each byte of one window, by a Program of exactly its length.
  std::vector<double> TokenNats(std::span<const uint8_t> bytes) {
    const int64_t length = static_cast<int64_t>(bytes.size());
    auto graph = BuildEvaluateGraph(*model_, {1, length, dtype_}).value();
    auto program = Program::Compile(std::move(graph), backend_, state_).value();
    const std::vector<int32_t> tokens(bytes.begin(), bytes.end());
    EXPECT_TRUE(program->SetInput("tokens", tokens.data(), tokens.size() * 4).ok());
    EXPECT_TRUE(program->Run().ok());
    return ReadOutput(*program, "token_nats").value();
  }

  std::shared_ptr<const LanguageModel> model_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<State> state_;
  DType dtype_ = DType::kF64;
};

TEST_F(EvaluatorTest, WindowsDoNotOverlapAndTheLastIsShorter) {
  Load(TinyConfig("1@1 1@3 1@1"));
  const std::vector<uint8_t> bytes = Bytes(47);
  const Evaluation evaluation = Evaluate(bytes, 10, 0, 3);
  ASSERT_EQ(evaluation.window_nats.size(), 5u);
  EXPECT_EQ(evaluation.window_tokens, (std::vector<int64_t>{10, 10, 10, 10, 7}));
  EXPECT_EQ(evaluation.tokens, 47);
  double total = 0;
  for (size_t w = 0; w < 5; ++w) {
    const auto nats = TokenNats(
        std::span(bytes).subspan(w * 10, static_cast<size_t>(evaluation.window_tokens[w])));
    const double sum = std::accumulate(nats.begin(), nats.end(), 0.0);
    EXPECT_NEAR(evaluation.window_nats[w], sum, 1e-12 * sum) << w;
    total += sum;
  }
  EXPECT_NEAR(evaluation.nats, total, 1e-12 * total);
  EXPECT_NEAR(evaluation.BitsPerByte(), total / 47 / std::log(2), 1e-12);
}

// The paper's test protocol (C3): context before, only the last `step` bytes of a window count.
TEST_F(EvaluatorTest, ContextIsSeenButNotCounted) {
  Load(TinyConfig("1@1 1@3 1@1"));
  const std::vector<uint8_t> bytes = Bytes(23);
  const Evaluation evaluation = Evaluate(bytes, 12, 4, 2);
  EXPECT_EQ(evaluation.window_tokens, (std::vector<int64_t>{4, 4, 4, 4, 4, 3}));
  for (size_t w = 0; w < 6; ++w) {
    const size_t scored = w * 4, end = std::min<size_t>(23, scored + 4);
    const size_t begin = scored + 4 > 12 ? scored + 4 - 12 : 0;
    const auto nats = TokenNats(std::span(bytes).subspan(begin, end - begin));
    double sum = 0;
    for (size_t i = scored; i < end; ++i) sum += nats[i - begin];
    EXPECT_NEAR(evaluation.window_nats[w], sum, 1e-12 * sum) << w;
  }
  EXPECT_EQ(evaluation.tokens, 23);
  EXPECT_GT(std::abs(evaluation.nats - Evaluate(bytes, 12, 0, 2).nats), 1e-6);
}

TEST_F(EvaluatorTest, BatchesDoNotMatter) {
  Load(TinyConfig("1@1 1@2 1@1"));
  const std::vector<uint8_t> bytes = Bytes(100);
  const Evaluation one = Evaluate(bytes, 9, 0, 1), many = Evaluate(bytes, 9, 0, 5);
  EXPECT_EQ(one.window_nats, many.window_nats);
  EXPECT_EQ(one.nats, many.nats);
}

TEST_F(EvaluatorTest, RunsRepeatBitForBitOnTheFastBackend) {
  Load(TinyConfig("1@1 1@2 1@1"), DType::kF32, MakeOneDnnBackend());
  const std::vector<uint8_t> bytes = Bytes(200);
  EXPECT_EQ(Evaluate(bytes, 16, 0, 4).window_nats, Evaluate(bytes, 16, 0, 4).window_nats);
}

// All logits equal: every byte costs log2 of the vocabulary.
TEST_F(EvaluatorTest, AModelThatKnowsNothingPaysTheVocabulary) {
  Load(TinyConfig("1@1"));
  for (const char* name : {"output.weight", "output.bias"}) {
    const auto values = ReadState(*state_, name).value();
    ASSERT_TRUE(WriteState(*state_, name, std::vector<double>(values.size())).ok());
  }
  EXPECT_NEAR(Evaluate(Bytes(50), 8, 0, 2).BitsPerByte(), std::log2(11), 1e-12);
}

TEST_F(EvaluatorTest, MaskedBytesDoNotCount) {
  ModelConfig config = TinyConfig("1@1");
  config.mask_id = 4;
  Load(config);
  const std::vector<uint8_t> bytes = Bytes(60);
  const auto masked = std::count(bytes.begin(), bytes.end(), 4);
  ASSERT_GT(masked, 0);
  const Evaluation evaluation = Evaluate(bytes, 8, 0, 2);
  EXPECT_EQ(evaluation.tokens, 60 - masked);
  EXPECT_EQ(
      std::accumulate(evaluation.window_tokens.begin(), evaluation.window_tokens.end(), int64_t{0}),
      evaluation.tokens);
}

TEST_F(EvaluatorTest, ProgressIsToldAndCanStop) {
  Load(TinyConfig("1@1"));
  auto evaluator = Evaluator::Create(model_, backend_, state_, {8, 0, 2, dtype_}).value();
  std::vector<std::pair<int64_t, int64_t>> seen;
  const std::vector<uint8_t> bytes = Bytes(40);
  ASSERT_TRUE(evaluator
                  ->Run(bytes,
                        [&](int64_t done, int64_t total) {
                          seen.emplace_back(done, total);
                          return true;
                        })
                  .ok());
  EXPECT_EQ(seen, (std::vector<std::pair<int64_t, int64_t>>{{2, 5}, {4, 5}, {5, 5}}));
  EXPECT_EQ(evaluator->Run(bytes, [](int64_t, int64_t) { return false; }).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_GT(evaluator->PlannedBytes(), 0);
}

TEST_F(EvaluatorTest, StopsWithinABatch) {
  Load(TinyConfig("1@1"));
  auto evaluator = Evaluator::Create(model_, backend_, state_, {8, 0, 5, dtype_}).value();
  int batches = 0, asked = 0;
  const auto status = evaluator
                          ->Run(
                              Bytes(40),
                              [&](int64_t, int64_t) {
                                ++batches;
                                return true;
                              },
                              [&] { return ++asked == 3; })
                          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_EQ(asked, 3) << "before each node";
  EXPECT_EQ(batches, 0) << "the only batch is not waited for";
}

TEST_F(EvaluatorTest, NothingIsNothing) {
  Load(TinyConfig("1@1"));
  const Evaluation evaluation = Evaluate({}, 8, 0, 2);
  EXPECT_EQ(evaluation.tokens, 0);
  EXPECT_EQ(evaluation.BitsPerByte(), 0.0);
}

TEST_F(EvaluatorTest, BytesBeyondTheVocabularyAndSenselessSettingsAreRefused) {
  Load(TinyConfig("1@1"));
  auto evaluator = Evaluator::Create(model_, backend_, state_, {8, 0, 2, dtype_}).value();
  const std::vector<uint8_t> bytes(8, 11);
  EXPECT_EQ(evaluator->Run(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  for (const EvaluateSettings& settings :
       {EvaluateSettings{0, 0, 1, dtype_}, EvaluateSettings{8, 9, 1, dtype_},
        EvaluateSettings{8, -1, 1, dtype_}, EvaluateSettings{8, 0, 0, dtype_}}) {
    EXPECT_EQ(Evaluator::Create(model_, backend_, state_, settings).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace hourglass
