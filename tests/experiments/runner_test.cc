// The small parts of the runner: seeds, exit codes, progress, counted memory, environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "experiments/runner/backends.h"
#include "experiments/runner/counting_backend.h"
#include "experiments/runner/environment.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/memory_size.h"
#include "experiments/runner/paths.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/seeds.h"
#include "hourglass/base/hash.h"
#include "nlohmann/json.hpp"

namespace hourglass {
namespace {

using testing::HasSubstr;

TEST(SeedsTest, ModelsOfOneReplicaShareTheDataStreamAndNothingElse) {
  const Seeds a = DeriveSeeds("quickstart", "config a", 1);
  const Seeds b = DeriveSeeds("quickstart", "config b", 1);
  EXPECT_EQ(a.data, b.data);
  EXPECT_NE(a.run, b.run);
  EXPECT_NE(a.init, b.init);
  EXPECT_NE(a.dropout, b.dropout);
}

TEST(SeedsTest, NoStreamIsUsedTwice) {
  std::set<uint64_t> seen, data;
  int count = 0;
  for (const char* experiment : {"quickstart", "enwik8/table1"}) {
    for (const char* config : {"a", "b", "c"}) {
      for (int64_t replica = 0; replica < 5; ++replica) {
        const Seeds seeds = DeriveSeeds(experiment, config, replica);
        for (const uint64_t seed : {seeds.run, seeds.init, seeds.dropout}) {
          seen.insert(seed);
          ++count;
        }
        data.insert(seeds.data);
      }
    }
  }
  EXPECT_EQ(static_cast<int>(seen.size()), count);
  EXPECT_EQ(data.size(), 10u);
}

TEST(SeedsTest, AreTheHeadOfASha256AndDoNotMove) {
  const std::string text = "4:data10:quickstart1:0";
  EXPECT_EQ(DeriveSeeds("quickstart", "any", 0).data,
            std::strtoull(Sha256Hex(text).substr(0, 16).c_str(), nullptr, 16));
}

TEST(MemorySizeTest, PowersOf1024OrBytes) {
  for (const auto& [text, bytes] : std::vector<std::pair<std::string, int64_t>>{
           {"1", 1}, {"1000000", 1000000}, {"4K", 4096}, {"1.5M", 1572864}, {"2G", 2147483648}}) {
    const auto parsed = ParseMemorySize(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, bytes) << text;
  }
  for (const char* text : {"", "G", "0", "-1G", "1e9", "2 G", "2T", "2GB", "nan", "inf", "0.1",
                           "99999999999G", "1.5.5M"}) {
    const auto parsed = ParseMemorySize(text);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
  }
}

TEST(ExitCodesTest, OneCodePerKindOfError) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeFor(UsageError("x")), 64);
  EXPECT_EQ(ExitCodeFor(absl::DataLossError("x")), 65);
  EXPECT_EQ(ExitCodeFor(absl::NotFoundError("x")), 66);
  EXPECT_EQ(ExitCodeFor(absl::UnimplementedError("x")), 69);
  EXPECT_EQ(ExitCodeFor(absl::UnavailableError("x")), 69);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("x")), 70);
  EXPECT_EQ(ExitCodeFor(absl::FailedPreconditionError("x")), 70);
  EXPECT_EQ(ExitCodeFor(absl::PermissionDeniedError("x")), 74);
  EXPECT_EQ(ExitCodeFor(absl::ResourceExhaustedError("x")), 74);
  EXPECT_EQ(ExitCodeFor(absl::AbortedError("x")), 75);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("x")), 78);
  EXPECT_EQ(ExitCodeFor(absl::CancelledError("x")), 130);
}

TEST(PathsTest, RelativePathsCountFromTheCallersFolder) {
  setenv("BUILD_WORKING_DIRECTORY", "/home/someone", 1);
  EXPECT_EQ(CallerPath("a/b.db"), "/home/someone/a/b.db");
  EXPECT_EQ(CallerPath("/a/b.db"), "/a/b.db");
  EXPECT_EQ(CallerPath(""), "");
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(CallerPath("a/b.db"), "a/b.db");
  setenv("BUILD_WORKSPACE_DIRECTORY", "/src", 1);
  EXPECT_EQ(DefaultResultsFolder(), "/src/results");
  EXPECT_EQ(DefaultDatabase("enwik8/table1"), "/src/results/enwik8-table1.db");
  unsetenv("BUILD_WORKSPACE_DIRECTORY");
  EXPECT_EQ(DefaultResultsFolder(), "results");
  EXPECT_EQ(FolderOf("a/b.db"), "a");
  EXPECT_EQ(FolderOf("b.db"), ".");
  EXPECT_EQ(FolderOf("/b.db"), "/");
}

ProgressOptions FakeClock(ProgressMode mode, int64_t* now) {
  ProgressOptions options;
  options.mode = mode;
  options.now_nanos = [now] { return *now; };
  return options;
}

TEST(ProgressTest, APlainLineEvery30SecondsWithTheTimeLeft) {
  int64_t now = 0;
  std::ostringstream out;
  Progress progress(out, FakeClock(ProgressMode::kPlain, &now), 100);
  progress.StartPart("[1/2] 4@1 seed 0");
  now = 29'000'000'000;
  progress.Update(10, "step 1/10");
  EXPECT_EQ(out.str(), "");
  now = 30'000'000'000;
  progress.Update(25, "step 2/10");
  EXPECT_EQ(out.str(), "[1/2] 4@1 seed 0  step 2/10  ETA 1:30\n");
  now = 31'000'000'000;
  progress.Update(26, "step 3/10");
  EXPECT_EQ(out.str(), "[1/2] 4@1 seed 0  step 2/10  ETA 1:30\n");
}

TEST(ProgressTest, ATerminalLineIsRenewedAndClearedBeforeOthers) {
  int64_t now = 0;
  std::ostringstream out;
  Progress progress(out, FakeClock(ProgressMode::kTerminal, &now), 100);
  progress.StartPart("part");
  now = 1'000'000'000;
  progress.Update(50, "half");
  EXPECT_EQ(out.str(), "\rpart  half  ETA 0:01\x1b[K");
  progress.Line("done");
  EXPECT_THAT(out.str(), testing::EndsWith("\r\x1b[Kdone\n"));
}

TEST(ProgressTest, QuietPrintsNothingAndSkippedWorkIsNotWaitedFor) {
  int64_t now = 0;
  std::ostringstream quiet, out;
  Progress silent(quiet, FakeClock(ProgressMode::kQuiet, &now), 100);
  silent.Line("x");
  Progress progress(out, FakeClock(ProgressMode::kPlain, &now), 100);
  progress.Skip(50);
  now = 30'000'000'000;
  progress.Update(25, "s");
  EXPECT_EQ(quiet.str(), "");
  EXPECT_THAT(out.str(), HasSubstr("ETA 0:30"));
  EXPECT_EQ(Progress::Duration(3723), "1:02:03");
}

TEST(CountingBackendTest, CountsHeldAndPeakBytes) {
  CountingBackend backend(MakeBackend("reference").value());
  {
    const auto first = backend.Allocate(1000);
    ASSERT_TRUE(first.ok());
    const auto second = backend.Allocate(500);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(backend.held_bytes(), 1500);
  }
  const auto third = backend.Allocate(64);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(static_cast<int>((*third).get()[63]), 0);
  EXPECT_EQ(backend.held_bytes(), 64);
  EXPECT_EQ(backend.peak_bytes(), 1500);
}

TEST(BackendsTest, UnknownNamesListWhatThereIs) {
  EXPECT_EQ(ExitCodeFor(MakeBackend("tpu").status()), kExitUsage);
  EXPECT_EQ(ExitCodeFor(MakeBackend("cuda").status()), kExitUnavailable);
  EXPECT_EQ(ParseDType("bf16").value(), DType::kBF16);
  EXPECT_EQ(ExitCodeFor(ParseDType("f16").status()), kExitUsage);
}

SourceStamp CleanStamp() {
  return {std::string(40, '1'), std::string(40, '2'), std::string(40, '3'),
          "2021-10-26T12:00:00+00:00", false};
}

TEST(EnvironmentTest, IsComplete) {
  const auto backend = MakeBackend("onednn").value();
  const auto environment = CaptureEnvironment(CleanStamp(), *backend, 2, "f32");
  ASSERT_TRUE(environment.ok()) << environment.status();
  EXPECT_EQ(environment->build.binary_sha256, Sha256FileHex("/proc/self/exe").value());
  EXPECT_THAT(environment->build.compiler, HasSubstr("gcc "));
  EXPECT_THAT(environment->build.flags, HasSubstr("-march=x86-64-v3"));
  EXPECT_EQ(environment->build.deps_sha256.size(), 64u);
  EXPECT_THAT(environment->build.deps.at("oneDNN"), HasSubstr("3.2"));
  for (const char* key :
       {"cpu_model", "cpu_features", "cores", "memory_bytes", "kernel", "libc", "isa"}) {
    EXPECT_NE(environment->host.fingerprint.at(key), "") << key;
  }
  EXPECT_EQ(nlohmann::json::parse(environment->describe_json)["backend"], "onednn");
  EXPECT_GT(PeakResidentBytes(), 1 << 20);
}

TEST(EnvironmentTest, ClassesChangeWithThreadsAndTheNumericOneWithTheDtype) {
  const auto backend = MakeBackend("onednn").value();
  const auto base = CaptureEnvironment(CleanStamp(), *backend, 2, "f32").value();
  const auto again = CaptureEnvironment(CleanStamp(), *backend, 2, "f32").value();
  const auto one = CaptureEnvironment(CleanStamp(), *backend, 1, "f32").value();
  const auto half = CaptureEnvironment(CleanStamp(), *backend, 2, "bf16").value();
  EXPECT_EQ(base.host.perf_class, again.host.perf_class);
  EXPECT_EQ(base.host.numeric_class, again.host.numeric_class);
  EXPECT_NE(base.host.perf_class, one.host.perf_class);
  EXPECT_NE(base.host.numeric_class, one.host.numeric_class);
  EXPECT_EQ(base.host.perf_class, half.host.perf_class);
  EXPECT_NE(base.host.numeric_class, half.host.numeric_class);
}

TEST(EnvironmentTest, ADirtyTreeAlwaysCarriesADifference) {
  const auto backend = MakeBackend("reference").value();
  SourceStamp stamp = CleanStamp();
  EXPECT_EQ(CaptureEnvironment(stamp, *backend, 1, "f64")->source.diff, "");
  stamp.dirty = true;
  const auto environment = CaptureEnvironment(stamp, *backend, 1, "f64");
  ASSERT_TRUE(environment.ok());
  EXPECT_TRUE(environment->source.dirty);
  EXPECT_NE(environment->source.diff, "");
}

TEST(EnvironmentTest, KeepsTheVariablesThatChangeResultsAndNoOthers) {
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("SECRET_TOKEN", "x", 1);
  const auto backend = MakeBackend("reference").value();
  const auto environment = CaptureEnvironment(CleanStamp(), *backend, 1, "f64").value();
  EXPECT_EQ(environment.env.at("OMP_WAIT_POLICY"), "passive");
  EXPECT_EQ(environment.env.count("SECRET_TOKEN"), 0u);
}

}  // namespace
}  // namespace hourglass
