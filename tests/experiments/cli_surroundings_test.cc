// The command line against its surroundings: flags no machine can follow, output that cannot be
// written, signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include "experiments/cli/command.h"
#include "experiments/cli/signals.h"

namespace hourglass {
namespace {

using testing::HasSubstr;

struct Surroundings {
  std::ostringstream out, err;
  CliContext context;
  explicit Surroundings(std::vector<std::string> args) {
    context.out = &out;
    context.err = &err;
    context.args = std::move(args);
  }
};

// The smallest bench there is.
std::vector<std::string> SmallBench(std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"bench", "--hierarchy", "1@1", "--d_model", "8", "--d_ff",
                                   "8",     "--heads",     "1",   "--length",  "8", "--batch",
                                   "1",     "--steps",     "1",   "--warmup",  "0"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(CliFlagsTest, NumbersOutOfRangeNameTheirBound) {
  struct Case {
    const char* flag;
    const char* value;
    const char* message;
  };
  for (const Case& bad : {Case{"--seed", "-1", "-1 is less than 0"},
                          Case{"--threads", "10000", "10000 is more than 1024"},
                          Case{"--batch", "0", "0 is less than 1"},
                          Case{"--length", "two", "\"two\" is not a whole number"},
                          Case{"--lr_cycle", "-5", "-5 is less than 0"}}) {
    Surroundings call({"bench", bad.flag, bad.value});
    EXPECT_EQ(RunCli(call.context), 64) << bad.flag;
    EXPECT_THAT(call.err.str(), HasSubstr(bad.message)) << bad.flag;
    EXPECT_THAT(call.err.str(), HasSubstr(bad.flag));
    EXPECT_LT(call.err.str().size(), 200u);
  }
}

TEST(CliOutputTest, AResultThatCannotBeWrittenIsAnError) {
  Surroundings call({"list"});
  call.out.setstate(std::ios::badbit);
  EXPECT_EQ(RunCli(call.context), 74);
  EXPECT_THAT(call.err.str(), HasSubstr("cannot write the result to standard output"));
}

#ifdef NDEBUG  // a debug build refuses to bench
TEST(CliSignalsTest, BenchEndsBetweenStepsAndPrintsNoNumbers) {
  Surroundings call(SmallBench());
  int asked = 0;
  bool caught = false;
  call.context.catch_signals = [&] { caught = true; };
  call.context.stop = [&] { return ++asked == 2; };
  EXPECT_EQ(RunCli(call.context), 130);
  EXPECT_TRUE(caught);
  EXPECT_EQ(call.out.str(), "");
  EXPECT_THAT(call.err.str(), HasSubstr("stopped by a signal"));
}
#endif

TEST(CliSignalsDeathTest, TheFirstSignalIsRememberedTheSecondEndsAndBothAreTold) {
  const auto interrupt_twice = [](int first, int second) {
    CatchStopSignals();
    if (StopRequested()) std::exit(1);
    std::raise(first);
    if (!StopRequested()) std::exit(2);
    std::raise(second);
    std::exit(3);
  };
  const char told[] = "asked to stop(.|\n)*a second signal ends at once(.|\n)*ended at once by a";
  EXPECT_EXIT(interrupt_twice(SIGINT, SIGINT), testing::KilledBySignal(SIGINT), told);
  EXPECT_EXIT(interrupt_twice(SIGINT, SIGTERM), testing::KilledBySignal(SIGTERM), told);
}

TEST(CliSignalsTest, VerbsThatDoNotAskLeaveTheSignalsAlone) {
  Surroundings call({"list"});
  bool caught = false;
  call.context.catch_signals = [&] { caught = true; };
  EXPECT_EQ(RunCli(call.context), 0);
  EXPECT_FALSE(caught);
}

}  // namespace
}  // namespace hourglass
