#include "tests/support/op_case.h"

#include <cctype>
#include <set>

#include "hourglass/base/check.h"
#include "hourglass/base/hash.h"
#include "tests/support/generators.h"

namespace hourglass::testing {

const std::vector<OpCase>& AllOpCases() {
  static const auto* all = [] {
    auto* cases = new std::vector<OpCase>();
    AddCoreCases(*cases);
    AddMatmulCases(*cases);
    AddRowCases(*cases);
    AddAttentionCases(*cases);
    AddLayoutCases(*cases);
    AddElementwiseCases(*cases);
    std::set<std::string> names;
    for (const OpCase& op_case : *cases) {
      HG_CHECK(names.insert(op_case.name).second);
      HG_CHECK(op_case.exact || (op_case.bound.c > 0 && !op_case.bound.reason.empty()));
    }
    return cases;
  }();
  return *all;
}

std::vector<HostTensor> MakeInputs(const OpCase& op_case, DType run) {
  std::vector<HostTensor> inputs;
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const CaseInput& input = op_case.inputs[i];
    std::mt19937_64 random(Fnv1a64(op_case.name) + i);
    HostTensor tensor{{input.shape, input.TypeIn(run)}, {}};
    tensor.values = input.generate(random, input.shape, WithFloatingType(inputs, DType::kF64));
    for (double& value : tensor.values) value = RoundTo(tensor.spec.dtype, value);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

std::string TestName(const std::string& name) {
  std::string result;
  for (const char c : name) {
    result += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return result;
}

}  // namespace hourglass::testing
