// Every library of //third_party compiles, links and answers with a value known from its
// specification; those whose version matters are new enough.
#include <Random123/philox.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <archive.h>
#include <benchmark/benchmark.h>
#include <ctemplate/template.h>
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <google/protobuf/stubs/common.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <openssl/evp.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/third_party/sample.pb.h"

#if !defined(HOURGLASS_STD_THREADS)
#include <omp.h>
#endif

namespace hourglass {
namespace {

TEST(LinkTest, AbseilStatusMapsAndNumbers) {
  const absl::StatusOr<int> missing = absl::NotFoundError(absl::StrCat("no ", 7));
  EXPECT_EQ(missing.status().ToString(), "NOT_FOUND: no 7");
  absl::flat_hash_map<std::string, int> squares = {{"two", 4}, {"three", 9}};
  EXPECT_EQ(squares.at("three"), 9);
  int64_t parsed = 0;
  EXPECT_TRUE(absl::SimpleAtoi("-42", &parsed));
  EXPECT_EQ(parsed, -42);
}

TEST(LinkTest, BenchmarkRegisters) {
  EXPECT_NE(benchmark::RegisterBenchmark("empty", [](benchmark::State&) {}), nullptr);
}

TEST(LinkTest, BoostMathStudentsT) {
  // Two-sided 95 % quantile for 10 degrees of freedom, from any printed table.
  EXPECT_NEAR(boost::math::quantile(boost::math::students_t(10), 0.975), 2.228, 5e-4);
}

TEST(LinkTest, Cli11ParsesAnOption) {
  CLI::App app;
  int seed = 0;
  app.add_option("--seed", seed);
  app.parse("--seed 12", false);
  EXPECT_EQ(seed, 12);
}

TEST(LinkTest, CtemplateExpands) {
  ctemplate::TemplateDictionary values("values");
  values.SetValue("NAME", "a<b");
  const std::unique_ptr<ctemplate::Template> page(
      ctemplate::Template::StringToTemplate("[{{NAME:html_escape}}]", ctemplate::STRIP_WHITESPACE));
  std::string out;
  ASSERT_TRUE(page->Expand(&out, &values));
  EXPECT_EQ(out, "[a&lt;b]");
}

TEST(LinkTest, GoogleMockMatches) {
  EXPECT_THAT(std::vector<int>({1, 2, 3}), testing::ElementsAre(1, 2, 3));
}

TEST(LinkTest, HighwayFindsTheBaseline) { EXPECT_EQ(hwy::SupportedTargets() & HWY_AVX2, HWY_AVX2); }

TEST(LinkTest, NlohmannJsonParses) {
  EXPECT_EQ(nlohmann::json::parse(R"({"a":[1,2]})")["a"][1].get<int>(), 2);
}

TEST(LinkTest, LibarchiveReadsZip) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  EXPECT_EQ(archive_read_support_format_zip(reader.get()), ARCHIVE_OK);
}

TEST(LinkTest, LibcurlKnowsHttpsAndResponseHeaders) {
  const curl_version_info_data* version = curl_version_info(CURLVERSION_NOW);
  EXPECT_TRUE((version->features & CURL_VERSION_SSL) != 0);
  // curl_easy_header is no experiment any more since 7.84.
  EXPECT_GE(version->version_num, 0x075400U);
}

TEST(LinkTest, OneDnnIs32WithGnuOpenMp) {
  const dnnl_version_t* version = dnnl_version();
  EXPECT_EQ(version->major, 3);
  EXPECT_EQ(version->minor, 2);
  EXPECT_EQ(version->cpu_runtime, static_cast<unsigned>(DNNL_RUNTIME_OMP));
}

TEST(LinkTest, OneDnnMultiplies) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc square({2, 2}, memory::data_type::f32, memory::format_tag::ab);
  std::array<float, 4> a = {1, 2, 3, 4};
  std::array<float, 4> b = {5, 6, 7, 8};
  std::array<float, 4> c = {};
  const dnnl::matmul matmul(dnnl::matmul::primitive_desc(engine, square, square, square));
  matmul.execute(stream, {{DNNL_ARG_SRC, memory(square, engine, a.data())},
                          {DNNL_ARG_WEIGHTS, memory(square, engine, b.data())},
                          {DNNL_ARG_DST, memory(square, engine, c.data())}});
  stream.wait();
  EXPECT_THAT(c, testing::ElementsAre(19, 22, 43, 50));
}

#if !defined(HOURGLASS_STD_THREADS)
TEST(LinkTest, OpenMpForksAndJoins) {
  int64_t sum = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
  for (int64_t i = 1; i <= 100; ++i) sum += i;
  EXPECT_EQ(sum, 5050);
  EXPECT_GE(omp_get_max_threads(), 1);
}
#endif

TEST(LinkTest, OpenSslHashesAbc) {
  // FIPS 180-2, appendix B.1.
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int size = 0;
  ASSERT_EQ(EVP_Digest("abc", 3, digest.data(), &size, EVP_sha256(), nullptr), 1);
  ASSERT_EQ(size, 32U);
  EXPECT_EQ(digest[0], 0xba);
  EXPECT_EQ(digest[31], 0xad);
}

TEST(LinkTest, ProtobufReadsText) {
  EXPECT_GE(GOOGLE_PROTOBUF_VERSION, 3021000);
  tests::Sample sample;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("name: 'x' factors: [2, 3]", &sample));
  EXPECT_EQ(sample.name(), "x");
  EXPECT_THAT(sample.factors(), testing::ElementsAre(2, 3));
  EXPECT_FALSE(google::protobuf::TextFormat::ParseFromString("unknown: 1", &sample));
}

TEST(LinkTest, Random123PhiloxKnownAnswer) {
  // Philox4x32-10 with all counter and key bits zero, from Random123's known-answer vectors.
  const r123::Philox4x32::ctr_type drawn = r123::Philox4x32()({{}}, {{}});
  EXPECT_EQ(drawn[0], 0x6627e8d5U);
  EXPECT_EQ(drawn[1], 0xe169c58dU);
  EXPECT_EQ(drawn[2], 0xbc57ac4cU);
  EXPECT_EQ(drawn[3], 0x9b00dbd8U);
}

TEST(LinkTest, SpdlogWritesToASink) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger.set_pattern("%v");
  logger.info("k = {}", 3);
  logger.flush();
  EXPECT_EQ(out.str(), "k = 3\n");
}

TEST(LinkTest, SqliteHasStrictTables) {
  // STRICT came with 3.37.
  EXPECT_GE(SQLite::getLibVersionNumber(), 3037000);
  SQLite::Database db(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec("CREATE TABLE t (x INTEGER NOT NULL) STRICT");
  EXPECT_THROW(db.exec("INSERT INTO t VALUES ('text')"), SQLite::Exception);
}

}  // namespace
}  // namespace hourglass
