// The real program, killed with SIGKILL at random moments and started again: the results must have
// the bits of a run that was left alone. Flags: --kills=N (default 3), --seed=N,
// --checkpoint_seconds=S. Prints what the kills cost.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "hourglass/base/runfiles.h"
#include "hourglass/train/checkpoint.h"

namespace hourglass {
namespace {

int kills_wanted = 3;
int seed = 1;
std::string checkpoint_seconds = "0.1";

constexpr char kSpec[] = R"(name: "kill"
data { corpus: "synthetic" }
replicas: 1
model { d_model: 32 d_ff: 64 n_heads: 2 dropout: 0.1 }
training {
  batch: 2 length: 48 budgets: 300 budgets: 900
  schedule: "warmup_cosine_once" peak_rate: 1e-2 warmup_steps: 10
}
evaluation { every_steps: 250 max_windows: 20 }
cells { label: "2@1" model { hierarchy: "2@1" } }
cells { label: "1@1 1@3 1@1" model { hierarchy: "1@1 1@3 1@1" } }
)";

// What the results are, as bits, without times and without the names of runs.
constexpr const char* kResults[] = {
    "SELECT g.label, c.budget, r.status, r.attempt, r.trace_sha256, r.ckpt_sha256,"
    " r.flops_executed, r.primitives_json, r.peak_bytes_held"
    " FROM run r JOIN cell c ON c.id = r.cell JOIN config g ON g.id = c.config ORDER BY 1, 2",
    "SELECT g.label, c.budget, m.name, p.step, p.bits, p.flops FROM point p"
    " JOIN metric m ON m.id = p.metric JOIN run r ON r.id = p.run JOIN cell c ON c.id = r.cell"
    " JOIN config g ON g.id = c.config ORDER BY 1, 2, 3, 4",
    "SELECT g.label, c.budget, m.name, s.agg, s.bits FROM summary s"
    " JOIN metric m ON m.id = s.metric JOIN run r ON r.id = s.run JOIN cell c ON c.id = r.cell"
    " JOIN config g ON g.id = c.config WHERE m.kind = 'quality' ORDER BY 1, 2, 3, 4",
    "SELECT g.label, c.budget, b.dataset, b.step, b.block, b.n_units, b.bits FROM eval_block b"
    " JOIN run r ON r.id = b.run JOIN cell c ON c.id = r.cell JOIN config g ON g.id = c.config"
    " ORDER BY 1, 2, 3, 4, 5"};

class KillTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/kill_" +
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(WriteFileAtomically(folder_ + "/kill.textproto", kSpec).ok());
    const auto program = FindRunfile("experiments/hourglass");
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *program;
  }

  pid_t Start(const std::string& database) {
    const std::vector<std::string> args = {program_,
                                           "run",
                                           folder_ + "/kill.textproto",
                                           "--db",
                                           database,
                                           "--allow-dirty",
                                           "--threads",
                                           "1",
                                           "--checkpoint-seconds",
                                           checkpoint_seconds};
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child != 0) return child;
    const int log = open(LogOf(database).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }

  static std::string LogOf(const std::string& database) { return database + ".log"; }

  // The exit code, or minus the signal.
  static int Wait(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  // Starts the program and kills it after so long; false if it had ended by itself.
  bool StartAndKill(const std::string& database, double seconds) {
    const pid_t child = Start(database);
    const int64_t end = MonotonicNanos() + static_cast<int64_t>(1e9 * seconds);
    int status = 0;
    while (MonotonicNanos() < end) {
      if (waitpid(child, &status, WNOHANG) == child) {
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << Log(database);
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    kill(child, SIGKILL);
    const int code = Wait(child);
    EXPECT_TRUE(code == -SIGKILL || code == 0) << Log(database);
    return code == -SIGKILL;
  }

  static std::string Log(const std::string& database) {
    return ReadFile(LogOf(database)).value_or("");
  }

  // What a kill costs: rows whose steps come after the checkpoint are computed again.
  struct Cost {
    int64_t steps = 0;
    double seconds = 0;
    double uncommitted = 0;  // time since the last rows were committed
  };

  Cost CostOf(const std::string& database) {
    Cost cost;
    if (!std::filesystem::exists(database)) return cost;
    SQLite::Database db(database, SQLite::OPEN_READWRITE, 1000);
    EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
    // Killed before the schema was there, or between two runs.
    if (db.execAndGet("PRAGMA user_version").getInt() == 0) return cost;
    SQLite::Statement run(db,
                          "SELECT r.id, max(p.step), max(p.wall_ns),"
                          " (julianday('now') - julianday(r.heartbeat_at)) * 86400"
                          " FROM run r JOIN point p ON p.run = r.id WHERE r.status = 'running'"
                          " GROUP BY r.id");
    if (!run.executeStep()) return cost;
    const std::string id = run.getColumn(0).getString();
    const auto info = ReadCheckpointInfo(folder_ + "/" + id + ".safetensors");
    const int64_t saved = info.ok() ? info->step : 0;
    const int64_t stored = run.getColumn(1).getInt64();
    EXPECT_LE(saved, stored) << "a checkpoint is never ahead of the rows";
    cost.uncommitted = run.getColumn(3).getDouble();
    cost.steps = stored - saved;
    double at_save = 0;
    if (info.ok()) absl::SimpleAtod(info->metadata.at("run.train_seconds"), &at_save);
    cost.seconds = 1e-9 * static_cast<double>(run.getColumn(2).getInt64()) - at_save;
    return cost;
  }

  // One hash over everything that must be equal.
  std::string Results(const std::string& database) {
    SQLite::Database db(database, SQLite::OPEN_READWRITE, 1000);
    EXPECT_EQ(db.execAndGet("PRAGMA integrity_check").getString(), "ok");
    Sha256 hash;
    for (const char* sql : kResults) {
      SQLite::Statement rows(db, sql);
      while (rows.executeStep()) {
        for (int i = 0; i < rows.getColumnCount(); ++i) {
          hash.Update(absl::StrCat(rows.getColumn(i).getString(), "|"));
        }
      }
    }
    SQLite::Statement runs(db, "SELECT id, status, ckpt_sha256 FROM run");
    int count = 0;
    for (; runs.executeStep(); ++count) {
      EXPECT_EQ(runs.getColumn(1).getString(), "ok");
      EXPECT_EQ(
          Sha256FileHex(absl::StrCat(folder_, "/", runs.getColumn(0).getString(), ".safetensors"))
              .value_or("no file"),
          runs.getColumn(2).getString());
    }
    EXPECT_EQ(count, 4) << "every cell has one run";
    return hash.Hex();
  }

  // Whether the log comes to say this, before the process ends.
  bool WaitFor(const std::string& database, const std::string& text) {
    for (int i = 0; i < 10000; ++i) {
      if (absl::StrContains(Log(database), text)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  std::string folder_, program_;
};

TEST_F(KillTest, KilledAtRandomMomentsItEndsWithTheSameBits) {
  const std::string whole = folder_ + "/whole.db";
  const int64_t start = MonotonicNanos();
  ASSERT_EQ(Wait(Start(whole)), 0) << Log(whole);
  const double seconds = 1e-9 * static_cast<double>(MonotonicNanos() - start);
  const std::string wanted = Results(whole);

  std::mt19937 random(static_cast<uint32_t>(seed));
  std::uniform_real_distribution<double> moment(0, seconds);
  std::vector<Cost> costs;
  int rounds = 0, equal = 0;
  while (static_cast<int>(costs.size()) < kills_wanted) {
    const std::string database = absl::StrCat(folder_, "/round", rounds++, ".db");
    bool finished = false;
    while (!finished && static_cast<int>(costs.size()) < kills_wanted) {
      finished = !StartAndKill(database, moment(random));
      if (!finished) costs.push_back(CostOf(database));
    }
    if (!finished) {
      ASSERT_EQ(Wait(Start(database)), 0) << Log(database);
    }
    const std::string results = Results(database);
    EXPECT_EQ(results, wanted) << Log(database);
    if (results == wanted) ++equal;
    if (HasFailure()) break;
  }
  Cost most;
  for (const Cost& cost : costs) {
    most.steps = std::max(most.steps, cost.steps);
    most.seconds = std::max(most.seconds, cost.seconds);
    most.uncommitted = std::max(most.uncommitted, cost.uncommitted);
  }
  std::printf(
      "%d kills in %d sweeps of %.1f s: results equal to the last bit in %d of %d, integrity ok.\n"
      "Stored rows computed again after a kill: at most %ld steps, %.2f s of training.\n"
      "Time since the last commit at a kill: at most %.2f s.\n",
      static_cast<int>(costs.size()), rounds, seconds, equal, rounds, static_cast<long>(most.steps),
      most.seconds, most.uncommitted);
}

TEST_F(KillTest, ASignalSavesAndASecondProcessIsSentAway) {
  const std::string whole = folder_ + "/whole.db", database = folder_ + "/stopped.db";
  ASSERT_EQ(Wait(Start(whole)), 0) << Log(whole);
  const pid_t first = Start(database);
  ASSERT_TRUE(WaitFor(database, "2 models x 1 seeds")) << Log(database);
  // Held still, so that it cannot end before the others have had their turn.
  kill(first, SIGSTOP);
  EXPECT_EQ(Wait(Start(database)), 75);
  EXPECT_TRUE(absl::StrContains(Log(database), "stopped.db.lock")) << Log(database);
  kill(first, SIGTERM);
  kill(first, SIGCONT);
  EXPECT_EQ(Wait(first), 130) << Log(database);
  EXPECT_TRUE(absl::StrContains(Log(database), "the same command goes on")) << Log(database);
  EXPECT_EQ(Wait(Start(database)), 0) << Log(database);
  EXPECT_EQ(Results(database), Results(whole));
}

}  // namespace
}  // namespace hourglass

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hourglass::SetProgramPath(argv[0]);
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = std::min(arg.find('='), arg.size() - 1);
    const std::string name = arg.substr(0, equals), value = arg.substr(equals + 1);
    if (name == "--checkpoint_seconds") {
      hourglass::checkpoint_seconds = value;
    } else if (!((name == "--kills" && absl::SimpleAtoi(value, &hourglass::kills_wanted)) ||
                 (name == "--seed" && absl::SimpleAtoi(value, &hourglass::seed)))) {
      std::fprintf(stderr, "unknown flag %s; there are --kills, --seed, --checkpoint_seconds\n",
                   argv[i]);
      return 64;
    }
  }
  return RUN_ALL_TESTS();
}
