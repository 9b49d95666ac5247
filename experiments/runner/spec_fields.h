#pragma once
// The fields of a spec by their paths: what `--set` changes.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "experiments/specs/spec.pb.h"

namespace hourglass {

// Sets one field by its path: "model.d_model=256", "cells[1].model.hierarchy=4@1"; a list of values
// as a whole: "training.budgets=500,2000". InvalidArgument: an unknown path (with the fields there
// are), a value of the wrong type (with the type wanted).
absl::Status SetField(specs::Experiment& spec, std::string_view assignment);

// Every field path with its type, one a line: the reference of `--set`.
std::string DescribeFields();

// The names of the fields of a message: "batch, length, ...".
std::string FieldNames(const google::protobuf::Descriptor& type);

}  // namespace hourglass
