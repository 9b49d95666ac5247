#include "hourglass/nn/parameter.h"

#include <cmath>
#include <numbers>

#include "hourglass/base/check.h"
#include "hourglass/base/counter_rng.h"

namespace hourglass {
namespace {

constexpr double kTinyDeviation = 1e-6;

double Uniform(const CounterRng& rng, int64_t element, double limit) {
  const auto draws = rng.Quad(static_cast<uint32_t>(element));
  return (2.0 * UniformFromDraws(draws[0], draws[1]) - 1.0) * limit;
}

// Box-Muller; 1 - u lies in (0, 1].
double Normal(const CounterRng& rng, int64_t element) {
  const auto draws = rng.Quad(static_cast<uint32_t>(element));
  const double radius = std::sqrt(-2.0 * std::log(1.0 - UniformFromDraws(draws[0], draws[1])));
  return radius * std::cos(2.0 * std::numbers::pi * UniformFromDraws(draws[2], draws[3]));
}

double InitialValue(const ParameterPart& part, const CounterRng& rng, int64_t element) {
  const double in = static_cast<double>(part.shape[0]);
  const double out = static_cast<double>(part.shape[-1]);
  switch (part.initializer) {
    case Initializer::kGlorotUniform:
      return Uniform(rng, element, std::sqrt(6.0 / (in + out)));
    case Initializer::kEmbeddingUniform:
      return Uniform(rng, element, std::sqrt(3.0 / out));
    case Initializer::kTinyNormal:
      return kTinyDeviation * Normal(rng, element);
    case Initializer::kOnes:
      return 1.0;
    case Initializer::kZeros:
      return 0.0;
  }
  return 0.0;
}

}  // namespace

void ParameterTable::Add(Parameter parameter) {
  HG_CHECK(index_.emplace(parameter.name, parameters_.size()).second);
  parameters_.push_back(std::move(parameter));
}

const Parameter& ParameterTable::Get(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  HG_CHECK(found != index_.end());
  return parameters_[found->second];
}

int64_t ParameterTable::CountElements() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters_) count += parameter.shape.Elements();
  return count;
}

std::vector<double> InitialValues(const Parameter& parameter, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(parameter.shape.Elements()));
  for (const ParameterPart& part : parameter.parts) {
    const CounterRng rng{seed, MakeRandomSite(part.name), 0, 0};
    std::vector<double> own(static_cast<size_t>(part.shape.Elements()));
    for (size_t e = 0; e < own.size(); ++e) {
      own[e] = InitialValue(part, rng, static_cast<int64_t>(e));
    }
    CopyPartIn(parameter, part, own.data(), values.data());
  }
  return values;
}

}  // namespace hourglass
