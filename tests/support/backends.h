#pragma once
// The backends that the tests of ops run on.

#include <memory>
#include <string>
#include <vector>

#include "hourglass/runtime/backend.h"

namespace hourglass::testing {

struct BackendUnderTest {
  std::string name;
  std::shared_ptr<Backend> (*make)();
  std::vector<DType> dtypes;  // floating types that its column of the support matrix has
};

// The reference first.
const std::vector<BackendUnderTest>& AllBackends();

// One instance per process.
std::shared_ptr<Backend> Reference();

}  // namespace hourglass::testing
