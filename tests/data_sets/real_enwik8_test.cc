// The real enwik8, by a path of yours: its checksums, parts and training windows.
//   ./bazelw test //tests/data_sets:real_enwik8_test --test_env=HOURGLASS_ENWIK8=/path/to/enwik8
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "hourglass/base/hash.h"
#include "hourglass/data/byte_corpus.h"

namespace hourglass {
namespace {

TEST(RealEnwik8Test, IsTheFileOfThePaper) {
  const char* path = std::getenv("HOURGLASS_ENWIK8");
  ASSERT_NE(path, nullptr) << "name the file: --test_env=HOURGLASS_ENWIK8=/path/to/enwik8";
  const auto corpus = ByteCorpus::Open(path, "enwik8");
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ((*corpus)->Bytes(Split::kTrain).size(), 90'000'000u);
  EXPECT_EQ((*corpus)->Bytes(Split::kValid).size(), 5'000'000u);
  EXPECT_EQ((*corpus)->Bytes(Split::kTest).size(), 5'000'000u);
  // The excerpt that ships with the project is its beginning: experiments/data/README.md.
  const auto excerpt = (*corpus)->Bytes({0, 3'500'000});
  EXPECT_EQ(Sha256Hex({reinterpret_cast<const char*>(excerpt.data()), excerpt.size()}),
            "d066168e0ccb46603750e70253e574036735425be4521eddcc17cfa38b210347");
  // Training windows of the paper: 2048 bytes, every 512, of the first 90,000,000.
  const ByteWindows windows(*corpus, (*corpus)->Range(Split::kTrain), 512);
  std::vector<int32_t> tokens(2048);
  for (int64_t sequence = 0; sequence < 1000; ++sequence) {
    const int64_t start = windows.Start(1, sequence, 2048);
    ASSERT_EQ(start % 512, 0);
    ASSERT_LE(start + 2048, 90'000'000);
    ASSERT_TRUE(windows.Fill(1, sequence, 1, 2048, tokens.data()).ok());
    const auto bytes = (*corpus)->Bytes({start, start + 2048});
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), tokens.begin()));
  }
}

}  // namespace
}  // namespace hourglass
