#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test that needs no more than this machine.
#
#   deploy/run_tests.sh            all
#   deploy/run_tests.sh -R submit  arguments go to ctest
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local start=$SECONDS label=$1
  shift
  echo "== $label: $*"
  "$@"
  echo "== $label: $((SECONDS - start)) s"
}

step dependencies deploy/install_dependencies.sh
step configure cmake --preset release -DKALAVAI_TESTS=ON
step build cmake --build --preset release
step tests ctest --preset release --no-tests=error --parallel "$(nproc)" "$@"
