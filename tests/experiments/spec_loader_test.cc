// Specs: errors that name the place, overrides by field path, profiles, the text that is stored.
#include "experiments/runner/spec_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/runner/exit_codes.h"
#include "experiments/runner/spec_fields.h"
#include "experiments/specs/builtin_specs.h"

namespace hourglass {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

constexpr char kSmall[] = R"(name: "small"
data { corpus: "synthetic" }
model { d_model: 16 d_ff: 32 n_heads: 2 }
training { batch: 4 length: 24 steps: 10 schedule: "constant" peak_rate: 1e-3 warmup_steps: 2 }
cells { model { hierarchy: "2@1" } }
cells { label: "second" model { hierarchy: "1@1 1@2 1@1" d_model: 32 } }
profiles { name: "full" scope: "full" }
profiles { name: "tiny" scope: "smoke" training { steps: 2 } replicas: 3 cells: "second" }
)";

specs::Experiment Small() { return ParseSpec(kSmall, "small.textproto").value(); }

absl::StatusOr<specs::Experiment> Resolve(const std::vector<std::string>& assignments,
                                          const std::string& profile = "") {
  return ResolveSpec(Small(), profile, assignments);
}

TEST(ResolveSpecTest, AnOverrideThatNoCellWouldUseIsRefused) {
  const auto spec = Resolve({"model.hierarchy=6@1"});
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(ExitCodeFor(spec.status()), kExitBadConfiguration);
  EXPECT_EQ(MessageOf(spec.status()),
            "--set model.hierarchy has no effect: every cell of small has its own; set "
            "cells[0].model.hierarchy, cells[1].model.hierarchy, ...");
  // One cell of two has a width of its own: the other takes this one.
  EXPECT_TRUE(Resolve({"model.d_model=64"}).ok());
  // Of the profile's single cell it is the only one.
  EXPECT_FALSE(Resolve({"model.d_model=64"}, "tiny").ok());
}

TEST(ParseSpecTest, UnknownFieldNamesFileLineColumnAndTheFieldsThereAre) {
  const auto spec = ParseSpec("name: \"x\"\nmodel {\n  d_modle: 5\n}\n", "dir/x.textproto");
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(ExitCodeFor(spec.status()), kExitBadConfiguration);
  // Line 3; the parser points at the name it does not know or just behind it.
  EXPECT_THAT(MessageOf(spec.status()),
              AllOf(StartsWith("dir/x.textproto:3:"), HasSubstr("d_modle"),
                    HasSubstr("Fields: vocab_size, d_model, d_ff")));
}

TEST(ParseSpecTest, SyntaxErrorAndWrongTypeNameTheirPlace) {
  EXPECT_THAT(MessageOf(ParseSpec("name: \"x\"\n  training { steps: }\n", "f").status()),
              StartsWith("f:2:21: "));
  EXPECT_THAT(MessageOf(ParseSpec("training {\n steps: \"ten\" }", "f").status()),
              StartsWith("f:2:9: "));
  EXPECT_THAT(MessageOf(ParseSpec("training { steps: 1", "f").status()), StartsWith("f:1:"));
}

TEST(LoadSpecTest, UnknownNameIsAUsageErrorThatListsTheBuiltInOnes) {
  const auto spec = LoadSpec("enwik8/table9");
  EXPECT_EQ(ExitCodeFor(spec.status()), kExitUsage);
  EXPECT_THAT(MessageOf(spec.status()),
              AllOf(HasSubstr("enwik8/table9"), HasSubstr("enwik8/table1, quickstart")));
}

TEST(LoadSpecTest, MissingFileIsMissingData) {
  EXPECT_EQ(ExitCodeFor(LoadSpec("/nonexistent/a.textproto").status()), kExitMissingData);
}

TEST(LoadSpecTest, EveryBuiltInSpecResolvesInEveryProfileAndKeepsItsName) {
  ASSERT_EQ(BuiltinSpecs().size(), 4u);
  for (const BuiltinSpec& builtin : BuiltinSpecs()) {
    const auto spec = LoadSpec(std::string(builtin.name));
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->name(), builtin.name);
    ASSERT_GT(spec->profiles_size(), 0);
    for (const specs::Profile& profile : spec->profiles()) {
      const auto resolved = ResolveSpec(*spec, profile.name(), {});
      EXPECT_TRUE(resolved.ok()) << profile.name() << ": " << resolved.status();
    }
  }
}

TEST(SetFieldTest, SetsEveryKindOfField) {
  const auto spec = Resolve({"model.d_model=256", "training.peak_rate=4e-4", "name=other",
                             "cells[1].model.hierarchy=3@1", "model.mask_id=0"});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->model().d_model(), 256);
  EXPECT_EQ(spec->training().peak_rate(), 4e-4);
  EXPECT_EQ(spec->name(), "other");
  EXPECT_EQ(spec->cells(1).model().hierarchy(), "3@1");
  EXPECT_EQ(spec->model().mask_id(), 0);
}

TEST(SetFieldTest, UnknownPathListsTheFieldsThereAre) {
  EXPECT_EQ(MessageOf(Resolve({"data.file=x"}).status()),
            "--set data.file: no field \"file\"; there are: corpus, path, window_stride");
  EXPECT_THAT(MessageOf(Resolve({"modle.d_model=1"}).status()),
              StartsWith("--set modle.d_model: no field \"modle\"; there are: name, title, "));
}

TEST(SetFieldTest, BadValueSaysTheWantedType) {
  EXPECT_EQ(MessageOf(Resolve({"model.d_model=wide"}).status()),
            "--set model.d_model: \"wide\" is not an integer");
  EXPECT_EQ(MessageOf(Resolve({"model.d_model=2.5"}).status()),
            "--set model.d_model: \"2.5\" is not an integer");
  EXPECT_EQ(MessageOf(Resolve({"training.peak_rate=fast"}).status()),
            "--set training.peak_rate: \"fast\" is not a number");
  EXPECT_EQ(MessageOf(Resolve({"training.time_parts=often"}).status()),
            "--set training.time_parts: \"often\" is not true or false");
  EXPECT_TRUE(Resolve({"training.time_parts=true"})->training().time_parts());
  EXPECT_THAT(MessageOf(Resolve({"model=1"}).status()),
              StartsWith("--set model: a group of fields; set one of: vocab_size, "));
  EXPECT_EQ(MessageOf(Resolve({"cells[7].label=x"}).status()),
            "--set cells[7].label: \"cells\" has 2 entries; write cells[0] for the first");
  EXPECT_EQ(MessageOf(Resolve({"name.x=1"}).status()),
            "--set name.x: \"name\" has no fields of its own");
  EXPECT_EQ(ExitCodeFor(Resolve({"model.d_model"}).status()), kExitUsage);
}

TEST(ResolveSpecTest, TheFirstProfileIsTheDefault) {
  const auto spec = Resolve({});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->profile(), "full");
  EXPECT_EQ(spec->scope(), "full");
  EXPECT_EQ(spec->cells_size(), 2);
  EXPECT_EQ(spec->profiles_size(), 0);
}

TEST(ResolveSpecTest, AProfileReplacesFieldsAndChoosesCells) {
  const auto spec = Resolve({"training.length=12"}, "tiny");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->training().steps(), 2);
  EXPECT_EQ(spec->training().length(), 12);
  EXPECT_EQ(spec->training().batch(), 4);
  EXPECT_EQ(spec->replicas(), 3);
  ASSERT_EQ(spec->cells_size(), 1);
  EXPECT_EQ(spec->cells(0).label(), "second");
  EXPECT_EQ(ExitCodeFor(Resolve({}, "huge").status()), kExitUsage);
  EXPECT_THAT(MessageOf(Resolve({}, "huge").status()), EndsWith("there are: full, tiny"));
}

TEST(ResolveSpecTest, ACellsOwnFieldsWinOverTheExperiment) {
  const auto spec = Resolve({"model.d_model=64"});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(ModelOf(*spec, spec->cells(0)).d_model, 64);
  EXPECT_EQ(ModelOf(*spec, spec->cells(1)).d_model, 32);
  EXPECT_EQ(ModelOf(*spec, spec->cells(1)).d_ff, 32);
}

TEST(ResolveSpecTest, ACellMayHaveALengthOfItsOwn) {
  const auto spec = Resolve({"training.length=12", "cells[1].length=40"});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(LengthOf(*spec, spec->cells(0)), 12);
  EXPECT_EQ(LengthOf(*spec, spec->cells(1)), 40);
  EXPECT_EQ(LongestOf(*spec), 40);
  EXPECT_THAT(MessageOf(Resolve({"cells[1].length=0"}).status()),
              HasSubstr(".length: 0, but at least 1 is needed"));
  EXPECT_THAT(
      MessageOf(
          Resolve({"cells[1].length=40", "match.reference=2@1", "match.tolerance=0.1"}).status()),
      HasSubstr("match: compares cells of one length"));
}

TEST(ResolveSpecTest, FillsInFamilyLabelAndEvaluation) {
  const auto spec = Resolve({});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->cells(0).family(), "vanilla");
  EXPECT_EQ(spec->cells(0).label(), "2@1");
  EXPECT_EQ(spec->cells(1).family(), "hourglass");
  EXPECT_EQ(spec->evaluation().length(), 24);
  EXPECT_EQ(spec->evaluation().batch(), 4);
}

TEST(ResolveSpecTest, RefusesWhatCannotBe) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"training.steps=0", "training.steps: 0, but at least 1 is needed"},
      {"training.micro_batches=3", "is not divisible by micro_batches = 3"},
      {"training.schedule=linear", "is not one of constant, warmup_cosine"},
      {"training.schedule=warmup_cosine", "0 would let warmup_cosine start again"},
      {"training.budgets=20,0", "training.budgets: 0, but at least 1 is needed"},
      {"training.budgets=20,20", "training.budgets: 20 is there twice"},
      {"training.budgets=20,many", "\"many\" is not an integer"},
      {"evaluation.step=6", "set test.step"},
      {"test.step=25", "test.step: 25 is more than its length, 24"},
      {"test.max_windows=-1", "test.max_windows: -1, but at least 0 is needed"},
      {"test.every_steps=2", "scored once, after the last step"},
      {"training.peak_rate=-1", "training.peak_rate: must be above 0"},
      {"training.dtype=f64", "f64 needs backend: \"reference\""},
      {"training.memory_limit=much", "training.memory_limit: \"much\" is no size of memory"},
      {"backend=tpu", "\"tpu\" is not one of onednn, reference"},
      {"data.corpus=enwik9", "\"enwik9\" is not one of enwik8"},
      {"cells[1].label=2@1", "two are labelled \"2@1\""},
      {"match.reference=nobody", "match.reference: no cell \"nobody\""},
      {"cells[0].model.hierarchy=2@1 1@2", "cell \"2@1 1@2\""},
      {"model.n_heads=3", "n_heads"}};
  for (const auto& [assignment, message] : cases) {
    const auto spec = Resolve({assignment});
    EXPECT_EQ(ExitCodeFor(spec.status()), kExitBadConfiguration) << assignment;
    EXPECT_THAT(MessageOf(spec.status()), HasSubstr(message)) << assignment;
  }
}

TEST(ResolveSpecTest, OfStepsAndBudgetsTheOneSetLastCounts) {
  using Budgets = std::vector<int64_t>;
  EXPECT_EQ(BudgetsOf(*Resolve({})), Budgets{10});
  const auto several = Resolve({"training.budgets=80,20"});
  ASSERT_TRUE(several.ok()) << several.status();
  EXPECT_EQ(BudgetsOf(*several), (Budgets{20, 80}));
  EXPECT_FALSE(several->training().has_steps());
  EXPECT_EQ(BudgetsOf(*Resolve({"training.budgets=80,20", "training.steps=7"})), Budgets{7});
  EXPECT_EQ(BudgetsOf(*Resolve({"training.steps=7", "training.budgets=80,20"})), (Budgets{20, 80}));
  // A profile's steps replace budgets of the experiment, and its budgets replace both.
  specs::Experiment spec = Small();
  spec.mutable_training()->clear_steps();
  spec.mutable_training()->add_budgets(80);
  spec.mutable_training()->add_budgets(20);
  EXPECT_EQ(BudgetsOf(*ResolveSpec(spec, "full", {})), (Budgets{20, 80}));
  EXPECT_EQ(BudgetsOf(*ResolveSpec(spec, "tiny", {})), Budgets{2});
  spec.mutable_profiles(0)->mutable_training()->add_budgets(5);
  EXPECT_EQ(BudgetsOf(*ResolveSpec(spec, "full", {})), Budgets{5});
  spec.mutable_training()->set_steps(3);
  EXPECT_EQ(BudgetsOf(*ResolveSpec(spec, "full", {})), Budgets{5});
  EXPECT_THAT(MessageOf(ResolveSpec(spec, "none of these", {}).status()), HasSubstr("no profile"));
  spec.clear_profiles();
  EXPECT_THAT(MessageOf(ResolveSpec(spec, "", {}).status()),
              HasSubstr("both steps and budgets; write one of them"));
}

TEST(ResolveSpecTest, APlannedAttentionKindIsUnavailable) {
  EXPECT_EQ(ExitCodeFor(Resolve({"model.vanilla_attention=lsh"}).status()), kExitUnavailable);
}

TEST(CanonicalTextTest, ReadsBackToTheSameExperiment) {
  const auto spec = Resolve({"title=caf\xc3\xa9 \"quoted\""});
  ASSERT_TRUE(spec.ok()) << spec.status();
  const std::string text = CanonicalText(*spec);
  const auto again = ParseSpec(text, "stored");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(CanonicalText(*again), text);
  EXPECT_EQ(again->title(), spec->title());
}

TEST(DescribeFieldsTest, HasEveryLevel) {
  const std::string fields = DescribeFields();
  EXPECT_THAT(fields, HasSubstr("model.d_model  int64\n"));
  EXPECT_THAT(fields, HasSubstr("cells[i].model.hierarchy  string\n"));
  EXPECT_THAT(fields, HasSubstr("training.peak_rate  double\n"));
}

}  // namespace
}  // namespace hourglass
