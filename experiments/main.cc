// hourglass: the command line of the project.

#include "experiments/cli/main_context.h"

int main(int argc, char** argv) { return hourglass::RunCli(hourglass::ProcessContext(argc, argv)); }
