#include "reports/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "hourglass/base/status.h"

namespace hourglass::reports {
namespace {

// A file in memory: neither end of the conversation can block or break the other.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<size_t>(written));
    }
    return lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::string Read() {
    std::string text;
    char buffer[1 << 16];
    lseek(descriptor_, 0, SEEK_SET);
    while (true) {
      const ssize_t got = read(descriptor_, buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return text;
      text.append(buffer, static_cast<size_t>(got));
    }
  }

 private:
  int descriptor_;
};

absl::Status CannotDraw(std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("gnuplot cannot draw the charts: ", absl::string_view(why.data(), why.size()),
                   "; install it with: apt-get install gnuplot-nox"));
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

absl::StatusOr<std::string> RunGnuplot(const std::string& script) {
  MemoryFile input("gnuplot-script"), output("gnuplot-output"), errors("gnuplot-errors");
  if (input.descriptor() < 0 || output.descriptor() < 0 || errors.descriptor() < 0 ||
      !input.Write(script)) {
    return CannotDraw(std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.descriptor(), 0);
  posix_spawn_file_actions_adddup2(&actions, output.descriptor(), 1);
  posix_spawn_file_actions_adddup2(&actions, errors.descriptor(), 2);
  const char* search_path = std::getenv("PATH");
  std::string path = absl::StrCat("PATH=", search_path == nullptr ? "/usr/bin:/bin" : search_path);
  std::string locale = "LC_ALL=C";
  char* environment[] = {path.data(), locale.data(), nullptr};
  std::string program = "gnuplot", defaults = "-d";
  char* arguments[] = {program.data(), defaults.data(), nullptr};
  pid_t child = 0;
  const int failure =
      posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return CannotDraw(std::strerror(failure));
  const int exit_code = WaitFor(child);
  std::string svg = output.Read();
  if (exit_code != 0 || svg.find("</svg>") == std::string::npos) {
    return CannotDraw(absl::StrCat("exit code ", exit_code, " ", errors.Read()));
  }
  return svg;
}

}  // namespace hourglass::reports
