#include "tests/support/generators.h"

#include <cmath>

#include "hourglass/base/check.h"
#include "tests/support/backends.h"
#include "tests/support/op_run.h"

namespace hourglass::testing {
namespace {

// One number after another, each from `next`.
template <typename Next>
Generator Each(Next next) {
  return [next](std::mt19937_64& random, const Shape& shape, std::span<const HostTensor>) {
    std::vector<double> values;
    for (int64_t i = 0; i < shape.Elements(); ++i) values.push_back(next(random, i));
    return values;
  };
}

double NextNormal(std::mt19937_64& random) { return std::normal_distribution<double>()(random); }

int64_t NextInteger(std::mt19937_64& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

}  // namespace

Generator Normal(double deviation, double mean) {
  return Each(
      [=](std::mt19937_64& random, int64_t) { return mean + deviation * NextNormal(random); });
}

Generator Positive() {
  return Each([](std::mt19937_64& random, int64_t) { return std::abs(NextNormal(random)); });
}

Generator Integers(int limit) {
  return Each([=](std::mt19937_64& random, int64_t) {
    return static_cast<double>(NextInteger(random, -limit, limit));
  });
}

Generator Tokens(int vocab_size, int mask_every) {
  return Each([=](std::mt19937_64& random, int64_t i) {
    const int64_t token = NextInteger(random, 0, vocab_size - 1);
    return static_cast<double>(mask_every > 0 && i % mask_every == 0 ? 0 : token);
  });
}

Generator Numbers(const std::vector<double>& values) {
  return Each(
      [=](std::mt19937_64&, int64_t i) { return values[static_cast<size_t>(i) % values.size()]; });
}

Generator RandomWords(uint64_t seed, uint32_t step, uint32_t first_sequence) {
  return Numbers({static_cast<double>(seed & 0xffffffff), static_cast<double>(seed >> 32),
                  static_cast<double>(step), static_cast<double>(first_sequence)});
}

Generator ForwardOutput(const std::shared_ptr<const Op>& op, size_t count, size_t output) {
  return [=](std::mt19937_64&, const Shape&, std::span<const HostTensor> earlier) {
    HG_CHECK(earlier.size() >= count);
    const auto outputs = RunOp(
        Reference(), op, {earlier.begin(), earlier.begin() + static_cast<std::ptrdiff_t>(count)});
    HG_CHECK(outputs.ok());
    return (*outputs)[output].values;
  };
}

}  // namespace hourglass::testing
