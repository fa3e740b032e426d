#!/usr/bin/env bash
# Measures the foundations beside the tools everybody has, in one run, and prints a Markdown report.
#
#   tests/benchmark/run.sh [ROUNDS]      default 5 rounds; needs a release build and 4 GB of free disk
#   KALAVAI_BENCHMARK_MIB=64 tests/benchmark/run.sh 1      a quick look: a smaller checkpoint
#
# One-core figures are bytes a second of CPU time, pinned to one core, ours and theirs in turn within
# each round, so that other work on the machine falls on both alike; only their ratio is a claim.
# Opening and scaling are wall time and mean something on an idle machine only: the load is printed.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-5}
case "$rounds" in ''|*[!0-9]*|0) echo "usage: tests/benchmark/run.sh [ROUNDS]" >&2; exit 2 ;; esac
program=build/release/bin/benchmark_foundations
if [ ! -x "$program" ]; then
  echo "run.sh: $program is absent" >&2
  echo "  fix: cmake --preset release && cmake --build --preset release --target benchmark_foundations" >&2
  exit 1
fi
mib=${KALAVAI_BENCHMARK_MIB:-1600}
core=$(taskset -cp $$ | sed 's/.*[ ,-]//')  # the last this process may use
directory=$(mktemp -d "${TMPDIR:-/tmp}/kalavai-benchmark-XXXXXX")
trap 'rm -rf "$directory"' EXIT
results=$directory/results.txt

# ours FILTER PREFIX…: lines "name,iterations,real,cpu,unit,bytes/s,…" of the benchmarks that match
ours() {
  local filter=$1
  shift
  "$@" "$program" --directory="$directory" --checkpoint_mib="$mib" --benchmark_filter="$filter" \
    --benchmark_format=csv 2>/dev/null | grep '^"BM_' | tr -d '"'
}

# record KEY VALUE
record() { echo "$1 $2" >> "$results"; }

# MB/s of CPU time from real and CPU milliseconds of one pass over the checkpoint
cpu_rate() { awk -F, -v mib="$mib" '{ printf "%.1f\n", mib * 1.048576 / ($4 / 1000) }'; }
wall_rate() { awk -F, -v mib="$mib" '{ printf "%.1f\n", mib * 1.048576 / ($3 / 1000) }'; }

# other COMMAND…: MB/s of CPU time of a program that reads the checkpoint
other() {
  local TIMEFORMAT='%U %S' times
  times=$( { time taskset -c "$core" "$@" "$directory/single/model.safetensors" > /dev/null; } 2>&1 )
  echo "$times" | awk -v mib="$mib" '{ printf "%.1f\n", mib * 1.048576 / ($1 + $2) }'
}

ours 'BM_OpenCheckpoint' > /dev/null  # writes the files and warms the page cache
cat "$directory"/*/*.safetensors > /dev/null
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  for size in 16384 1048576; do
    a=$(ours "BM_Sha256/bytes:$size\$" taskset -c "$core" | awk -F, '{ printf "%.1f", $6 / 1e6 }')
    b=$(taskset -c "$core" openssl speed -mr -evp sha256 -bytes "$size" -seconds 1 2>/dev/null |
      awk -F: '/^\+F/ { printf "%.1f", $4 / 1e6 }')
    record "sha256_$size" "$a"
    record "openssl_$size" "$b"
    record "ratio_openssl_$size" "$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f", a / b }')"
  done
  a=$(ours 'BM_DigestFile' taskset -c "$core" | cpu_rate)
  b=$(other sha256sum)
  c=$(other openssl dgst -sha256)
  record digest_file "$a"
  record sha256sum "$b"
  record openssl_dgst "$c"
  record ratio_sha256sum "$(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f", a / b }')"
  record ratio_openssl_dgst "$(awk -v a="$a" -v b="$c" 'BEGIN { printf "%.3f", a / b }')"
  record digest_tensors "$(ours 'BM_DigestTensors' taskset -c "$core" | cpu_rate)"
  one=
  for threads in 1 2 4; do
    rate=$(ours "BM_DigestShards/threads:$threads/" | wall_rate)
    one=${one:-$rate}
    record "shards_$threads" "$rate"
    record "scaling_$threads" "$(awk -v a="$rate" -v b="$one" 'BEGIN { printf "%.2f", a / b }')"
  done
  record open_ms "$(ours 'BM_OpenCheckpoint' taskset -c "$core" | awk -F, '{ printf "%.3f", $3 }')"
  record open_sharded_ms "$(ours 'BM_OpenShardedCheckpoint' taskset -c "$core" | awk -F, '{ printf "%.3f", $3 }')"
  parse=$(ours 'BM_SafetensorsParse/tensors:100000' taskset -c "$core")
  record parse_ms "$(echo "$parse" | awk -F, '{ printf "%.1f", $4 }')"
  record parse_memory "$(echo "$parse" | awk -F, '{ printf "%.2f", $NF }')"
done

# row KEY TEXT CLAIM
row() {
  grep "^$1 " "$results" | cut -d' ' -f2 | sort -n | awk -v text="$2" -v claim="$3" '
    { v[NR] = $1 }
    END { printf "| %s | %s | %s | %s | %s |\n", text, v[1], v[int((NR + 1) / 2)], v[NR], claim }'
}

cat <<END
- machine: $(lscpu | sed -n 's/^Model name: *//p'), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo), $(. /etc/os-release; echo "$PRETTY_NAME"), $(openssl version | cut -d' ' -f1-2), $(sha256sum --version | sed -n 1p)
- commit: $(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD -- || echo ' with changes')
- command: \`tests/benchmark/run.sh $rounds\`; checkpoint of $mib MiB, one file and $(ls "$directory"/sharded/*.safetensors | wc -l) shards; one-core figures on core $core
- load: $load_before before, $(cut -d' ' -f1-3 /proc/loadavg) after

| figure | min | median | max | must be |
|---|---|---|---|---|
END
row sha256_16384 'SHA-256, 16 KiB blocks, MB/s' ''
row openssl_16384 '`openssl speed -evp sha256 -bytes 16384`, MB/s' ''
row ratio_openssl_16384 'ratio' '≥ 0.9'
row sha256_1048576 'SHA-256, 1 MiB blocks, MB/s' ''
row openssl_1048576 '`openssl speed -evp sha256 -bytes 1048576`, MB/s' ''
row ratio_openssl_1048576 'ratio' '≥ 0.9'
row digest_file 'digest of the one file, MB/s' ''
row sha256sum '`sha256sum`, MB/s' ''
row ratio_sha256sum 'ratio' '≥ 0.9'
row openssl_dgst '`openssl dgst -sha256`, MB/s' ''
row ratio_openssl_dgst 'ratio' ''
row digest_tensors 'digests of all tensors from the mapping, MB/s' ''
row shards_1 'digest of the shards, 1 thread, MB/s of wall time' ''
row shards_2 '2 threads' ''
row scaling_2 'times one thread' ''
row shards_4 '4 threads' ''
row scaling_4 'times one thread' ''
row open_ms 'open, validate and map the one file, warm, ms' '≤ 50'
row open_sharded_ms 'the same of the shards, ms' ''
row parse_ms 'header of 100,000 tensors, ms of CPU time' '< 1000'
row parse_memory 'its most memory, by its size' '< 5'
