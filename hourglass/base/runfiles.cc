#include "hourglass/base/runfiles.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hourglass {
namespace {

// Bazel keeps the files of the main repository under its name in WORKSPACE.
constexpr char kWorkspace[] = "hourglass";

std::string& ProgramPath() {
  static std::string path;
  return path;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Lines of a manifest are "runfiles path<space>real path".
std::string FindInManifest(const std::string& manifest, const std::string& name) {
  std::ifstream file(manifest);
  std::string line;
  while (std::getline(file, line)) {
    if (line.size() > name.size() && line.compare(0, name.size(), name) == 0 &&
        line[name.size()] == ' ') {
      return line.substr(name.size() + 1);
    }
  }
  return "";
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::string ProgramRunfiles() {
  if (!ProgramPath().empty()) return ProgramPath() + ".runfiles";
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : self.string() + ".runfiles";
}

}  // namespace

void SetProgramPath(std::string_view argv0) { ProgramPath() = std::string(argv0); }

absl::StatusOr<std::string> FindRunfile(std::string_view path) {
  const std::string name = absl::StrCat(kWorkspace, "/", std::string(path));
  std::vector<std::string> tried;
  for (const std::string& root :
       {Environment("RUNFILES_DIR"), Environment("TEST_SRCDIR"), ProgramRunfiles()}) {
    if (root.empty()) continue;
    tried.push_back(absl::StrCat(root, "/", name));
    if (Exists(tried.back())) return tried.back();
  }
  if (const std::string manifest = Environment("RUNFILES_MANIFEST_FILE"); !manifest.empty()) {
    const std::string found = FindInManifest(manifest, name);
    tried.push_back("entries of " + manifest);
    if (!found.empty() && Exists(found)) return found;
  }
  tried.push_back("./" + std::string(path));
  if (Exists(tried.back())) return tried.back();
  return absl::NotFoundError(
      absl::StrCat("cannot find ", std::string(path), "; looked at ", absl::StrJoin(tried, ", ")));
}

}  // namespace hourglass
