#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hourglass {

// One level of "2@1 8@3 2@1": how many layers before and after the next level, at which cumulative
// factor.
struct HierarchyLevel {
  int64_t pre_layers = 0;
  int64_t factor = 1;
  int64_t post_layers = 0;  // 0 for the innermost level, whose layers are all in pre_layers
};

// A parsed hierarchy, outermost level first (A1). "N@1" alone is the vanilla model: one level.
class Hierarchy {
 public:
  // InvalidArgument saying what is wrong and what a right one looks like: an item that is not
  // layers@factor, an even number of items, factors that are no palindrome, an outermost factor
  // other than 1, a factor not divisible by the one outside it, inner layer counts that are no
  // palindrome (only the two outermost may differ). Counts may be 0, neighbouring factors equal.
  static absl::StatusOr<Hierarchy> Parse(std::string_view text);

  const std::vector<HierarchyLevel>& levels() const { return levels_; }
  bool IsVanilla() const { return levels_.size() == 1; }
  // Innermost cumulative factor: lengths are padded to a multiple of it.
  int64_t TotalFactor() const { return levels_.back().factor; }
  int64_t PaddedLength(int64_t length) const;
  // Step from level - 1 to level, for level >= 1.
  int64_t Step(size_t level) const { return levels_[level].factor / levels_[level - 1].factor; }
  std::string ToString() const;

 private:
  std::vector<HierarchyLevel> levels_;
};

}  // namespace hourglass
