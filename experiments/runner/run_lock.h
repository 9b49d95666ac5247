#pragma once
// One `hourglass run` per database at a time: whoever holds the lock knows that every run found
// `running` in the database has lost its process.

#include <string>

#include "absl/status/statusor.h"

namespace hourglass {

class RunLock {
 public:
  // Locks the file "<database>.lock", which is created and stays. The operating system gives the
  // lock back when the process ends, however it ends. Aborted, naming the file, if another process
  // holds it; PermissionDenied if it cannot be created.
  static absl::StatusOr<RunLock> Take(const std::string& database);

  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace hourglass
