#pragma once

#include "absl/status/status.h"
#include "experiments/specs/spec.pb.h"

namespace hourglass {

// InvalidArgument, naming the field and what is wrong with it, unless every field of a resolved
// experiment and every cell's model can be. The first complaint is the one reported.
absl::Status CheckSpec(const specs::Experiment& spec);

}  // namespace hourglass
