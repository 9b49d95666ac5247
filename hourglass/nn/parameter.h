#pragma once
// Which parameters a model has, how they are named outside, and how they start.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hourglass/tensor/tensor.h"

namespace hourglass {

// Starting values (A6): products are Glorot-uniform, the embedding uniform with variance 1/d,
// biases N(0, 1e-6), norms 1 and 0.
enum class Initializer : uint8_t { kGlorotUniform, kEmbeddingUniform, kTinyNormal, kOnes, kZeros };

// A column range of a stored parameter under its canonical name (parity/README section 3): the name
// in checkpoints and fixtures. Each part starts on its own, as if it were stored alone.
struct ParameterPart {
  std::string name;  // "pre.0.attention.query.weight"
  Shape shape;       // [512, 512]
  int64_t first_column = 0;
  Initializer initializer = Initializer::kZeros;
};

// A parameter as it lies in memory; parts are side by side along the last axis.
struct Parameter {
  std::string name;  // "pre.0.attention.query_key_value.weight"
  Shape shape;       // [512, 1536]
  std::vector<ParameterPart> parts;
};

// All parameters of a model in the order of their first use. Names and shapes do not depend on
// batch, length, mode or dtype.
class ParameterTable {
 public:
  void Add(Parameter parameter);
  bool Has(std::string_view name) const { return index_.count(std::string(name)) > 0; }
  const Parameter& Get(std::string_view name) const;
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t CountElements() const;

 private:
  std::vector<Parameter> parameters_;
  std::map<std::string, size_t> index_;
};

// Starting values of a stored parameter, row-major: element e of part p is a pure function of
// (seed, p.name, e), whatever the packing.
std::vector<double> InitialValues(const Parameter& parameter, uint64_t seed);

// Copies between a stored parameter [rows, columns] and one part of it [rows, part columns]; rank-1
// tensors have one row.
template <typename T>
void CopyPartOut(const Parameter& parameter, const ParameterPart& part, const T* stored, T* out) {
  const int64_t columns = parameter.shape[-1], width = part.shape[-1];
  for (int64_t row = 0; row < parameter.shape.Rows(); ++row) {
    for (int64_t c = 0; c < width; ++c) {
      out[row * width + c] = stored[row * columns + part.first_column + c];
    }
  }
}
template <typename T>
void CopyPartIn(const Parameter& parameter, const ParameterPart& part, const T* in, T* stored) {
  const int64_t columns = parameter.shape[-1], width = part.shape[-1];
  for (int64_t row = 0; row < parameter.shape.Rows(); ++row) {
    for (int64_t c = 0; c < width; ++c) {
      stored[row * columns + part.first_column + c] = in[row * width + c];
    }
  }
}

}  // namespace hourglass
