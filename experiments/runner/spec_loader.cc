#include "experiments/runner/spec_loader.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "experiments/data_sets/data_set.h"
#include "experiments/runner/exit_codes.h"
#include "experiments/specs/builtin_specs.h"
#include "hourglass/base/file.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return absl::StrJoin(names, ", ");
}

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

absl::Status BadValue(const std::string& path, const std::string& value, const char* wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("--set ", path, ": \"", value, "\" is not ", wanted));
}

// Sets a field, or adds to it if it is repeated.
absl::Status SetScalar(Message& message, const FieldDescriptor& field, const std::string& path,
                       const std::string& value) {
  const Reflection& reflection = *message.GetReflection();
  const bool add = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(value, &number)) return BadValue(path, value, "an integer");
      add ? reflection.AddInt64(&message, &field, number)
          : reflection.SetInt64(&message, &field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t number = 0;
      if (!absl::SimpleAtoi(value, &number)) return BadValue(path, value, "an integer");
      add ? reflection.AddInt32(&message, &field, number)
          : reflection.SetInt32(&message, &field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double number = 0;
      if (!absl::SimpleAtod(value, &number)) return BadValue(path, value, "a number");
      add ? reflection.AddDouble(&message, &field, number)
          : reflection.SetDouble(&message, &field, number);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING:
      add ? reflection.AddString(&message, &field, value)
          : reflection.SetString(&message, &field, value);
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "--set ", path, ": a group of fields; set one of: ", FieldNames(*field.message_type())));
  }
}

absl::Status SetList(Message& message, const FieldDescriptor& field, const std::string& path,
                     const std::string& values) {
  message.GetReflection()->ClearField(&message, &field);
  const std::vector<std::string> parts = absl::StrSplit(values, ',', absl::SkipEmpty());
  for (const std::string& value : parts) {
    HG_RETURN_IF_ERROR(SetScalar(message, field, path, value));
  }
  return absl::OkStatus();
}

struct PathStep {
  std::string name;
  int index = -1;  // of "name[index]"
};

absl::StatusOr<PathStep> ParseStep(const std::string& text, const std::string& path) {
  const size_t open = text.find('[');
  if (open == std::string::npos) return PathStep{text, -1};
  PathStep step{text.substr(0, open), -1};
  if (text.back() != ']' ||
      !absl::SimpleAtoi(text.substr(open + 1, text.size() - open - 2), &step.index) ||
      step.index < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", path, ": \"", text, "\" is not name[number]"));
  }
  return step;
}

absl::Status SetByPath(Message& message, std::span<const std::string> steps,
                       const std::string& path, const std::string& value) {
  HG_ASSIGN_OR_RETURN(const PathStep step, ParseStep(steps.front(), path));
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(step.name);
  if (field == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", path, ": no field \"", step.name,
                     "\"; there are: ", FieldNames(*message.GetDescriptor())));
  }
  const Reflection& reflection = *message.GetReflection();
  const bool is_list =
      field->is_repeated() && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
  if (is_list && steps.size() == 1 && step.index < 0) {
    return SetList(message, *field, path, value);
  }
  if (field->is_repeated()) {
    const int size = reflection.FieldSize(message, field);
    if (step.index < 0 || step.index >= size) {
      return absl::InvalidArgumentError(absl::StrCat("--set ", path, ": \"", step.name, "\" has ",
                                                     size, " entries; write ", step.name,
                                                     "[0] for the first"));
    }
    if (steps.size() == 1 || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      return absl::InvalidArgumentError(
          absl::StrCat("--set ", path, ": names a whole entry; set one of its fields"));
    }
    return SetByPath(*reflection.MutableRepeatedMessage(&message, field, step.index),
                     steps.subspan(1), path, value);
  }
  if (steps.size() == 1) return SetScalar(message, *field, path, value);
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || step.index >= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", path, ": \"", step.name, "\" has no fields of its own"));
  }
  return SetByPath(*reflection.MutableMessage(&message, field), steps.subspan(1), path, value);
}

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

// Collects what is wrong with a resolved spec; the first complaint is the one reported.
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
  void OneOf(const char* field, const std::string& value, std::vector<std::string> words) {
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

void DescribeMessage(const Descriptor& type, const std::string& prefix, std::string& out) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool is_group = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const bool is_list = field.is_repeated() && !is_group;
    const std::string path =
        absl::StrCat(prefix, field.name(), field.is_repeated() && is_group ? "[i]" : "");
    if (!is_group) {
      absl::StrAppend(&out, path, "  ", field.type_name(), is_list ? ", comma-separated" : "",
                      "\n");
    } else if (field.name() != "profiles") {
      DescribeMessage(*field.message_type(), path + ".", out);
    }
  }
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

absl::Status SetField(specs::Experiment& spec, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return UsageError(absl::StrCat("--set ", std::string(assignment),
                                   ": write FIELD=VALUE, such as model.d_model=256"));
  }
  const std::string path(assignment.substr(0, equals)), value(assignment.substr(equals + 1));
  const std::vector<std::string> steps = absl::StrSplit(path, '.');
  return SetByPath(spec, steps, path, value);
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
  HG_RETURN_IF_ERROR(Checker(spec).Check());
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

std::string DescribeFields() {
  std::string out;
  DescribeMessage(*specs::Experiment::descriptor(), "", out);
  return out;
}

}  // namespace hourglass
