#pragma once

#include <string_view>

namespace hourglass {

// The source a program was built from, as git described it when the build started.
// A field git could not tell is "unknown"; then `dirty` is true.
struct BuildStamp {
  std::string_view commit;        // full SHA of HEAD
  std::string_view tree;          // SHA of HEAD's tree
  std::string_view parent;        // full SHA of HEAD's first parent, "none" for the first commit
  std::string_view committed_at;  // ISO 8601 with the committer's offset
  bool dirty;                     // changed or untracked files lay in the work tree
};

// Static storage. Bazel may take a stored object instead of building one, so a program that must
// know what it is hashes its own binary as well.
BuildStamp GetBuildStamp();

}  // namespace hourglass
