#pragma once

#include "experiments/cli/command.h"

namespace hourglass {

// The surroundings of a real process: standard streams, the build's stamp, signals (signals.h).
CliContext ProcessContext(int argc, char** argv);

}  // namespace hourglass
