#!/usr/bin/env bash
# The whole job on one machine: from nothing to an answer of a fused model.
#
#   deploy/demo/run_demo.sh            runs, prints the closing table, leaves nothing behind
#   deploy/demo/run_demo.sh --keep     leaves the coordinator running and its files in place
#
# A launcher founds a cooperative and publishes a small base model. Four members, each in a directory and processes of
# its own, train on text that never leaves that directory and submit signed weights. The coordinator predicts, fuses,
# releases and serves. Every command is printed as it is typed: this script reads as a tutorial.
#
# KALAVAI_DEMO_DIR   where it works (default: a fresh temporary directory)
# KALAVAI_DEMO_SIZE  full (default) or tiny: seconds instead of minutes, for tests
set -euo pipefail
cd "$(dirname "$0")/../.."

keep=no
case "${1:-}" in
  "") ;;
  --keep) keep=yes ;;
  *) echo "usage: deploy/demo/run_demo.sh [--keep]" >&2; exit 2 ;;
esac

size=${KALAVAI_DEMO_SIZE:-full}
case $size in
  full)
    members=(alice:python bogdan:scripture chiara:russian daniel:essays)
    questions=("And the LORD spake unto Moses, saying," "def __init__(self, name):")
    base_steps=600 member_steps=150 pilot_steps=30 layers=4 hidden=192 heads=4 vocabulary=2048 batch=16 chunk=256
    ;;
  tiny)
    members=(alice:python bogdan:cplusplus chiara:perl daniel:licences)
    questions=("This License applies to any program" "def __init__(self, name):")
    base_steps=60 member_steps=40 pilot_steps=10 layers=2 hidden=64 heads=2 vocabulary=512 batch=8 chunk=128
    ;;
  *) echo "run_demo.sh: KALAVAI_DEMO_SIZE: '$size' found; must be full or tiny" >&2; exit 2 ;;
esac

# --- housekeeping ---------------------------------------------------------------------------------------------------
work=${KALAVAI_DEMO_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/kalavai-demo-XXXXXX")}
mkdir -p "$work"
server=
started=$SECONDS
timings=()

clean_up() {
  status=$?
  trap - EXIT INT TERM
  if [ $keep = yes ] && [ $status = 0 ]; then
    echo
    echo "Left running: coordinator (process $server), files in $work"
    echo "Stop it with:  kill $server && rm -r $work"
    exit 0
  fi
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  if [ $status != 0 ] && [ $status != 130 ] && [ -s "$work/coordinator.log" ]; then
    echo "run_demo.sh: failed; the coordinator's last lines:" >&2
    tail -n 5 "$work/coordinator.log" >&2
  fi
  rm -rf "$work"
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

chapter() { echo; echo "### $1"; }

# Prints a command as it would be typed, runs it, remembers its time.
run() {
  echo "\$ $*"
  local start=$EPOCHREALTIME
  "$@"
  local seconds
  seconds=$(perl -e 'printf "%.1f", $ARGV[1] - $ARGV[0]' "$start" "$EPOCHREALTIME")
  timings+=("$(printf '%7s s  %s' "$seconds" "$*")")
}

free_port() { perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(0, INADDR_LOOPBACK)) or die; print((sockaddr_in(getsockname(S)))[0])'; }

# --- build ----------------------------------------------------------------------------------------------------------
if [ -z "${KALAVAI_DEMO_BIN:-}" ]; then
  chapter "Build the two programs"
  run deploy/install_dependencies.sh
  run cmake --preset release -DKALAVAI_TESTS=OFF --log-level=WARNING
  run cmake --build --preset release --target kalavai kalavai-coordinator
fi
PATH=${KALAVAI_DEMO_BIN:-$PWD/build/release/bin}:$PATH
export PATH

chapter "Real text, from Debian packages"
run deploy/demo/make_corpora.sh "$work/text" $size

# --- launch ---------------------------------------------------------------------------------------------------------
chapter "The launcher: a small base model, a coordinator, a cooperative"
export KALAVAI_DATA=$work/coordinator
run kalavai-coordinator base pretrain --out "$work/base" --text "$work/text/general/private.txt" \
  --vocabulary $vocabulary --hidden $hidden --layers $layers --heads $heads --chunk-tokens $chunk \
  --steps $base_steps --batch $batch
run kalavai-coordinator init
listen=127.0.0.1:$(free_port) enroll=127.0.0.1:$(free_port)
echo "\$ kalavai-coordinator serve --listen $listen --enroll-listen $enroll &"
kalavai-coordinator serve --listen "$listen" --enroll-listen "$enroll" 2> "$work/coordinator.log" &
server=$!
for _ in $(seq 100); do grep -q 'Serving' "$work/coordinator.log" && break; sleep 0.1; done
kill -0 $server

domains=()
for member in "${members[@]}"; do domains+=(--domain "${member#*:}"); done
run kalavai-coordinator coop create demo "${domains[@]}" --chunk-tokens $chunk
run kalavai-coordinator base import --cooperative demo --from "$work/base"
run kalavai-coordinator coop probe add --cooperative demo --domain general --public --file "$work/text/general/probe.txt"
for member in "${members[@]}"; do
  run kalavai-coordinator coop probe add --cooperative demo --domain "${member#*:}" \
    --file "$work/text/${member#*:}/probe.txt"
done
run kalavai-coordinator coop launch demo
for member in "${members[@]}"; do
  run kalavai-coordinator invite --cooperative demo --contributor "${member%:*}" --domain "${member#*:}" \
    --out "$work/${member%:*}.invitation"
done

# --- members --------------------------------------------------------------------------------------------------------
for member in "${members[@]}"; do
  name=${member%:*} domain=${member#*:}
  chapter "$name, who has $domain: joins, looks before training"
  export KALAVAI_WORKSPACE=$work/$name
  run kalavai join "$(cat "$work/$name.invitation")"
  run kalavai fetch
  run kalavai train --data "$work/text/$domain/private.txt" --pilot $pilot_steps --steps $member_steps --batch $batch
  run kalavai predict
done

chapter "The operator: is it worth the compute?"
run kalavai-coordinator predict --cooperative demo --check

for member in "${members[@]}"; do
  name=${member%:*} domain=${member#*:}
  chapter "$name trains and submits"
  export KALAVAI_WORKSPACE=$work/$name
  run kalavai train --data "$work/text/$domain/private.txt" --steps $member_steps --batch $batch
  run kalavai evaluate --own
  run kalavai submit --dry-run
  run kalavai submit
done
unset KALAVAI_WORKSPACE

# --- fusion and answers ---------------------------------------------------------------------------------------------
chapter "The administrator: fuses and releases"
run kalavai-coordinator members --cooperative demo
run kalavai-coordinator fuse --cooperative demo --watch
run kalavai-coordinator release --cooperative demo
run kalavai-coordinator models --cooperative demo

chapter "Any member asks, in two domains"
export KALAVAI_WORKSPACE=$work/alice
for question in "${questions[@]}"; do run kalavai ask "$question" --tokens 40; done

chapter "Times"
printf '%s\n' "${timings[@]}"
echo "$((SECONDS - started)) s in all"
