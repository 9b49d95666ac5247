#include "experiments/cli/main_context.h"

#include <csignal>
#include <iostream>
#include <string>

#include "hourglass/base/runfiles.h"
#include "tools/build_stamp.h"

namespace hourglass {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

// The second signal, whichever it is, ends the process at once.
void RequestStop(int) {
  stop_requested = 1;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

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
  context.catch_signals = [] {
    std::signal(SIGINT, RequestStop);
    std::signal(SIGTERM, RequestStop);
  };
  context.stop = [] { return stop_requested != 0; };
  for (int i = 1; i < argc; ++i) context.args.emplace_back(argv[i]);
  return context;
}

}  // namespace hourglass
