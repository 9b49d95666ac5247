// Every fixture of the parity oracle (tests/golden/parity) within its limits on both backends;
// kinds that are not built are refused by name.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "experiments/parity/parity_check.h"
#include "hourglass/backends/onednn/onednn_backend.h"
#include "hourglass/backends/reference/reference_backend.h"
#include "hourglass/base/file.h"
#include "hourglass/train/safetensors.h"

namespace hourglass {
namespace {

constexpr char kFolder[] = "tests/golden/parity";

// Fixture -> the attention kind it waits for.
const std::map<std::string, std::string> kNotBuilt = {{"favor_relu", "favor_relu"},
                                                      {"favor_softmax", "favor_softmax"},
                                                      {"local", "local"},
                                                      {"lsh", "lsh"}};

std::vector<std::string> FixtureNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string PathOf(const std::string& name) {
  return std::string(kFolder) + "/" + name + ".safetensors";
}

class ParityTest : public ::testing::TestWithParam<std::string> {
 protected:
  void ExpectOk(const std::shared_ptr<Backend>& backend, DType dtype) {
    const auto result = CheckFixture(PathOf(GetParam()), backend, dtype);
    const auto waits = kNotBuilt.find(GetParam());
    if (waits != kNotBuilt.end()) {
      ASSERT_EQ(result.status().code(), absl::StatusCode::kUnimplemented) << result.status();
      EXPECT_TRUE(absl::StrContains(result.status().message(), "'" + waits->second))
          << result.status();
      return;
    }
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->ok) << "logits " << result->logits.value_or(-1) << " loss "
                            << result->loss.value_or(-1) << " gradients "
                            << result->gradients.value_or(-1) << " final "
                            << result->final_parameters.value_or(-1) << " worst "
                            << (result->worst.empty() ? "" : result->worst[0]);
  }
};

TEST_P(ParityTest, ReferenceF64) { ExpectOk(MakeReferenceBackend(), DType::kF64); }
TEST_P(ParityTest, ReferenceF32) { ExpectOk(MakeReferenceBackend(), DType::kF32); }
TEST_P(ParityTest, OneDnnF32) { ExpectOk(MakeOneDnnBackend(), DType::kF32); }

INSTANTIATE_TEST_SUITE_P(Fixtures, ParityTest, ::testing::ValuesIn(FixtureNames()),
                         [](const auto& info) { return info.param; });

TEST(Parity, AllEighteenFixturesAreThere) { EXPECT_EQ(FixtureNames().size(), 18u); }

// A copy of a fixture in which one byte pattern or the size was changed.
std::string WriteChanged(const std::string& name, const std::function<void(std::string&)>& change) {
  std::string bytes = ReadFile(PathOf(name)).value();
  change(bytes);
  const std::string path = ::testing::TempDir() + "/changed.safetensors";
  EXPECT_TRUE(WriteFileAtomically(path, bytes).ok());
  return path;
}

void Replace(std::string& bytes, const std::string& from, const std::string& to) {
  ASSERT_EQ(from.size(), to.size());
  const size_t at = bytes.find(from);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, from.size(), to);
}

TEST(Parity, AChangedWeightIsNoticed) {
  const std::string path = WriteChanged("average_repeat", [](std::string& bytes) {
    const auto file = Safetensors::Open(PathOf("average_repeat")).value();
    const int64_t offset = file.Find("pre.norm.scale").value().offset;
    bytes[static_cast<size_t>(offset) + 6] ^= 0x01;  // the second byte of the mantissa
  });
  const auto result = CheckFixture(path, MakeReferenceBackend(), DType::kF64);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->ok);
}

TEST(Parity, ReadingTheSoftmaxFixtureAsRotaryIsNoticed) {
  const std::string path = WriteChanged("softmax_rotary", [](std::string& bytes) {
    Replace(bytes, "\\\"vanilla_attention\\\": \\\"softmax_rotary\\\"",
            "\\\"vanilla_attention\\\": \\\"softmax\\\"       ");
  });
  const auto result = CheckFixture(path, MakeReferenceBackend(), DType::kF64);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->ok);
  EXPECT_GT(*result->logits, 1e-3);
}

TEST(Parity, BrokenFilesAreDataLoss) {
  const auto check = [](const std::string& path) {
    return CheckFixture(path, MakeReferenceBackend(), DType::kF64).status();
  };
  EXPECT_EQ(check("no/such/file.safetensors").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(
      check(WriteChanged("average_repeat", [](std::string& b) { b.resize(b.size() - 8); })).code(),
      absl::StatusCode::kDataLoss);
  EXPECT_EQ(check(WriteChanged("average_repeat", [](std::string& b) { b.resize(5); })).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(check(WriteChanged("average_repeat",
                               [](std::string& b) {
                                 Replace(b, "hourglass-parity-1", "hourglass-parity-2");
                               }))
                .code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(check(WriteChanged("average_repeat",
                               [](std::string& b) { Replace(b, "1@1 1@2 1@1", "1@1 1@2 1@3"); }))
                .code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(check(WriteChanged("average_repeat",
                               [](std::string& b) { Replace(b, "1@1 1@2 1@1", "1@1 1@2 2@1"); }))
                .code(),
            absl::StatusCode::kDataLoss);
}

TEST(Parity, ANumberThatIsNotFiniteIsNamedWithItsTensor) {
  for (const char* tensor : {"pre.norm.scale", "grad.pre.norm.scale", "logits"}) {
    const std::string path = WriteChanged("average_repeat", [&](std::string& bytes) {
      const auto file = Safetensors::Open(PathOf("average_repeat")).value();
      const int64_t offset = file.Find(tensor).value().offset;
      const double infinity = INFINITY;
      bytes.replace(static_cast<size_t>(offset) + sizeof(double), sizeof(double),
                    reinterpret_cast<const char*>(&infinity), sizeof(double));
    });
    const absl::Status status = CheckFixture(path, MakeReferenceBackend(), DType::kF64).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(),
                                  "tensor '" + std::string(tensor) + "': element 1 is infinite"))
        << status;
  }
}

TEST(Parity, AWrongCountOfParametersIsNamed) {
  const auto file = Safetensors::Open(PathOf("average_repeat")).value();
  const std::string count = file.Metadata("parameters").value();
  std::string wrong = count;
  wrong.front() = wrong.front() == '9' ? '8' : '9';
  const std::string path = WriteChanged("average_repeat", [&](std::string& bytes) {
    Replace(bytes, "\"parameters\":\"" + count, "\"parameters\":\"" + wrong);
  });
  const absl::Status status = CheckFixture(path, MakeReferenceBackend(), DType::kF64).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "says " + wrong)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), " has " + count)) << status;
}

TEST(Parity, F64OnOneDnnIsNotAvailable) {
  const auto result = CheckFixture(PathOf("average_repeat"), MakeOneDnnBackend(), DType::kF64);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnimplemented) << result.status();
}

}  // namespace
}  // namespace hourglass
