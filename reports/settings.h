// The settings of a configuration as flat text, and how they depart from the paper's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/analysis.h"
#include "reports/claims.h"

namespace hourglass::reports {

// "training.peak_rate" -> "0.003"; with the budget, the backend and the threads.
using Settings = std::map<std::string, std::string>;
Settings SettingsOf(const Group& group);

// One setting that is not the paper's.
struct Deviation {
  std::string path;
  std::string paper;
  std::string here;  // all values, where models differ
  std::string effect;
  std::string source;
};

// In the order of the data file. Settings that no configuration names are left out.
std::vector<Deviation> DeviationsOf(const Analysis& analysis, const paper::Chapter& chapter);

}  // namespace hourglass::reports
