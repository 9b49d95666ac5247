#pragma once
// What the program's exit code means; Bazel's own codes (1 to 8, the thirties) are left free.

#include <string>

#include "absl/status/status.h"

namespace hourglass {

enum ExitCode : int {
  kExitOk = 0,
  kExitVerificationFailed = 17,
  kExitDiverged = 18,
  kExitOutOfTolerance = 19,
  kExitUsage = 64,
  kExitBadData = 65,
  kExitMissingData = 66,
  kExitUnavailable = 69,
  kExitInternal = 70,
  kExitIoError = 74,
  kExitTryAgain = 75,
  kExitBadConfiguration = 78,  // also one that needs more memory than the machine has
  kExitInterrupted = 130,
};

// An error in how the program was called, as opposed to what a spec or a file says.
absl::Status UsageError(const std::string& message);

// The one mapping of a status to an exit code:
//   OK 0; OutOfRange (a number that is not finite any more) 18; usage 64; InvalidArgument 78;
//   DataLoss 65; NotFound 66; Unimplemented, Unavailable 69; PermissionDenied, ResourceExhausted
//   74; Aborted 75; Cancelled 130; the rest 70.
ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace hourglass
