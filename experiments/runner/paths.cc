#include "experiments/runner/paths.h"

#include <algorithm>
#include <cstdlib>

namespace hourglass {

std::string CallerPath(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.empty() || path.front() == '/' || folder == nullptr || *folder == '\0') return path;
  return std::string(folder) + "/" + path;
}

std::string DefaultResultsFolder() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return workspace == nullptr || *workspace == '\0' ? "results"
                                                    : std::string(workspace) + "/results";
}

std::string DefaultDatabase(std::string experiment) {
  std::replace(experiment.begin(), experiment.end(), '/', '-');
  return DefaultResultsFolder() + "/" + experiment + ".db";
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + (slash == 0 ? 1 : 0));
}

}  // namespace hourglass
