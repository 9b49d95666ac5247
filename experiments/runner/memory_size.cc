#include "experiments/runner/memory_size.h"

#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hourglass {

absl::StatusOr<int64_t> ParseMemorySize(const std::string& text) {
  constexpr std::string_view kUnits = "KMG";
  constexpr double kMost = 1e18;
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  std::string digits = text;
  double scale = 1.0;
  if (unit != std::string_view::npos) {
    digits.pop_back();
    for (size_t i = 0; i <= unit; ++i) scale *= 1024.0;
  }
  double number = 0.0;
  const bool plain = digits.find_first_not_of("0123456789.") == std::string::npos;
  if (plain && absl::SimpleAtod(digits, &number) && number * scale >= 1.0 &&
      number * scale <= kMost) {
    return static_cast<int64_t>(number * scale);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no size of memory; write it as 2G, 1.5G, 800M or in bytes"));
}

}  // namespace hourglass
