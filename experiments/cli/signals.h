#pragma once
// How the program is asked to end.

namespace hourglass {

// From here on the first SIGINT or SIGTERM makes StopRequested true and says on standard error what
// it will do; the second one, whichever it is, says so and ends the process at once, by the
// signal's default action.
void CatchStopSignals();
bool StopRequested();

}  // namespace hourglass
