#!/usr/bin/env bash
# The whole job on one machine: from nothing to an answer of a fused model.
#
#   deploy/demo/run_demo.sh            runs, prints the closing table, leaves nothing behind
#   deploy/demo/run_demo.sh --keep     leaves the coordinator running and its files in place
#
# A launcher founds a cooperative and publishes a small base model. Four members, each in a directory and processes of
# its own, train on text that never leaves that directory and submit signed weights. The coordinator predicts, fuses,
# releases and serves. One member leaves, and the others' model is fused again without it. Every command is printed as it
# is typed: this script reads as a tutorial.
#
# KALAVAI_DEMO_DIR   where it works (default: a fresh temporary directory)
# KALAVAI_DEMO_SIZE  full (default) or tiny: seconds instead of minutes, for tests
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/demo/shell_steps.sh

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
    leaver=bogdan
    questions=("And the LORD spake unto Moses, saying," "def __init__(self, name):")
    base_steps=400 member_steps=40 pilot_steps=15 layers=3 hidden=96 heads=4 vocabulary=1024 batch=16 chunk=256 learning_rate=2e-3 threads=2
    ;;
  tiny)
    members=(alice:python bogdan:cplusplus chiara:perl daniel:licences)
    leaver=daniel
    questions=("This License applies to any program" "def __init__(self, name):")
    base_steps=60 member_steps=40 pilot_steps=10 layers=2 hidden=64 heads=2 vocabulary=512 batch=8 chunk=128 learning_rate=2e-3 threads=1
    ;;
  *) echo "run_demo.sh: KALAVAI_DEMO_SIZE: '$size' found; must be full or tiny" >&2; exit 2 ;;
esac

# --- housekeeping ---------------------------------------------------------------------------------------------------
work=${KALAVAI_DEMO_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/kalavai-demo-XXXXXX")}
mkdir -p "$work"
started=$SECONDS

clean_up() {
  status=$?
  trap - EXIT INT TERM
  if [ $keep = yes ] && [ $status = 0 ]; then
    echo
    echo "Left running: coordinator (process $server), files in $work"
    echo "Stop it with:  kill $server && rm -r $work"
    exit 0
  fi
  stop_coordinator
  if [ $status != 0 ] && [ $status != 130 ] && [ -s "$work/coordinator.log" ]; then
    echo "run_demo.sh: failed; the coordinator's last lines:" >&2
    tail -n 5 "$work/coordinator.log" >&2
  fi
  rm -rf "$work"
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- build ----------------------------------------------------------------------------------------------------------
if [ -z "${KALAVAI_DEMO_BIN:-}" ]; then
  chapter "Build the two programs"
  run deploy/install_dependencies.sh
  run cmake --preset release --log-level=WARNING
  run cmake --build --preset release --target kalavai kalavai-coordinator
fi
tree=$PWD
PATH=${KALAVAI_DEMO_BIN:-$PWD/build/release/bin}:$PATH
export PATH
cd "$work"

chapter "Real text, from Debian packages"
run "$tree/deploy/demo/make_corpora.sh" text $size

# --- launch ---------------------------------------------------------------------------------------------------------
chapter "The launcher: a small base model, a coordinator, a cooperative"
run kalavai-coordinator base pretrain --out base --text text/general/private.txt --vocabulary $vocabulary \
  --hidden $hidden --layers $layers --heads $heads --chunk-tokens $chunk --steps $base_steps --batch $batch \
  --learning-rate 3e-3 --threads $threads
run kalavai-coordinator init --data coordinator
start_coordinator $threads

domains=$(IFS=,; echo "${members[*]#*:}")
run kalavai-coordinator coop create --data coordinator --cooperative demo --domains "$domains" --chunk-tokens $chunk
run kalavai-coordinator base import --data coordinator --cooperative demo "$work/base"
run kalavai-coordinator coop probe add --data coordinator --cooperative demo --public-class --domain general \
  --file text/general/probe.txt
for member in "${members[@]}"; do
  run kalavai-coordinator coop probe add --data coordinator --cooperative demo --domain "${member#*:}" \
    --file "text/${member#*:}/probe.txt"
done
run kalavai-coordinator coop launch --data coordinator --cooperative demo
for member in "${members[@]}"; do
  # The code is a secret: it goes to the member by a channel they trust, here a file.
  run kalavai-coordinator invite --data coordinator --cooperative demo --contributor "${member%:*}" \
    --domain "${member#*:}" > "${member%:*}.invitation"
done

# --- members --------------------------------------------------------------------------------------------------------
for member in "${members[@]}"; do
  name=${member%:*} domain=${member#*:}
  chapter "$name, who has $domain: joins, looks before training"
  run kalavai join --workspace "$name" "$(tail -n 1 "$name.invitation")"
  run kalavai fetch --workspace "$name"
  run kalavai train --workspace "$name" --data "text/$domain/private.txt" --steps $member_steps --pilot $pilot_steps \
    --batch $batch --learning-rate $learning_rate --threads $threads
  run kalavai predict --workspace "$name" --rows --row-chunks 16 --threads $threads || [ $? = 1 ]
done

chapter "The operator: is it worth the compute?"
run kalavai-coordinator predict --data coordinator --cooperative demo

for member in "${members[@]}"; do
  name=${member%:*} domain=${member#*:}
  chapter "$name trains and submits"
  run kalavai train --workspace "$name" --data "text/$domain/private.txt" --steps $member_steps --batch $batch \
    --learning-rate $learning_rate --threads $threads
  run kalavai evaluate --workspace "$name" --own --threads $threads
  run kalavai submit --workspace "$name" --dry-run
  run kalavai submit --workspace "$name" > >(tee "$name.submitted")
done

chapter "What pooling would give, for comparison: only a demo may do this"
pooled=()
for member in "${members[@]}"; do pooled+=(--text "text/${member#*:}/private.txt"); done
run kalavai-coordinator base pretrain --from base --out pooled "${pooled[@]}" --chunk-tokens $chunk \
  --steps $((${#members[@]} * member_steps)) --batch $batch --learning-rate $learning_rate --threads $threads

# --- fusion and answers ---------------------------------------------------------------------------------------------
chapter "The administrator: fuses and releases"
run kalavai-coordinator members --data coordinator --cooperative demo
run kalavai-coordinator fuse --data coordinator --cooperative demo --weight-average \
  --reference pooled="$work/pooled"
run kalavai-coordinator release --data coordinator --cooperative demo
run kalavai-coordinator models --data coordinator --cooperative demo
run kalavai-coordinator matrix --data coordinator --cooperative demo
run kalavai credit --workspace "${members[0]%:*}"

chapter "Any member asks, in two domains"
for question in "${questions[@]}"; do
  run kalavai ask --workspace "${members[0]%:*}" "$question" --tokens 40 \
  --temperature 0.7 --seed 1
done

# --- leaving --------------------------------------------------------------------------------------------------------
chapter "$leaver leaves: silent at once, bytes deleted, a receipt that anybody can check"
run kalavai withdraw --workspace "$leaver" --yes --comment "the project ended"
# Offline: the receipt holds the leaf, the tree head and the proof; the keys are the workspace's.
run kalavai verify-receipt --workspace "$leaver" "$leaver/receipts/withdrawal.json"

chapter "The others' model, fused again without $leaver from what was kept"
# The coordinator does it by itself; here we only wait until that model is released.
resolved=no
for _ in $(seq 600); do
  kalavai-coordinator models --data coordinator --cooperative demo > models.txt 2> models.log
  ! grep -q 'models/fusion-2  ACTIVE' models.txt || { resolved=yes; break; }
  sleep 0.1
done
[ $resolved = yes ] || { echo "run_demo.sh: no model without $leaver after a minute" >&2; exit 1; }
run kalavai-coordinator models --data coordinator --cooperative demo
run kalavai-coordinator matrix --data coordinator --cooperative demo
for question in "${questions[@]}"; do
  run kalavai ask --workspace "${members[0]%:*}" "$question" --tokens 40 --temperature 0.7 --seed 1
done

chapter "What left each member's machine"
for member in "${members[@]}"; do
  printf '%-8s %s\n' "${member%:*}" "$(grep -o 'sent [0-9]* bytes' "${member%:*}.submitted")"
done

chapter "Times"
printf '%s\n' "${timings[@]}"
echo "$((SECONDS - started)) s in all"
