#!/bin/bash
# Writes build_stamp.cc from Bazel's stable-status.txt on standard input.
set -euo pipefail

declare -A status=()
while read -r key value; do
  status["${key}"]="${value}"
done

# The values are hashes, dates and digits; anything else must not get into the source.
value_of() {
  local value="${status[STABLE_GIT_$1]:-unknown}"
  if [[ ! "${value}" =~ ^[0-9A-Za-z:+.-]+$ ]]; then
    echo "build_stamp.sh: STABLE_GIT_$1 is '${value}'" >&2
    exit 1
  fi
  printf '%s' "${value}"
}

commit="$(value_of COMMIT)"
tree="$(value_of TREE)"
parent="$(value_of PARENT)"
committed_at="$(value_of COMMITTED_AT)"
dirty="$(value_of DIRTY)"

cat << EOF
#include "tools/build_stamp.h"

namespace hourglass {

BuildStamp GetBuildStamp() {
  return {.commit = "${commit}",
          .tree = "${tree}",
          .parent = "${parent}",
          .committed_at = "${committed_at}",
          .dirty = $([[ "${dirty}" == 0 ]] && echo false || echo true)};
}

}  // namespace hourglass
EOF
