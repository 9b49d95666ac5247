#include "experiments/cli/signals.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

namespace hourglass {
namespace {

constexpr std::string_view kFirst =
    "hourglass: asked to stop: ending after the step, window or piece at hand; a second signal "
    "ends at once\n";
constexpr std::string_view kSecond =
    "hourglass: ended at once by a second signal; what was committed to the database and the last "
    "checkpoint are whole\n";

volatile std::sig_atomic_t stop_requested = 0;
volatile std::sig_atomic_t on_terminal = 0;

// Only write() may be called in a handler. A terminal has a progress line or "^C" on the line.
void Say(std::string_view text) {
  ssize_t written = 0;
  if (on_terminal != 0) written = write(STDERR_FILENO, "\n", 1);
  written = write(STDERR_FILENO, text.data(), text.size());
  static_cast<void>(written);  // there is nobody to tell
}

void OnSignal(int signal) {
  const int saved = errno;
  if (stop_requested == 0) {
    stop_requested = 1;
    Say(kFirst);
  } else {
    Say(kSecond);
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // arrives when this handler returns
  }
  errno = saved;
}

}  // namespace

void CatchStopSignals() {
  on_terminal = isatty(STDERR_FILENO);
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
}

bool StopRequested() { return stop_requested != 0; }

}  // namespace hourglass
