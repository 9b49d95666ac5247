#pragma once

#include "experiments/cli/command.h"

namespace hourglass {

// The surroundings of a real process: standard streams, the build's stamp, signals. The first
// SIGINT or SIGTERM asks the verb to stop after its current step, the second ends the process at
// once.
CliContext ProcessContext(int argc, char** argv);

}  // namespace hourglass
