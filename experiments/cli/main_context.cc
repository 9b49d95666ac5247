#include "experiments/cli/main_context.h"

#include <iostream>
#include <string>

#include "experiments/cli/signals.h"
#include "hourglass/base/runfiles.h"
#include "tools/build_stamp.h"

namespace hourglass {
namespace {

SourceStamp Stamp() {
  const BuildStamp stamp = GetBuildStamp();
  return {std::string(stamp.commit), std::string(stamp.tree), std::string(stamp.parent),
          std::string(stamp.committed_at), stamp.dirty};
}

}  // namespace

CliContext ProcessContext(int argc, char** argv) {
  if (argc > 0) SetProgramPath(argv[0]);
  CliContext context;
  context.out = &std::cout;
  context.err = &std::cerr;
  context.stamp = Stamp();
  context.catch_signals = CatchStopSignals;
  context.stop = StopRequested;
  for (int i = 1; i < argc; ++i) context.args.emplace_back(argv[i]);
  return context;
}

}  // namespace hourglass
