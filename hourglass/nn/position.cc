#include "hourglass/nn/position.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace hourglass {

Value RelativePositions(const Scope& scope, const AttentionGeometry& geometry, int64_t spacing,
                        int64_t d) {
  const int64_t first = geometry.MinDelta(), half = d / 2;
  const std::string name = absl::StrCat("sinusoids first=", first, " count=", geometry.Positions(),
                                        " spacing=", spacing, " width=", d);
  return scope.graph().Constant(
      name, {Shape{geometry.Positions(), d}, scope.TypeFor(Consumer::kProduct)},
      [=](int64_t element) {
        const int64_t row = element / d, column = element % d, i = column % half;
        const double frequency =
            std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(d));
        const double angle = static_cast<double>(spacing * (first + row)) * frequency;
        return column < half ? std::sin(angle) : std::cos(angle);
      });
}

}  // namespace hourglass
