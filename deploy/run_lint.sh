#!/usr/bin/env bash
# Checks format and lint with the versions the tree is written for. Changes nothing, installs nothing.
#
#   deploy/run_lint.sh             every file
#   deploy/run_lint.sh FILE…       these only
#   JOBS=2 deploy/run_lint.sh      that many clang-tidy at once (default: one a processor)
#
# Sources that include LibTorch are formatted but not linted: its headers alone take clang-tidy minutes.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
jobs=${JOBS:-$(nproc)}

missing=no
for tool in clang-format-14 clang-tidy-14; do
  command -v "$tool" >/dev/null && continue
  echo "not found: $tool (Debian: apt-get install $tool)" >&2
  missing=yes
done
[ "$missing" = no ] || exit 2

files=()
if [ $# -gt 0 ]; then
  for file in "$@"; do files+=("$(realpath -e -- "$file")"); done
else
  while IFS= read -r -d '' file; do files+=("$file"); done < <(find "$root"/{common,coordinator,contributor,tests} \
    \( -name '*.cc' -o -name '*.h' \) -print0 | sort -z)
fi

echo "== format: ${#files[@]} files"
clang-format-14 --dry-run -Werror "${files[@]}"

# clang-tidy needs the compile commands and the generated protocol headers.
if [ ! -e "$build/compile_commands.json" ] || [ ! -e "$build/proto/libkalavai_proto.a" ]; then
  echo "not built: $build (cmake --preset release && cmake --build --preset release --target kalavai_proto)" >&2
  exit 2
fi
linted=()
skipped=0
for file in "${files[@]}"; do
  case $file in *.cc) ;; *) continue ;; esac  # headers are linted through the sources that include them
  command=$(grep -F -- "-c $file\"" "$build/compile_commands.json" || true)
  case $command in
    "") echo "not in the build, so not linted: $file" >&2; exit 2 ;;
    *torch/include*) skipped=$((skipped + 1)) ;;
    *) linted+=("$file") ;;
  esac
done
echo "== lint: ${#linted[@]} sources, $jobs at once; $skipped with LibTorch's headers left out"
[ ${#linted[@]} -gt 0 ] || exit 0
# The build's compiler is g++: clang does not know all of its warnings.
printf '%s\0' "${linted[@]}" | xargs -0 -n 1 -P "$jobs" clang-tidy-14 -p "$build" --quiet \
  --extra-arg=-Wno-unknown-warning-option
echo "== lint: clean"
