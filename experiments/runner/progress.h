#pragma once
// How far a sweep is, for people: one line that renews itself on a terminal, else a plain line
// every 30 seconds. Everything goes to standard error; results go elsewhere.

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace hourglass {

enum class ProgressMode { kTerminal, kPlain, kQuiet };

struct ProgressOptions {
  ProgressMode mode = ProgressMode::kPlain;
  bool color = false;
  int64_t interval_nanos = 30'000'000'000;  // between plain lines
  std::function<int64_t()> now_nanos;       // empty: the monotonic clock
};

// Terminal or plain by what standard error is; colour only on a terminal, without NO_COLOR and with
// a TERM other than "dumb".
ProgressOptions DefaultProgress(bool quiet);

class Progress {
 public:
  // Work is in any unit that grows evenly with time (training FLOPs); `total_work` is all of it.
  Progress(std::ostream& out, ProgressOptions options, double total_work);
  ~Progress();

  // Starts the part called `label` ("[2/6] 4@1 seed 0").
  void StartPart(const std::string& label);
  // `done_work` of the whole sweep is finished; `status` says where the part is ("step 120/1200
  // loss 1.93"). Prints only when it is time to.
  void Update(double done_work, const std::string& status);
  // A line that stays, with the time left behind by the progress line cleared away.
  void Line(const std::string& text);
  // Work that turned out to be done already is not waited for.
  void Skip(double work);

  // "1:02:03" or "2:03".
  static std::string Duration(double seconds);

 private:
  void Clear();

  std::ostream& out_;
  ProgressOptions options_;
  double total_work_;
  std::string label_;
  int64_t start_nanos_;
  int64_t last_nanos_;
  bool line_open_ = false;
};

}  // namespace hourglass
