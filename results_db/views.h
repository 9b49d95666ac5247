// The public views: what others may build on with plain SQL, documented in docs/sql.md. Columns of
// a view are only ever added, at its end; tables may change with every migration.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"

namespace hourglass::results {

// In alphabetical order.
std::span<const std::string_view> PublicViews();

// NULL, integer, real or text.
using ViewValue = std::variant<std::monostate, int64_t, double, std::string>;

struct ViewCell {
  std::string column;
  ViewValue value;
};

// Rows are handed over one at a time, in the order of their columns from left to right, so that
// equal content gives an equal sequence. An error ends the scan and is returned.
using ViewRowFn = std::function<absl::Status(std::span<const ViewCell>)>;

// Only rows whose `column` is `value`.
struct ViewFilter {
  std::string column;
  std::string value;
};

}  // namespace hourglass::results
