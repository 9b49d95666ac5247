#!/bin/bash
# What Bazel stamps into the main program; a change of a STABLE_ value builds the stamp again.
set -u

# The parents come last: there may be none, or several, of which the first counts.
read -r commit tree committed_at parent _ \
  < <(git log -1 --format='%H %T %cI %P none' 2> /dev/null)
# Untracked files count: a build may have read them.
if [[ -n "${commit:-}" && -z "$(git status --porcelain 2>&1)" ]]; then
  dirty=0
else
  dirty=1
fi
echo "STABLE_GIT_COMMIT ${commit:-unknown}"
echo "STABLE_GIT_TREE ${tree:-unknown}"
echo "STABLE_GIT_PARENT ${parent:-unknown}"
echo "STABLE_GIT_COMMITTED_AT ${committed_at:-unknown}"
echo "STABLE_GIT_DIRTY ${dirty}"
