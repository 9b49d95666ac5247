#pragma once
// One `hourglass run` per database at a time: whoever holds the lock knows that every run found
// `running` in the database has lost its process.

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace hourglass {

class RunLock {
 public:
  // Locks the file "<database>.lock", which is created and stays. The operating system gives the
  // lock back when the process ends, however it ends. Aborted, naming the file, if another process
  // holds it; PermissionDenied if it cannot be created.
  static absl::StatusOr<RunLock> Take(const std::string& database);

  // Removes the lock's file if Take created it: what should be locked turned out to be no database
  // of ours. Still locked, so that nobody else can be holding it.
  void RemoveNewFile();

  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

 private:
  RunLock(int fd, std::string path, bool created)
      : fd_(fd), path_(std::move(path)), created_(created) {}
  int fd_;
  std::string path_;
  bool created_;
};

}  // namespace hourglass
