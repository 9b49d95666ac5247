#include "experiments/runner/spec_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <span>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

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
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool truth = false;
      if (!absl::SimpleAtob(value, &truth)) return BadValue(path, value, "true or false");
      add ? reflection.AddBool(&message, &field, truth)
          : reflection.SetBool(&message, &field, truth);
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

std::string FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return absl::StrJoin(names, ", ");
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

std::string DescribeFields() {
  std::string out;
  DescribeMessage(*specs::Experiment::descriptor(), "", out);
  return out;
}

}  // namespace hourglass
