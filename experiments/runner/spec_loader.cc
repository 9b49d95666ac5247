#include "experiments/runner/spec_loader.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/runner/spec_check.h"
#include "experiments/runner/spec_fields.h"
#include "experiments/specs/builtin_specs.h"
#include "hourglass/base/file.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// "Message type \"T\" has no field named ..." -> the fields of T; empty for other messages.
std::string FieldsHint(const std::string& message) {
  constexpr char kStart[] = "Message type \"";
  if (!absl::StartsWith(message, kStart)) return "";
  const size_t begin = sizeof(kStart) - 1, end = message.find('"', begin);
  const Descriptor* type = specs::Experiment::descriptor()->file()->pool()->FindMessageTypeByName(
      message.substr(begin, end - begin));
  return type == nullptr ? "" : absl::StrCat(" Fields: ", FieldNames(*type), ".");
}

class FirstErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstErrors(std::string file) : file_(std::move(file)) {}
  void AddError(int line, int column, const std::string& message) override {
    if (errors_.size() == 3) return;
    // The parser counts from 0, editors from 1.
    errors_.push_back(
        absl::StrCat(file_, ":", line + 1, ":", column + 1, ": ", message, FieldsHint(message)));
  }
  absl::Status status() const { return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n")); }

 private:
  std::string file_;
  std::vector<std::string> errors_;
};

// `steps` and `budgets` say the same thing: what is set later takes the place of both.
void MergeTraining(const specs::Training& from, specs::Training& into) {
  if (from.has_steps() || from.budgets_size() > 0) {
    into.clear_steps();
    into.clear_budgets();
  }
  into.MergeFrom(from);
}

absl::Status ApplyProfile(specs::Experiment& spec, const std::string& wanted) {
  if (spec.profiles().empty()) {
    if (wanted.empty()) return absl::OkStatus();
    return UsageError(absl::StrCat(spec.name(), " has no profiles, so no \"", wanted, "\""));
  }
  std::vector<std::string> names;
  for (const specs::Profile& profile : spec.profiles()) {
    names.push_back(profile.name());
    if (!wanted.empty() && profile.name() != wanted) continue;
    spec.set_profile(profile.name());
    spec.set_scope(profile.scope());
    spec.mutable_model()->MergeFrom(profile.model());
    spec.mutable_data()->MergeFrom(profile.data());
    MergeTraining(profile.training(), *spec.mutable_training());
    spec.mutable_evaluation()->MergeFrom(profile.evaluation());
    if (profile.has_test()) spec.mutable_test()->MergeFrom(profile.test());
    if (profile.has_match()) spec.mutable_match()->MergeFrom(profile.match());
    if (profile.has_replicas()) spec.set_replicas(profile.replicas());
    if (profile.cells().empty()) return absl::OkStatus();
    google::protobuf::RepeatedPtrField<specs::Cell> kept;
    for (const std::string& label : profile.cells()) {
      for (const specs::Cell& cell : spec.cells()) {
        if (cell.label() == label) *kept.Add() = cell;
      }
    }
    if (kept.size() != profile.cells_size()) {
      return absl::InvalidArgumentError(absl::StrCat(spec.name(), ": profile \"", profile.name(),
                                                     "\" names a cell that is not there"));
    }
    spec.mutable_cells()->Swap(&kept);
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat(spec.name(), ": no profile \"", wanted,
                                 "\"; there are: ", absl::StrJoin(names, ", ")));
}

// One way to write the same thing, so that equal experiments have equal texts.
void OrderBudgets(specs::Training& training) {
  std::sort(training.mutable_budgets()->begin(), training.mutable_budgets()->end());
  if (training.budgets_size() != 1 || training.has_steps()) return;
  training.set_steps(training.budgets(0));
  training.clear_budgets();
}

void FillDefaults(const specs::Training& training, specs::Evaluation& evaluation) {
  if (evaluation.length() == 0) evaluation.set_length(training.length());
  if (evaluation.batch() == 0) evaluation.set_batch(training.batch());
  if (!evaluation.has_max_windows()) evaluation.set_max_windows(0);
}

void FillDefaults(specs::Experiment& spec) {
  if (!spec.has_scope()) spec.set_scope("scaled");
  if (!spec.has_replicas()) spec.set_replicas(1);
  if (!spec.has_backend()) spec.set_backend("onednn");
  if (!spec.data().has_window_stride()) spec.mutable_data()->set_window_stride(1);
  specs::Training& training = *spec.mutable_training();
  if (!training.has_micro_batches()) training.set_micro_batches(1);
  if (!training.has_clip_norm()) training.set_clip_norm(0);
  if (!training.has_dtype()) training.set_dtype("f32");
  if (!training.has_log_every()) training.set_log_every(1);
  if (!training.has_warmup_steps()) training.set_warmup_steps(0);
  if (!training.has_cycle_steps()) training.set_cycle_steps(0);
  OrderBudgets(training);
  if (!spec.evaluation().has_every_steps()) spec.mutable_evaluation()->set_every_steps(0);
  FillDefaults(training, *spec.mutable_evaluation());
  if (spec.has_test()) FillDefaults(training, *spec.mutable_test());
  for (specs::Cell& cell : *spec.mutable_cells()) {
    if (!cell.has_family()) {
      const bool vanilla = !absl::StrContains(cell.model().hierarchy(), " ");
      cell.set_family(vanilla ? "vanilla" : "hourglass");
    }
    if (!cell.has_label()) cell.set_label(ModelOf(spec, cell).Label());
  }
}

// A field of `model` that every cell sets for itself would change nothing.
absl::Status CheckHasEffect(const specs::Experiment& spec, const std::string& path) {
  const std::vector<std::string> steps = absl::StrSplit(path, '.');
  if (steps.size() != 2 || steps[0] != "model" || spec.cells().empty()) return absl::OkStatus();
  const FieldDescriptor* field = specs::Model::descriptor()->FindFieldByName(steps[1]);
  const auto sets_it = [&](const specs::Cell& cell) {
    return cell.model().GetReflection()->HasField(cell.model(), field);
  };
  if (!std::all_of(spec.cells().begin(), spec.cells().end(), sets_it)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--set ", path, " has no effect: every cell of ",
                                                 spec.name(), " has its own; set cells[0].", path,
                                                 ", cells[1].", path, ", ..."));
}

}  // namespace

absl::StatusOr<specs::Experiment> ParseSpec(std::string_view text, const std::string& file) {
  FirstErrors errors(file);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  specs::Experiment spec;
  if (!parser.ParseFromString(std::string(text), &spec)) return errors.status();
  return spec;
}

absl::StatusOr<specs::Experiment> LoadSpec(const std::string& name_or_path) {
  std::vector<std::string> names;
  for (const BuiltinSpec& spec : BuiltinSpecs()) {
    if (spec.name == name_or_path) return ParseSpec(spec.text, std::string(spec.file));
    names.emplace_back(spec.name);
  }
  if (!absl::EndsWith(name_or_path, ".textproto")) {
    return UsageError(absl::StrCat("no experiment \"", name_or_path,
                                   "\"; there are: ", absl::StrJoin(names, ", "),
                                   "; or give the path of a .textproto file"));
  }
  HG_ASSIGN_OR_RETURN(const std::string text, ReadFile(name_or_path));
  return ParseSpec(text, name_or_path);
}

absl::StatusOr<specs::Experiment> ResolveSpec(specs::Experiment spec, const std::string& profile,
                                              std::span<const std::string> assignments) {
  HG_RETURN_IF_ERROR(ApplyProfile(spec, profile));
  spec.clear_profiles();
  for (const std::string& assignment : assignments) {
    // What an assignment says of the budget replaces what was there, as in a profile.
    if (absl::StartsWith(assignment, "training.budgets=")) spec.mutable_training()->clear_steps();
    if (absl::StartsWith(assignment, "training.steps=")) spec.mutable_training()->clear_budgets();
    HG_RETURN_IF_ERROR(SetField(spec, assignment));
    HG_RETURN_IF_ERROR(CheckHasEffect(spec, assignment.substr(0, assignment.find('='))));
  }
  FillDefaults(spec);
  HG_RETURN_IF_ERROR(CheckSpec(spec));
  return spec;
}

std::string CanonicalText(const specs::Experiment& spec) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(spec, &text);
  return text;
}

std::vector<int64_t> BudgetsOf(const specs::Experiment& spec) {
  const specs::Training& training = spec.training();
  if (training.budgets().empty()) return {training.steps()};
  return {training.budgets().begin(), training.budgets().end()};
}

ModelConfig ModelOf(const specs::Experiment& spec, const specs::Cell& cell) {
  specs::Model model = spec.model();
  model.MergeFrom(cell.model());
  ModelConfig config;
  if (model.has_vocab_size()) config.vocab_size = model.vocab_size();
  if (model.has_d_model()) config.d_model = model.d_model();
  if (model.has_d_ff()) config.d_ff = model.d_ff();
  if (model.has_n_heads()) config.n_heads = model.n_heads();
  if (model.has_hierarchy()) config.hierarchy = model.hierarchy();
  if (model.has_vanilla_attention()) config.vanilla_attention = model.vanilla_attention();
  if (model.has_middle_attention()) config.middle_attention = model.middle_attention();
  if (model.has_shortening()) config.shortening = model.shortening();
  if (model.has_shortening_query()) config.shortening_query = model.shortening_query();
  if (model.has_upsampling()) config.upsampling = model.upsampling();
  if (model.has_upsampling_query()) config.upsampling_query = model.upsampling_query();
  if (model.has_mask_id()) config.mask_id = model.mask_id();
  if (model.has_dropout()) config.dropout = model.dropout();
  return config;
}

int64_t LengthOf(const specs::Experiment& spec, const specs::Cell& cell) {
  return cell.has_length() ? cell.length() : spec.training().length();
}

int64_t LongestOf(const specs::Experiment& spec) {
  int64_t longest = 0;
  for (const specs::Cell& cell : spec.cells()) longest = std::max(longest, LengthOf(spec, cell));
  return longest;
}

}  // namespace hourglass
