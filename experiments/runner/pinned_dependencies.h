#pragma once

namespace hourglass {

// SHA-256 of the rules that say which version of each dependency is used, taken during the build.
const char* PinnedDependenciesSha256();

}  // namespace hourglass
