#include "experiments/runner/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hourglass/base/clock.h"

namespace hourglass {
namespace {

// The line on a terminal is renewed this often, and never grows beyond its width.
constexpr int64_t kTerminalInterval = 200'000'000;
constexpr size_t kTerminalColumns = 79;

}  // namespace

ProgressOptions DefaultProgress(bool quiet) {
  ProgressOptions options;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const bool terminal = isatty(STDERR_FILENO) == 1 && !dumb;
  options.mode = quiet      ? ProgressMode::kQuiet
                 : terminal ? ProgressMode::kTerminal
                            : ProgressMode::kPlain;
  const char* no_color = std::getenv("NO_COLOR");
  options.color = terminal && (no_color == nullptr || *no_color == '\0');
  return options;
}

Progress::Progress(std::ostream& out, ProgressOptions options, double total_work)
    : out_(out), options_(std::move(options)), total_work_(total_work) {
  if (!options_.now_nanos) options_.now_nanos = MonotonicNanos;
  start_nanos_ = last_nanos_ = options_.now_nanos();
}

Progress::~Progress() { Clear(); }

void Progress::StartPart(const std::string& label) { label_ = label; }

void Progress::Skip(double work) { total_work_ -= work; }

void Progress::Update(double done_work, const std::string& status) {
  if (options_.mode == ProgressMode::kQuiet) return;
  const bool terminal = options_.mode == ProgressMode::kTerminal;
  const int64_t now = options_.now_nanos();
  if (now - last_nanos_ < (terminal ? kTerminalInterval : options_.interval_nanos)) return;
  last_nanos_ = now;
  std::string line = absl::StrCat(label_, "  ", status);
  if (done_work > 0 && done_work <= total_work_) {
    const double seconds = 1e-9 * static_cast<double>(now - start_nanos_);
    absl::StrAppend(&line, "  ETA ", Duration(seconds * (total_work_ / done_work - 1)));
  }
  if (!terminal) {
    out_ << line << std::endl;
    return;
  }
  line.resize(std::min(line.size(), kTerminalColumns));
  out_ << '\r' << (options_.color ? "\x1b[2m" : "") << line << (options_.color ? "\x1b[0m" : "")
       << "\x1b[K" << std::flush;
  line_open_ = true;
}

void Progress::Line(const std::string& text) {
  if (options_.mode == ProgressMode::kQuiet) return;
  Clear();
  out_ << text << std::endl;
}

void Progress::Clear() {
  if (line_open_) out_ << "\r\x1b[K" << std::flush;
  line_open_ = false;
}

std::string Progress::Duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  return hours > 0 ? absl::StrFormat("%d:%02d:%02d", hours, minutes, whole % 60)
                   : absl::StrFormat("%d:%02d", minutes, whole % 60);
}

}  // namespace hourglass
