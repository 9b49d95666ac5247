#include "hourglass/runtime/compare_programs.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

absl::StatusOr<std::vector<double>> ReadAsDouble(Program& program, const TensorView& view) {
  std::vector<std::byte> host(static_cast<size_t>(view.spec.Bytes()));
  HG_RETURN_IF_ERROR(program.backend().Download(host.data(), view.data, host.size()));
  std::vector<double> numbers(static_cast<size_t>(view.spec.Elements()));
  for (size_t i = 0; i < numbers.size(); ++i) {
    switch (view.spec.dtype) {
      case DType::kF64:
        numbers[i] = reinterpret_cast<const double*>(host.data())[i];
        break;
      case DType::kF32:
        numbers[i] = reinterpret_cast<const float*>(host.data())[i];
        break;
      case DType::kBF16:
        numbers[i] = static_cast<float>(reinterpret_cast<const BFloat16*>(host.data())[i]);
        break;
      case DType::kI32:
        numbers[i] = reinterpret_cast<const int32_t*>(host.data())[i];
        break;
      case DType::kU32:
        numbers[i] = reinterpret_cast<const uint32_t*>(host.data())[i];
        break;
    }
  }
  return numbers;
}

absl::Status WriteFromDouble(Program& program, const TensorView& view,
                             const std::vector<double>& numbers) {
  std::vector<std::byte> host(static_cast<size_t>(view.spec.Bytes()));
  for (size_t i = 0; i < numbers.size(); ++i) {
    switch (view.spec.dtype) {
      case DType::kF64:
        reinterpret_cast<double*>(host.data())[i] = numbers[i];
        break;
      case DType::kF32:
        reinterpret_cast<float*>(host.data())[i] = static_cast<float>(numbers[i]);
        break;
      case DType::kBF16:
        reinterpret_cast<BFloat16*>(host.data())[i] = BFloat16(static_cast<float>(numbers[i]));
        break;
      case DType::kI32:
        reinterpret_cast<int32_t*>(host.data())[i] = static_cast<int32_t>(numbers[i]);
        break;
      case DType::kU32:
        reinterpret_cast<uint32_t*>(host.data())[i] = static_cast<uint32_t>(numbers[i]);
        break;
    }
  }
  return program.backend().Upload(view.data, host.data(), host.size());
}

double RelativeDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0.0, largest = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (std::isnan(a[i]) || a[i] == b[i]) continue;
    difference = std::max(difference, std::fabs(a[i] - b[i]));
  }
  for (const double number : a) largest = std::max(largest, std::fabs(number));
  for (const double number : b) largest = std::max(largest, std::fabs(number));
  return difference == 0.0 ? 0.0 : difference / largest;
}

absl::Status ExpectSameNode(const Graph& a, const Graph& b, size_t n) {
  const Node& left = a.nodes()[n];
  const Node& right = b.nodes()[n];
  bool same = left.op->Name() == right.op->Name() && left.inputs.size() == right.inputs.size() &&
              left.outputs.size() == right.outputs.size();
  for (size_t i = 0; same && i < left.outputs.size(); ++i) {
    same = a.spec(left.outputs[i]).shape == b.spec(right.outputs[i]).shape;
  }
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("node ", n, " differs: '", std::string(left.op->Name()), "' in '", left.scope,
                   "' and '", std::string(right.op->Name()), "' in '", right.scope, "'"));
}

}  // namespace

absl::StatusOr<ProgramDifference> ComparePrograms(Program& a, Program& b, double limit) {
  const Graph& left = a.graph();
  const Graph& right = b.graph();
  if (left.nodes().size() != right.nodes().size()) {
    return absl::InvalidArgumentError(absl::StrCat("the graphs have ", left.nodes().size(), " and ",
                                                   right.nodes().size(), " nodes"));
  }
  ProgramDifference result;
  for (size_t n = 0; n < left.nodes().size(); ++n) {
    HG_RETURN_IF_ERROR(ExpectSameNode(left, right, n));
    const Node& node = left.nodes()[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      HG_ASSIGN_OR_RETURN(const std::vector<double> numbers,
                          ReadAsDouble(a, a.view(node.inputs[i])));
      HG_RETURN_IF_ERROR(WriteFromDouble(b, b.view(right.nodes()[n].inputs[i]), numbers));
    }
    HG_RETURN_IF_ERROR(a.RunNode(static_cast<int>(n)));
    HG_RETURN_IF_ERROR(b.RunNode(static_cast<int>(n)));
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      HG_ASSIGN_OR_RETURN(const auto x, ReadAsDouble(a, a.view(node.outputs[o])));
      HG_ASSIGN_OR_RETURN(const auto y, ReadAsDouble(b, b.view(right.nodes()[n].outputs[o])));
      const double difference = RelativeDifference(x, y);
      result.worst = std::max(result.worst, difference);
      if (difference <= limit) continue;
      result.node = static_cast<int>(n);
      result.description =
          absl::StrCat("node ", n, " '", std::string(node.op->Name()), "' in '", node.scope,
                       "' output ", o, " ", left.spec(node.outputs[o]).ToString(),
                       ": relative difference ", difference, " above ", limit);
      return result;
    }
  }
  return result;
}

}  // namespace hourglass
