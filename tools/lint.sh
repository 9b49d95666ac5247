#!/bin/bash
# Formatting and static analysis, from any folder of the checkout:
#
#   tools/lint.sh [FILE...]        what is wrong; exit 0 clean, 1 findings, 69 a tool is missing
#   tools/lint.sh --fix [FILE...]  also writes the formatting
#
# Without files: everything that is tracked. Needs clang-format and clang-tidy 14 (Debian 12) and a
# finished `./bazelw build //...`, for the headers that the build makes. Checks: .clang-format and
# .clang-tidy.
set -u
cd "$(dirname "$0")/.." || exit 70

fix=--dry-run
if [[ "${1:-}" == --fix ]]; then fix=-i; shift; fi
for tool in clang-format clang-tidy; do
  command -v "$tool" > /dev/null && continue
  echo "tools/lint.sh: $tool is missing: apt-get install clang-format clang-tidy" >&2
  exit 69
done

if (( $# > 0 )); then files=("$@"); else mapfile -t files < <(git ls-files '*.cc' '*.h'); fi
sources=()
for file in "${files[@]}"; do [[ "$file" == *.cc ]] && sources+=("$file"); done

clang-format "$fix" --Werror "${files[@]}"
format=$?

# HOURGLASS_BAZEL_FLAGS: start-up flags of Bazel, such as --output_base.
bazel=(./bazelw ${HOURGLASS_BAZEL_FLAGS:-})
bin="$("${bazel[@]}" info bazel-bin 2> /dev/null)"
root="$("${bazel[@]}" info execution_root 2> /dev/null)"
# Kernels are compiled once per instruction set by Highway; one of them is enough to read the code.
compile=(-std=c++20 -march=x86-64-v3 -fopenmp -DHWY_COMPILE_ONLY_STATIC
         -iquote . -isystem "$bin" -isystem "$root/external/onednn/include")
analyse() { clang-tidy --quiet --warnings-as-errors='*' "$1" -- "${@:2}" 2> /dev/null; }
export -f analyse
printf '%s\0' "${sources[@]}" |
  xargs -0 -P "$(nproc)" -I{} bash -c 'analyse "$@"' _ {} "${compile[@]}"
tidy=$?

(( format == 0 && tidy == 0 ))
