#include "reports/settings.h"

#include <cstdlib>
#include <set>

#include "hourglass/base/json_text.h"
#include "nlohmann/json.hpp"
#include "reports/format.h"
#include "reports/names.h"

namespace hourglass::reports {
namespace {

using Json = nlohmann::json;

void Flatten(const Json& json, const std::string& path, Settings& out) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      Flatten(value, path.empty() ? key : path + "." + key, out);
    }
  } else {
    out[path] = json.is_string() ? json.get<std::string>() : JsonText(json);
  }
}

// "0.0004" and "4e-4" are the same value.
bool SameValue(const std::string& a, const std::string& b) {
  if (a == b) return true;
  char *end_a = nullptr, *end_b = nullptr;
  const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
  return !a.empty() && !b.empty() && *end_a == '\0' && *end_b == '\0' && x == y;
}

// A model without shortened layers has nothing to resample.
bool Concerns(const std::string& path, const Group& group) {
  const bool of_middle = path.starts_with("model.shortening") ||
                         path.starts_with("model.upsampling") || path == "model.middle_attention";
  return !(of_middle && group.is_vanilla());
}

}  // namespace

Settings SettingsOf(const Group& group) {
  Settings settings;
  const Json json = Json::parse(group.any().config.canonical_json, nullptr, false);
  if (!json.is_discarded()) Flatten(json, "", settings);
  settings["budget"] = BudgetName(group.budget);
  settings["backend"] = group.any().cell.backend;
  settings["threads"] = std::to_string(group.any().run.threads);
  return settings;
}

std::vector<Deviation> DeviationsOf(const Analysis& analysis, const paper::Chapter& chapter) {
  std::vector<Settings> all;
  for (const Group& group : analysis.groups) all.push_back(SettingsOf(group));
  std::vector<Deviation> deviations;
  for (const paper::Setting& setting : chapter.settings()) {
    std::set<std::string> values;
    bool differs = false;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto found = all[i].find(setting.path());
      if (found == all[i].end() || !Concerns(setting.path(), analysis.groups[i])) continue;
      values.insert(found->second);
      differs |= !SameValue(found->second, setting.value());
    }
    if (!differs) continue;
    deviations.push_back({setting.path(), setting.value(),
                          CleanText(Listed({values.begin(), values.end()})), setting.effect(),
                          setting.source()});
  }
  return deviations;
}

}  // namespace hourglass::reports
