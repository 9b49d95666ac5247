#include "results_db/export.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>

#include "hourglass/base/file.h"
#include "results_db/query.h"
#include "tests/results_db/database_test.h"

namespace hourglass::results {
namespace {

using testing::StartsWith;

class ExportTest : public DatabaseTest {
 protected:
  absl::StatusOr<std::vector<ExportedFile>> Export(const std::string& folder,
                                                   ExportFormat format = ExportFormat::kCsv,
                                                   bool overwrite = false) {
    return ExportViews({path_, folder_ / folder, format, overwrite});
  }
  std::string Read(const std::string& file) { return ReadFile(folder_ / file).value(); }
  size_t FilesIn(const std::string& folder) {
    const auto files = std::filesystem::directory_iterator(folder_ / folder);
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }
};

TEST_F(ExportTest, ThePublicViewsAreThoseOfTheSchema) {
  FixedStore(path_);
  EXPECT_EQ(std::vector<std::string>(PublicViews().begin(), PublicViews().end()),
            AskAll(path_, "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name"));
}

TEST_F(ExportTest, EveryViewBecomesAFileOfItsRows) {
  FillSample(path_);
  const auto files = Export("new/csv");
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), PublicViews().size());
  for (size_t i = 0; i < files->size(); ++i) {
    const std::string view(PublicViews()[i]);
    EXPECT_EQ((*files)[i].path, folder_ / "new/csv" / (view + ".csv"));
    EXPECT_EQ(std::to_string((*files)[i].rows), Ask(path_, "SELECT count(*) FROM " + view));
  }
  EXPECT_EQ(FilesIn("new/csv"), files->size()) << "no temporary file is left";
  EXPECT_THAT(Read("new/csv/v_curve.csv"),
              StartsWith("run,metric,unit,step,value,bits,flops,wall_ns\n"
                         "01000000000000000000000000,train_loss_nats,nat/byte,1,1.5,"
                         "4609434218613702656,120000,77\n"));
  // Quotes are doubled, a comma quotes, NULL is nothing.
  EXPECT_NE(Read("new/csv/v_failed.csv")
                .find(",diverged,18,\"loss is \"\"not\"\" a number, at step 2\",2,"),
            std::string::npos);
}

TEST_F(ExportTest, JsonLinesHoldTheSameRows) {
  FillSample(path_);
  ASSERT_TRUE(Export("json", ExportFormat::kJsonLines).ok());
  EXPECT_THAT(Read("json/v_curve.jsonl"),
              StartsWith("{\"run\":\"01000000000000000000000000\",\"metric\":\"train_loss_nats\","
                         "\"unit\":\"nat/byte\",\"step\":1,\"value\":1.5,"
                         "\"bits\":4609434218613702656,\"flops\":120000,\"wall_ns\":77}\n"));
  EXPECT_NE(Read("json/v_failed.jsonl")
                .find("\"error\":\"loss is \\\"not\\\" a number, at step 2\",\"last_step\":2"),
            std::string::npos);
  EXPECT_NE(Read("json/v_unfinished.jsonl").find("\"done_run\":null"), std::string::npos);
}

TEST_F(ExportTest, NumbersReadBackAsTheyWere) {
  auto store = FixedStore(path_);
  const std::string id = AddUnfinishedRun(*store, "4@1", "vanilla", 0);
  const Sample samples[] = {{kGradientNorm, 1, 0.1, {}, {}},
                            {kGradientNorm, 2, -HUGE_VAL, {}, {}},
                            {kGradientNorm, 3, 5e-324, {}, {}},
                            {kGradientNorm, 4, std::nan(""), {}, {}}};
  ASSERT_TRUE(store->Append(id, samples).ok());
  ASSERT_TRUE(store->Flush().ok());
  ASSERT_TRUE(Export("csv").ok());
  ASSERT_TRUE(Export("json", ExportFormat::kJsonLines).ok());
  const std::string csv = Read("csv/v_curve.csv"), json = Read("json/v_curve.jsonl");
  for (const char* text : {",1,0.1,", ",2,-inf,", ",3,5e-324,", ",4,,"}) {
    EXPECT_NE(csv.find(text), std::string::npos) << text;
  }
  for (const char* text :
       {"\"value\":0.1,", "\"value\":\"-inf\",", "\"value\":5e-324,", "\"value\":null,"}) {
    EXPECT_NE(json.find(text), std::string::npos) << text;
  }
}

TEST_F(ExportTest, TheSameRowsGiveTheSameBytesInWhateverOrderTheyCame) {
  FillSample(path_);
  ASSERT_TRUE(Export("first").ok());
  const std::string other = folder_ / "other.db";
  FixedStore(other);
  {
    // The same rows, inserted backwards, with other metric numbers.
    SQLite::Database db(other, SQLite::OPEN_READWRITE);
    db.exec("ATTACH '" + path_ + "' AS src; PRAGMA foreign_keys = OFF");
    for (const char* table : {"source_rev", "build", "host", "dataset", "config", "experiment",
                              "cell", "run", "timing", "eval_block"}) {
      db.exec(std::string("INSERT INTO main.") + table + " SELECT * FROM src." + table +
              " ORDER BY 1 DESC");
    }
    db.exec("DROP TRIGGER metric_update; UPDATE metric SET id = 1000 - id");
    db.exec(
        "INSERT INTO point SELECT run, 1000 - metric, step, value, bits, flops, wall_ns"
        " FROM src.point ORDER BY 1 DESC");
    db.exec(
        "INSERT INTO summary SELECT run, 1000 - metric, agg, value, bits, ci_lo, ci_hi, n"
        " FROM src.summary ORDER BY 1 DESC");
  }
  path_ = other;
  ASSERT_TRUE(Export("second").ok());
  for (const std::string_view view : PublicViews()) {
    const std::string file = "/" + std::string(view) + ".csv";
    EXPECT_EQ(Read("first" + file), Read("second" + file)) << view;
  }
}

TEST_F(ExportTest, NothingIsOverwrittenUnasked) {
  FillSample(path_);
  std::filesystem::create_directories(folder_ / "out");
  ASSERT_TRUE(WriteFileAtomically(folder_ / "out" / "v_timing.csv", "mine").ok());
  const absl::Status status = Export("out").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Mentions(status, "v_timing.csv")) << status;
  EXPECT_EQ(FilesIn("out"), 1u);
  EXPECT_EQ(Read("out/v_timing.csv"), "mine");
  ASSERT_TRUE(Export("out", ExportFormat::kCsv, /*overwrite=*/true).ok());
  EXPECT_NE(Read("out/v_timing.csv"), "mine");
}

TEST_F(ExportTest, AFullDiskPutsNoFileInPlace) {
  FillSample(path_);
  {
    auto store = FixedStore(path_);
    std::vector<Sample> samples;
    for (int step = 3; step < 1000; ++step) samples.push_back({kTrainLossNats, step, 4.0, {}, {}});
    const std::string running = Ask(path_, "SELECT run FROM v_unfinished");
    ASSERT_TRUE(store->Append(running, samples).ok());
  }
  std::filesystem::create_directories(folder_ / "out");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    // Enough for the shared memory of SQLite and for the first views, too little for the curves.
    const rlimit limit = {40000, 40000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(3);
    _exit(Mentions(Export("out").status(), "v_curve.csv") ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(FilesIn("out"), 0u);
}

}  // namespace
}  // namespace hourglass::results
