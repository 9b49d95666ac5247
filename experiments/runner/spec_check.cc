#include "experiments/runner/spec_check.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/runner/memory_size.h"
#include "experiments/runner/spec_loader.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

class Checker {
 public:
  explicit Checker(const specs::Experiment& spec) : spec_(spec) {}

  absl::Status Check() {
    CheckTraining();
    CheckEvaluation();
    OneOf("scope", spec_.scope(), {"full", "scaled", "smoke"});
    OneOf("backend", spec_.backend(), {"onednn", "reference"});
    OneOf("data.corpus", spec_.data().corpus(), CorpusNames());
    AtLeast("data.window_stride", spec_.data().window_stride(), 1);
    AtLeast("replicas", spec_.replicas(), 1);
    if (spec_.name().empty()) Complain("name: missing");
    if (spec_.cells().empty()) Complain("cells: there are none");
    if (!status_.ok()) return status_;
    HG_RETURN_IF_ERROR(CheckCells());
    return status_;
  }

 private:
  void Complain(const std::string& problem) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat("spec ", spec_.name(), ": ", problem));
    }
  }
  void AtLeast(const std::string& field, int64_t value, int64_t least) {
    if (value < least) {
      Complain(absl::StrCat(field, ": ", value, ", but at least ", least, " is needed"));
    }
  }
  void OneOf(const char* field, const std::string& value, const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      if (value == word) return;
    }
    Complain(absl::StrCat(field, ": \"", value, "\" is not one of ", absl::StrJoin(words, ", ")));
  }
  void CheckTraining() {
    const specs::Training& training = spec_.training();
    AtLeast("training.batch", training.batch(), 1);
    AtLeast("training.length", training.length(), 1);
    CheckBudgets();
    AtLeast("training.micro_batches", training.micro_batches(), 1);
    AtLeast("training.warmup_steps", training.warmup_steps(), 0);
    AtLeast("training.cycle_steps", training.cycle_steps(), 0);
    AtLeast("training.log_every", training.log_every(), 1);
    if (training.schedule() == "warmup_cosine" && training.cycle_steps() == 0) {
      Complain(
          "training.cycle_steps: 0 would let warmup_cosine start again at the last step; set "
          "it, or take warmup_cosine_once");
    }
    if (training.micro_batches() > 0 && training.batch() % training.micro_batches() != 0) {
      Complain(absl::StrCat("training.batch: ", training.batch(),
                            " is not divisible by micro_batches = ", training.micro_batches()));
    }
    if (!(training.peak_rate() > 0)) Complain("training.peak_rate: must be above 0");
    if (!(training.clip_norm() >= 0)) Complain("training.clip_norm: must not be negative");
    OneOf("training.schedule", training.schedule(),
          {"constant", "warmup_cosine", "warmup_cosine_once", "warmup_rsqrt"});
    OneOf("training.dtype", training.dtype(), {"f32", "bf16", "f64"});
    if (training.has_memory_limit()) {
      const auto limit = ParseMemorySize(training.memory_limit());
      if (!limit.ok()) {
        Complain(absl::StrCat("training.memory_limit: ", std::string(limit.status().message())));
      }
    }
    if (training.dtype() == "f64" && spec_.backend() != "reference") {
      Complain("training.dtype: f64 needs backend: \"reference\"");
    }
  }
  void CheckBudgets() {
    const specs::Training& training = spec_.training();
    if (training.budgets().empty()) return AtLeast("training.steps", training.steps(), 1);
    if (training.has_steps()) Complain("training: has both steps and budgets; write one of them");
    int64_t last = 0;
    for (const int64_t budget : training.budgets()) {
      AtLeast("training.budgets", budget, 1);
      if (budget == last) Complain(absl::StrCat("training.budgets: ", budget, " is there twice"));
      last = budget;
    }
  }
  void CheckEvaluation() {
    AtLeast("evaluation.every_steps", spec_.evaluation().every_steps(), 0);
    CheckWindows("evaluation", spec_.evaluation());
    if (spec_.evaluation().step() != 0) {
      Complain("evaluation.step: validation is by windows that do not overlap; set test.step");
    }
    if (!spec_.has_test()) return;
    CheckWindows("test", spec_.test());
    if (spec_.test().has_every_steps()) {
      Complain("test.every_steps: the test part is scored once, after the last step");
    }
  }
  void CheckWindows(const std::string& name, const specs::Evaluation& evaluation) {
    AtLeast(name + ".length", evaluation.length(), 1);
    AtLeast(name + ".batch", evaluation.batch(), 1);
    AtLeast(name + ".max_windows", evaluation.max_windows(), 0);
    AtLeast(name + ".step", evaluation.step(), 0);
    if (evaluation.step() > evaluation.length()) {
      Complain(absl::StrCat(name, ".step: ", evaluation.step(), " is more than its length, ",
                            evaluation.length()));
    }
  }
  absl::Status CheckCells() {
    std::set<std::string> labels;
    for (const specs::Cell& cell : spec_.cells()) {
      if (!labels.insert(cell.label()).second) {
        Complain(absl::StrCat("cells: two are labelled \"", cell.label(), "\""));
      }
      if (cell.has_length()) {
        AtLeast(absl::StrCat("cell \"", cell.label(), "\".length"), cell.length(), 1);
        if (spec_.has_match()) {
          Complain("match: compares cells of one length, but one of them has its own");
        }
      }
      if (absl::Status status = ModelOf(spec_, cell).Validate(); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat("spec ", spec_.name(), ", cell \"",
                                                        cell.label(), "\": ", status.message()));
      }
    }
    if (spec_.has_match()) {
      if (!labels.count(spec_.match().reference())) {
        Complain(absl::StrCat("match.reference: no cell \"", spec_.match().reference(), "\""));
      }
      if (!(spec_.match().tolerance() > 0)) Complain("match.tolerance: must be above 0");
    }
    return status_;
  }

  const specs::Experiment& spec_;
  absl::Status status_;
};

}  // namespace

absl::Status CheckSpec(const specs::Experiment& spec) { return Checker(spec).Check(); }

}  // namespace hourglass
