#pragma once
// Floating tensors between backend memory and doubles, whatever their dtype.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "hourglass/runtime/program.h"
#include "hourglass/runtime/state.h"

namespace hourglass {

// `bytes` holds values.size() elements of `dtype`, one of the floating types.
void ToDoubles(std::span<const std::byte> bytes, DType dtype, std::span<double> values);
void FromDoubles(std::span<const double> values, DType dtype, std::span<std::byte> bytes);

absl::StatusOr<std::vector<double>> ReadState(const State& state, std::string_view name);
absl::Status WriteState(State& state, std::string_view name, std::span<const double> values);
absl::StatusOr<std::vector<double>> ReadOutput(const Program& program, std::string_view name);
absl::Status SetFloatInput(Program& program, std::string_view name, std::span<const double> values);

}  // namespace hourglass
