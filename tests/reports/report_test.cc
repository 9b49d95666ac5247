#include "reports/report.h"

#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "SQLiteCpp/SQLiteCpp.h"
#include "gtest/gtest.h"
#include "hourglass/base/file.h"
#include "results_db/store.h"
#include "tests/reports/made_up_experiment.h"

namespace hourglass::reports {
namespace {

using results::RunStatus;

class ReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) / info->test_suite_name() / info->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    database_ = folder_ / "results.db";
  }

  // Writes the plan and its report; returns the Markdown.
  std::string Report(const ExperimentPlan& plan) {
    const absl::Status written = WriteExperiment(database_, plan);
    EXPECT_TRUE(written.ok()) << written;
    return Render("report");
  }

  std::string Render(const std::string& name) {
    const absl::Status status = WriteReport({database_, "", folder_ / name});
    EXPECT_TRUE(status.ok()) << status;
    return Read(name, "report.md");
  }

  std::string Read(const std::string& report, const std::string& file) {
    const auto text = ReadFile(folder_ / report / file);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }

  // The sentence under the title.
  static std::string Verdict(const std::string& markdown) {
    const size_t from = markdown.find("\n**");
    const size_t to = markdown.find("**\n", from + 3);
    return from == std::string::npos ? "" : markdown.substr(from + 3, to - from - 3);
  }

  std::filesystem::path folder_;
  std::string database_;
};

// Vanilla 4@1 and one Hourglass model whose differences from it are given.
ExperimentPlan TwoModels(const std::vector<double>& differences) {
  ExperimentPlan plan;
  ModelPlan vanilla;
  vanilla.label = "4@1";
  vanilla.family = "vanilla";
  ModelPlan hourglass;
  hourglass.label = "2@1 6@3 1@1 average/repeat";
  hourglass.family = "hourglass";
  vanilla.canonical_json = R"({"hierarchy":"4@1","training":{"learning_rate":0.003}})";
  hourglass.canonical_json =
      R"({"hierarchy":"2@1 6@3 1@1","shortening":"average","training":{"learning_rate":0.003}})";
  for (size_t i = 0; i < differences.size(); ++i) {
    const double base = 2.3125 + 0.0078125 * static_cast<double>(i);
    vanilla.bits.push_back(base);
    hourglass.bits.push_back(base + differences[i]);
  }
  hourglass.n_params = 5'200'000;
  hourglass.flops_fwd = 1'034'000;
  hourglass.bytes_per_second = 9'600;
  plan.models = {vanilla, hourglass};
  return plan;
}

// The pieces between each `begin` and the next `end`.
std::vector<std::string> Between(const std::string& text, const std::string& begin,
                                 const std::string& end) {
  std::vector<std::string> pieces;
  for (size_t from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    from += begin.size();
    const size_t to = text.find(end, from);
    if (to == std::string::npos) break;
    pieces.push_back(text.substr(from, to - from));
  }
  return pieces;
}

void Erase(std::string& text, const std::string& begin, const std::string& end) {
  for (size_t from = text.find(begin); from != std::string::npos; from = text.find(begin)) {
    const size_t to = text.find(end, from + begin.size());
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// --- the first sentence ---

TEST_F(ReportTest, Worse) {
  // mean 0.04, sd 0.002, half width 4.30265 * 0.002 / sqrt(3) = 0.00497.
  const std::string text = Report(TwoModels({0.038, 0.040, 0.042}));
  EXPECT_EQ(Verdict(text),
            "▼ Worse: at equal training compute Hourglass 2@1 6@3 1@1 average/repeat needs 0.040 "
            "bits per byte more than vanilla 4@1 (mean of 3 paired seeds, 95 % interval +0.035 to "
            "+0.045).");
  EXPECT_TRUE(Contains(text, "200,000 training steps")) << "says where the paper measured";
  EXPECT_TRUE(Contains(text,
                       "Training ran at 12,000 bytes/s for vanilla 4@1, 9,600 bytes/s for "
                       "Hourglass 2@1 6@3 1@1 average/repeat; Hourglass 2@1 6@3 1@1 "
                       "average/repeat runs at 0.80 times the speed of vanilla 4@1."));
  EXPECT_TRUE(Contains(text, "on 2 degrees of freedom (t = 4.303), here ±0.0050 bits per byte"));
  EXPECT_TRUE(Contains(text, "cannot go below p = 0.25"));
}

TEST_F(ReportTest, Better) {
  const std::string text = Report(TwoModels({-0.038, -0.040, -0.042}));
  EXPECT_EQ(Verdict(text),
            "▲ Better: at equal training compute Hourglass 2@1 6@3 1@1 average/repeat needs 0.040 "
            "bits per byte less than vanilla 4@1 (mean of 3 paired seeds, 95 % interval −0.045 to "
            "−0.035).");
  EXPECT_FALSE(Contains(text, "200,000 training steps"));
}

TEST_F(ReportTest, NotResolved) {
  // mean 0.02, sd 0.01: −0.0048 to +0.0448.
  EXPECT_EQ(Verdict(Report(TwoModels({0.01, 0.02, 0.03}))),
            "◇ Not resolved: at equal training compute Hourglass 2@1 6@3 1@1 average/repeat "
            "differs from vanilla 4@1 by +0.020 bits per byte (mean of 3 paired seeds, 95 % "
            "interval −0.0048 to +0.0448), an interval that includes zero.");
}

TEST_F(ReportTest, TheSame) {
  // mean 0.001, sd 0.001: half width 0.00248.
  EXPECT_EQ(Verdict(Report(TwoModels({0.0, 0.001, 0.002}))),
            "＝ The same: at equal training compute Hourglass 2@1 6@3 1@1 average/repeat differs "
            "from vanilla 4@1 by +0.0010 bits per byte (mean of 3 paired seeds, 95 % interval "
            "−0.0015 to +0.0035), within the margin of 0.01.");
}

TEST_F(ReportTest, OneSeed) {
  const std::string text = Report(TwoModels({0.05}));
  EXPECT_EQ(Verdict(text),
            "◇ Not resolved: at equal training compute Hourglass 2@1 6@3 1@1 average/repeat "
            "differs from vanilla 4@1 by +0.050 bits per byte with one seed, which cannot be told "
            "from chance.");
  EXPECT_TRUE(Contains(text, "none from one seed"));
}

TEST_F(ReportTest, SeveralModelsThatAgreeAndThatDoNot) {
  ExperimentPlan plan = TwoModels({0.038, 0.040, 0.042});
  ModelPlan second = plan.models[1];
  second.label = "1@1 8@4 1@1";
  plan.models.push_back(second);
  EXPECT_TRUE(Contains(Verdict(Report(plan)), "▼ Worse: at equal training compute Hourglass 1@1"));
  std::filesystem::remove(database_);
  for (double& bits : plan.models[2].bits) bits -= 0.1;
  const std::string verdict = Verdict(Report(plan));
  EXPECT_TRUE(Contains(
      verdict, "◆ Mixed at equal training compute – better: Hourglass 1@1 8@4 1@1 needs 0.060"))
      << verdict;
  EXPECT_TRUE(Contains(
      verdict, "; worse: Hourglass 2@1 6@3 1@1 average/repeat needs 0.040 bits per byte more"))
      << verdict;
}

TEST_F(ReportTest, MoreThanThreeModelsAreCounted) {
  ExperimentPlan plan = TwoModels({0.038, 0.040, 0.042});
  for (int i = 0; i < 3; ++i) {
    ModelPlan more = plan.models[1];
    more.label = std::to_string(i + 3) + "@1 8@4 1@1";
    plan.models.push_back(more);
  }
  EXPECT_EQ(Verdict(Report(plan)),
            "▼ Of 4 models matched with vanilla in training compute: 4 worse.");
}

TEST_F(ReportTest, NoVanillaModel) {
  ExperimentPlan plan = TwoModels({0.01, 0.02});
  plan.models.erase(plan.models.begin());
  EXPECT_EQ(Verdict(Report(plan)), "◇ No verdict: there is no vanilla model to compare with.");
}

TEST_F(ReportTest, OnlyVanillaModels) {
  ExperimentPlan plan = TwoModels({0.01, 0.02});
  plan.models.pop_back();
  EXPECT_EQ(Verdict(Report(plan)),
            "◇ No verdict: there are only vanilla models, nothing to compare with them.");
}

TEST_F(ReportTest, ComputeThatIsNotEqualIsNotJudged) {
  ExperimentPlan plan = TwoModels({0.038, 0.040, 0.042});
  plan.models[1].flops_fwd = 1'177'600;  // 1.15 times
  const std::string text = Report(plan);
  EXPECT_EQ(Verdict(text),
            "◇ No verdict: no model is matched in compute; Hourglass 2@1 6@3 1@1 average/repeat "
            "comes nearest, with +15.0 % of the training FLOPs of vanilla 4@1 (limit 2 %).");
  EXPECT_TRUE(Contains(text, "not judged: compute +15.0 %"));
}

TEST_F(ReportTest, ADivergedRunIsARowAndBlocksTheVerdict) {
  ExperimentPlan plan = TwoModels({-0.038, -0.040, -0.042});
  plan.models[1].lost = {{1, RunStatus::kDiverged}};
  const std::string text = Report(plan);
  EXPECT_EQ(Verdict(text),
            "◇ Not resolved: at equal training compute 1 run of Hourglass 2@1 6@3 1@1 "
            "average/repeat and 0 of vanilla 4@1 did not end ok, and a lost run counts.");
  EXPECT_TRUE(Contains(text, "| 2 ok, 1 diverged |"));
  EXPECT_TRUE(Contains(text, "loss is not a number at step 41"));
}

TEST_F(ReportTest, NothingEndedOk) {
  ExperimentPlan plan = TwoModels({0.01, 0.02});
  plan.models[0].lost = {{0, RunStatus::kDiverged}, {1, RunStatus::kRunning}};
  plan.models[1].lost = {{0, RunStatus::kFailed}, {1, RunStatus::kFailed}};
  EXPECT_EQ(Verdict(Report(plan)),
            "◇ No verdict: none of 4 runs ended ok (1 diverged, 2 failed, 1 running).");
}

TEST_F(ReportTest, AnExperimentWithoutRuns) {
  ExperimentPlan plan;
  EXPECT_EQ(Verdict(Report(plan)), "◇ No verdict: nothing has been run.");
}

TEST_F(ReportTest, AnEmptyDatabaseHasNoReport) {
  { ASSERT_TRUE(results::ResultsStore::Open(database_).ok()); }
  const absl::Status status = WriteReport({database_, "", folder_ / "report"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "the database holds no experiment; run one first");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "report"));
}

TEST_F(ReportTest, UnknownExperimentNamesTheKnownOnes) {
  ASSERT_TRUE(WriteExperiment(database_, TwoModels({0.01})).ok());
  const absl::Status status = WriteReport({database_, "enwik8/table1", folder_ / "report"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no experiment 'enwik8/table1' in the database; it has: quickstart");
}

TEST_F(ReportTest, TheNewestVersionOfASpecIsReported) {
  ExperimentPlan older = TwoModels({0.01, 0.02});
  ExperimentPlan newer = TwoModels({-0.038, -0.040, -0.042});
  newer.steps = 60;
  ASSERT_TRUE(WriteExperiment(database_, newer, 100).ok());
  ASSERT_TRUE(WriteExperiment(database_, older, 1).ok());
  const std::string text = Render("report");
  EXPECT_TRUE(Contains(Verdict(text), "Better"));
  EXPECT_TRUE(Contains(text,
                       "| Other versions of this spec in the database | 1, not part of "
                       "this report |"));
}

TEST_F(ReportTest, WithoutANameTheExperimentRunLastIsReported) {
  ExperimentPlan plan = TwoModels({0.01, 0.02});
  plan.slug = "zebra";
  ASSERT_TRUE(WriteExperiment(database_, plan, 100).ok());
  plan.slug = "ant";
  ASSERT_TRUE(WriteExperiment(database_, plan, 1).ok());
  EXPECT_TRUE(Contains(Render("report"), "# zebra\n"));
}

// --- form ---

TEST_F(ReportTest, MarkdownIsTheGoldenFile) {
  ExperimentPlan plan = TwoModels({0.031, 0.022, 0.034});
  plan.dirty = true;
  plan.models[1].lost = {};
  ModelPlan third = plan.models[1];
  third.label = "1@1 4@3 1@1 attention/attention";
  third.bits = {2.45, 2.44, 2.47};
  third.lost = {{2, RunStatus::kDiverged}};
  third.flops_fwd = 1'010'000;
  plan.models.push_back(third);
  const std::string actual = Report(plan);
  const std::string golden_path = "tests/golden/reports/quickstart.md";
  const auto golden = ReadFile(golden_path);
  if (!golden.ok() || *golden != actual) {
    if (const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) {
      ASSERT_TRUE(WriteFileAtomically(std::string(outputs) + "/quickstart.md", actual).ok());
    }
  }
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(*golden, actual) << "if the change is wanted, copy quickstart.md from "
                                "bazel-testlogs/tests/reports/report_test/test.outputs";
}

TEST_F(ReportTest, TwiceTheSameBytes) {
  ExperimentPlan plan = TwoModels({0.01, 0.02, 0.03});
  plan.validate_often = true;
  Report(plan);
  Render("again");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "report")) {
    ++files;
    const std::string name = entry.path().filename();
    EXPECT_EQ(Read("report", name), Read("again", name)) << name;
  }
  EXPECT_EQ(files, 5) << "two texts and three figures";
}

TEST_F(ReportTest, HtmlStandsAlone) {
  ExperimentPlan plan = TwoModels({0.01, 0.02, 0.03});
  plan.validate_often = true;
  Report(plan);
  std::string html = Read("report", "report.html");
  EXPECT_TRUE(Contains(html, "<html lang=\"en\">"));
  for (const char* element :
       {"<script", "<link", "<img", "<iframe", "@import", "src=", "url(http"}) {
    EXPECT_FALSE(Contains(html, element)) << element;
  }
  // The only addresses are names of XML vocabularies.
  Erase(html, "xmlns=\"http://www.w3.org/2000/svg", "\"");
  EXPECT_FALSE(Contains(html, "http"));
  EXPECT_FALSE(Contains(html, folder_.string())) << "no path of the machine";
}

TEST_F(ReportTest, HtmlIdsAreUniqueAndReferencesResolve) {
  Report(TwoModels({0.01, 0.02, 0.03}));
  const std::string html = Read("report", "report.html");
  std::set<std::string> ids;
  for (const char quote : {'"', '\''}) {
    for (const std::string& id : Between(html, std::string(" id=") + quote, {quote})) {
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
  EXPECT_GT(ids.size(), 50u);
  std::vector<std::string> references = Between(html, "aria-labelledby=\"", "\"");
  for (const char* begin : {"href=\"#", "href='#"}) {
    for (std::string& id : Between(html, begin, begin[5] == '"' ? "\"" : "'")) {
      references.push_back(std::move(id));
    }
  }
  EXPECT_GT(references.size(), 50u);
  for (const std::string& reference : references) {
    std::istringstream words(reference);
    for (std::string word; words >> word;) EXPECT_TRUE(ids.contains(word)) << word;
  }
}

TEST_F(ReportTest, FiguresAreAccessible) {
  Report(TwoModels({0.01, 0.02, 0.03}));
  const std::string html = Read("report", "report.html");
  for (const std::string id : {"seed-differences", "bits-by-flops", "bits-by-time"}) {
    EXPECT_TRUE(Contains(html, "role=\"img\"")) << id;
    EXPECT_TRUE(Contains(html, "aria-labelledby=\"" + id + "-title " + id + "-desc\"")) << id;
    EXPECT_TRUE(Contains(html, "<title id=\"" + id + "-title\">")) << id;
    EXPECT_TRUE(Contains(html, "<desc id=\"" + id + "-desc\">")) << id;
    const std::string svg = Read("report", id + ".svg");
    EXPECT_TRUE(Contains(svg, "<?xml")) << id;
    EXPECT_FALSE(Contains(svg, "var(--")) << id;
  }
  EXPECT_TRUE(Contains(html, "<caption"));
  EXPECT_TRUE(Contains(html, "scope=\"row\""));
  EXPECT_TRUE(Contains(html, "scope=\"col\""));
  EXPECT_FALSE(Contains(html, "QZ")) << "no stand-in is left";
}

TEST_F(ReportTest, HostileTextIsShownNotObeyed) {
  ExperimentPlan plan = TwoModels({0.01, 0.02, 0.03});
  const std::string attack = "</title><script>alert(1)</script>|`{{TITLE}}\"'";
  plan.slug = attack;
  plan.command = attack;
  plan.models[1].label = attack;
  plan.models[1].canonical_json = R"({"<b>key</b>":"<img src=x onerror=alert(1)>"})";
  plan.error = attack;
  ModelPlan lost = plan.models[1];
  lost.label = "'; set output \"x\"; plot sin(x) #";
  lost.lost = {{0, RunStatus::kFailed}};
  plan.models.push_back(lost);
  const std::string markdown = Report(plan);
  const std::string html = Read("report", "report.html");
  EXPECT_FALSE(Contains(html, "<script"));
  EXPECT_FALSE(Contains(html, "<img"));
  EXPECT_FALSE(Contains(html, "<b>key"));
  EXPECT_TRUE(Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_FALSE(Contains(Read("report", "bits-by-flops.svg"), "<script"));
  // Only fenced blocks keep the text as it is.
  std::string outside = markdown;
  Erase(outside, "```", "\n```");
  EXPECT_FALSE(Contains(outside, "<script"));
  EXPECT_FALSE(std::filesystem::exists("x"));
}

TEST_F(ReportTest, ScaledAndDirtyMarksAreInEveryTable) {
  ExperimentPlan plan = TwoModels({0.01, 0.02, 0.03});
  plan.dirty = true;
  Report(plan);
  const std::string html = Read("report", "report.html");
  const std::vector<std::string> captions = Between(html, "<caption", "</caption>");
  for (const std::string& caption : captions) {
    EXPECT_TRUE(Contains(caption, "scaled down")) << caption;
    EXPECT_TRUE(Contains(caption, "uncommitted changes")) << caption;
  }
  EXPECT_GE(captions.size(), 10u);
}

TEST_F(ReportTest, AFullRunCarriesNoMark) {
  ExperimentPlan plan = TwoModels({0.01, 0.02, 0.03});
  plan.scope = results::Scope::kFull;
  Report(plan);
  EXPECT_FALSE(Contains(Read("report", "report.html"), "class=\"mark\""));
}

TEST_F(ReportTest, BadDatabasesAreRefused) {
  EXPECT_EQ(WriteReport({database_, "", folder_ / "report"}).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(database_, std::string(4096, 'x')).ok());
  EXPECT_EQ(WriteReport({database_, "", folder_ / "report"}).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "report"));
}

TEST_F(ReportTest, AMissingGnuplotIsNamed) {
  ASSERT_TRUE(WriteExperiment(database_, TwoModels({0.01, 0.02})).ok());
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  const absl::Status status = WriteReport({database_, "", folder_ / "report"});
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(Contains(std::string(status.message()), "apt-get install gnuplot-nox")) << status;
}

}  // namespace
}  // namespace hourglass::reports
