#include "hourglass/train/host_values.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

template <typename T>
void ToDoublesTyped(std::span<const std::byte> bytes, std::span<double> values) {
  HG_CHECK(bytes.size() == values.size() * sizeof(T));
  const T* in = reinterpret_cast<const T*>(bytes.data());
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      values[i] = static_cast<double>(static_cast<float>(in[i]));
    } else {
      values[i] = static_cast<double>(in[i]);
    }
  }
}

template <typename T>
void FromDoublesTyped(std::span<const double> values, std::span<std::byte> bytes) {
  HG_CHECK(bytes.size() == values.size() * sizeof(T));
  T* out = reinterpret_cast<T*>(bytes.data());
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      out[i] = BFloat16(static_cast<float>(values[i]));
    } else {
      out[i] = static_cast<T>(values[i]);
    }
  }
}

absl::Status ExpectFloating(std::string_view name, const TensorSpec& spec) {
  if (IsFloating(spec.dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(name), "' is ", spec.ToString(), ", not floating"));
}

}  // namespace

void ToDoubles(std::span<const std::byte> bytes, DType dtype, std::span<double> values) {
  switch (dtype) {
    case DType::kF64:
      return ToDoublesTyped<double>(bytes, values);
    case DType::kF32:
      return ToDoublesTyped<float>(bytes, values);
    case DType::kBF16:
      return ToDoublesTyped<BFloat16>(bytes, values);
    default:
      HG_CHECK(false);
  }
}

void FromDoubles(std::span<const double> values, DType dtype, std::span<std::byte> bytes) {
  switch (dtype) {
    case DType::kF64:
      return FromDoublesTyped<double>(values, bytes);
    case DType::kF32:
      return FromDoublesTyped<float>(values, bytes);
    case DType::kBF16:
      return FromDoublesTyped<BFloat16>(values, bytes);
    default:
      HG_CHECK(false);
  }
}

absl::StatusOr<std::vector<double>> ReadState(const State& state, std::string_view name) {
  HG_ASSIGN_OR_RETURN(const TensorView view, state.Find(name));
  HG_RETURN_IF_ERROR(ExpectFloating(name, view.spec));
  std::vector<std::byte> bytes(static_cast<size_t>(view.spec.Bytes()));
  HG_RETURN_IF_ERROR(state.Download(name, bytes.data(), bytes.size()));
  std::vector<double> values(static_cast<size_t>(view.spec.Elements()));
  ToDoubles(bytes, view.spec.dtype, values);
  return values;
}

absl::Status WriteState(State& state, std::string_view name, std::span<const double> values) {
  HG_ASSIGN_OR_RETURN(const TensorView view, state.Find(name));
  HG_RETURN_IF_ERROR(ExpectFloating(name, view.spec));
  if (static_cast<int64_t>(values.size()) != view.spec.Elements()) {
    return absl::InvalidArgumentError(absl::StrCat("state '", std::string(name), "' is ",
                                                   view.spec.ToString(), ", got ", values.size(),
                                                   " values"));
  }
  std::vector<std::byte> bytes(static_cast<size_t>(view.spec.Bytes()));
  FromDoubles(values, view.spec.dtype, bytes);
  return state.Upload(name, bytes.data(), bytes.size());
}

absl::StatusOr<std::vector<double>> ReadOutput(const Program& program, std::string_view name) {
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, program.OutputSpec(name));
  HG_RETURN_IF_ERROR(ExpectFloating(name, spec));
  std::vector<std::byte> bytes(static_cast<size_t>(spec.Bytes()));
  HG_RETURN_IF_ERROR(program.GetOutput(name, bytes.data(), bytes.size()));
  std::vector<double> values(static_cast<size_t>(spec.Elements()));
  ToDoubles(bytes, spec.dtype, values);
  return values;
}

absl::Status SetFloatInput(Program& program, std::string_view name,
                           std::span<const double> values) {
  HG_ASSIGN_OR_RETURN(const TensorSpec spec, program.InputSpec(name));
  HG_RETURN_IF_ERROR(ExpectFloating(name, spec));
  if (static_cast<int64_t>(values.size()) != spec.Elements()) {
    return absl::InvalidArgumentError(absl::StrCat("input '", std::string(name), "' is ",
                                                   spec.ToString(), ", got ", values.size(),
                                                   " values"));
  }
  std::vector<std::byte> bytes(static_cast<size_t>(spec.Bytes()));
  FromDoubles(values, spec.dtype, bytes);
  return program.SetInput(name, bytes.data(), bytes.size());
}

}  // namespace hourglass
