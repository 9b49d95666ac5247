#pragma once
// The result of a bench as text for people; the same facts as its JSON.

#include <string>

#include "nlohmann/json.hpp"

namespace hourglass {

// Speed, share of the product peak, memory, machine, steadiness; and, where ops were profiled, a
// table for the training step and one for the forward pass.
std::string BenchText(const nlohmann::ordered_json& result);

}  // namespace hourglass
