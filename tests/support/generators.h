#pragma once
// Numbers for the inputs of op cases.

#include <memory>
#include <optional>
#include <vector>

#include "tests/support/op_case.h"

namespace hourglass::testing {

Generator Normal(double deviation = 1.0, double mean = 0.0);
// |x| of a normal.
Generator Positive();
// Uniform integers in [-limit, limit], so that sums of products are exact.
Generator Integers(int limit);
// Uniform ids in [0, vocab_size); every `mask_every`-th is 0 if that is positive.
Generator Tokens(int vocab_size, int mask_every = 0);
// These numbers, repeated from the start where the tensor is larger.
Generator Numbers(const std::vector<double>& values);
// The u32[4] of ops/dropout.h.
Generator RandomWords(uint64_t seed, uint32_t step, uint32_t first_sequence);
// Output `output` of `op` on the first `count` inputs, computed by the reference in f64: for what a
// gradient op gets from its forward op.
Generator ForwardOutput(const std::shared_ptr<const Op>& op, size_t count, size_t output);

// Shorthands for rows of the table. The floating type is that of the run.
inline CaseInput Floats(Shape shape, Generator generate = Normal()) {
  return {std::move(shape), std::move(generate), std::nullopt};
}
// f32 where the run is in bf16.
inline CaseInput WideFloats(Shape shape, Generator generate = Normal()) {
  return {std::move(shape), std::move(generate), std::nullopt, true};
}
inline CaseInput Ids(Shape shape, Generator generate) {
  return {std::move(shape), std::move(generate), DType::kI32};
}
inline CaseInput RandomInput(uint64_t seed = 0x123456789abcdef, uint32_t step = 5,
                             uint32_t first_sequence = 3) {
  return {Shape{4}, RandomWords(seed, step, first_sequence), DType::kU32};
}

template <typename OpType, typename... Args>
std::function<std::shared_ptr<const Op>(DType)> Makes(Args... args) {
  const auto op = std::make_shared<const OpType>(args...);
  return [op](DType) { return op; };
}

// An op with the type of the run as its last attribute.
template <typename OpType, typename... Args>
std::function<std::shared_ptr<const Op>(DType)> MakesOf(Args... args) {
  return [=](DType run) { return std::make_shared<const OpType>(args..., run); };
}

// The families of the table.
void AddCoreCases(std::vector<OpCase>& cases);
void AddMatmulCases(std::vector<OpCase>& cases);
void AddRowCases(std::vector<OpCase>& cases);          // norm, loss, embedding
void AddLayoutCases(std::vector<OpCase>& cases);       // layout, pooling, rotary
void AddElementwiseCases(std::vector<OpCase>& cases);  // gelu, dropout, optimizer
void AddAttentionCases(std::vector<OpCase>& cases);

}  // namespace hourglass::testing
