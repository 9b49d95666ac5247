#!/bin/bash
# What Bazel stamps into the main program; a change of a STABLE_ value builds the stamp again.
set -u

commit="$(git rev-parse HEAD 2> /dev/null || echo unknown)"
tree="$(git rev-parse 'HEAD^{tree}' 2> /dev/null || echo unknown)"
changes="$(git status --porcelain 2> /dev/null)"
echo "STABLE_GIT_COMMIT ${commit}"
echo "STABLE_GIT_TREE ${tree}"
echo "STABLE_GIT_DIRTY $([[ -z "${changes}" && "${commit}" != unknown ]] && echo 0 || echo 1)"
