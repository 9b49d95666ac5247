#pragma once
// Rows of the public views as JSON: what `show` and `list` print.

#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "results_db/query.h"

namespace hourglass {

// An array with an object per row, keys in the order of the columns. The text of a column named
// ..._json becomes the JSON it holds.
absl::StatusOr<nlohmann::ordered_json> ViewRows(
    results::ResultsReader& reader, std::string_view view,
    const std::optional<results::ViewFilter>& filter = std::nullopt);

// "-" for null, text without quotes, everything else as JSON; for tables.
std::string PlainText(const nlohmann::ordered_json& value);

// An array of objects with the same keys as a table under a line with those keys; nothing if empty.
void PrintRows(const nlohmann::ordered_json& rows, std::ostream& out);

}  // namespace hourglass
