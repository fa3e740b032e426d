#!/usr/bin/env bash
# Installs what building and running KALAVAI needs. Idempotent, asks nothing, needs root or sudo for system packages.
#
#   deploy/install_dependencies.sh              everything for build and tests
#   deploy/install_dependencies.sh --with-cuda  also the CUDA libraries that LibTorch loads for --device cuda (not tested)
#
# Tried on Debian 12 and 13 from bare debootstrap chroots. Ubuntu 24.04 uses the same names (untested).
set -euo pipefail
cd "$(dirname "$0")/.."

with_cuda=no
case "${1:-}" in
  "") ;;
  --with-cuda) with_cuda=yes ;;
  *) echo "usage: deploy/install_dependencies.sh [--with-cuda]" >&2; exit 2 ;;
esac

# package                 why
packages=(
  ca-certificates         # verifies the package servers
  g++                     # C++20 compiler
  cmake                   # build description (3.25 or newer)
  ninja-build             # runs the build
  pkg-config              # finds utf8proc
  ccache                  # makes rebuilds fast
  python3                 # runs pip once, at set-up only
  python3-pip             # fetches LibTorch and google/rpc protos by hash
  libgrpc++-dev           # transport
  protobuf-compiler       # generates messages
  protobuf-compiler-grpc  # generates services
  libprotobuf-dev         # messages
  libabsl-dev             # Status, strings, time, synchronization
  libssl-dev              # SHA-256, ECDSA, X.509
  libsqlite3-dev          # the coordinator's database
  nlohmann-json3-dev      # strict JSON reading
  libcli11-dev            # commands, configuration files, environment
  libutf8proc-dev         # the tokenizer's Unicode normalisation
  libboost-math-dev       # quantiles of the t distribution
  prometheus-cpp-dev      # metrics
  catch2                  # tests
  libbenchmark-dev        # benchmarks
)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else echo "install_dependencies.sh: must be run as root, or sudo must be installed" >&2; exit 1
  fi
}

install_system_packages() {
  local missing=()
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then echo "system packages: all ${#packages[@]} present"; return; fi
  echo "system packages: installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# install_wheels FOLDER REQUIREMENTS [pip options]: into .deps/FOLDER, whole or not at all.
install_wheels() {
  local folder=.deps/$1 requirements=$2
  shift 2
  local wanted
  wanted=$(cat "$requirements" <(echo "$@") | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$folder/.installed" 2>/dev/null)" = "$wanted" ]; then echo "$folder: present"; return; fi
  echo "$folder: installing $(grep -c '==' "$requirements") packages"
  mkdir -p .deps
  rm -rf "$folder.new"
  # The cp311 wheel on every system, so that every machine links the same bytes.
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-cache-dir \
    --target "$folder.new" --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 "$@" -r "$requirements"
  rm -rf "$folder"
  echo "$wanted" > "$folder.new/.installed"
  mv "$folder.new" "$folder"
}

if [ "$(uname -m)" != x86_64 ]; then
  echo "install_dependencies.sh: the pinned LibTorch is for x86_64, this machine is $(uname -m)." >&2
  echo "  fix: install the system packages above, and pass any LibTorch 2.9 or newer with -DLIBTORCH_ROOT=DIR" >&2
  exit 1
fi
install_system_packages
install_wheels googleapis deploy/requirements-googleapis.txt --no-deps --require-hashes
if [ $with_cuda = yes ]; then
  sed 's/ --hash=.*//' deploy/requirements-libtorch.txt > .deps/requirements-cuda.txt
  install_wheels libtorch .deps/requirements-cuda.txt
else
  install_wheels libtorch deploy/requirements-libtorch.txt --no-deps --require-hashes
fi
