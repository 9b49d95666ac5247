#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hourglass {

// The bytes of a zip archive (deflate) with these members, (name, bytes), in this order.
std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& members);

// Flips a bit of the compressed bytes of the first member.
std::string DamageZip(std::string zip);

}  // namespace hourglass
