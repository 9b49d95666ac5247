#pragma once
// JSON as text that never throws: the one way it is written.

#include <string>

namespace hourglass {

// `Json` is nlohmann's json or ordered_json. Bytes that are not UTF-8, as file names may hold,
// become replacement characters. indent -1: one line.
template <typename Json>
std::string JsonText(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace hourglass
