#!/usr/bin/env bash
# A cooperative of twenty members with twenty domains, from nothing to an answer, by the real programs over mutual TLS;
# prints what each phase took and what the fusion took after the last upload.
#
#   tests/experiments/twenty_members.sh WORK CORPORA BASE_TEXT
#
#   WORK       directory to work in; must be empty or absent; stays (results: WORK/times.txt, WORK/report-twenty)
#   CORPORA    directory of UTF-8 .txt files, at any depth; the largest become domains, split when they are too few
#   BASE_TEXT  the text the base is trained on; never a domain
#
# KALAVAI_DEMO_BIN  directory of the two programs (default: build/release/bin)
# TWENTY_MEMBERS    how many members (default: 20)
# TWENTY_THREADS    threads of training, probing and generation (default: 1)
#
# Nineteen members submit and are fused and released. Then the twentieth joins, trains and submits: what `fuse` takes
# from there is "after the last upload". It is run without the weight average, which is a model of its own and costs a
# second probe pass, then with it.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
tree=$(cd "$(dirname "$0")/../.." && pwd)
source "$tree/deploy/demo/shell_steps.sh"
mkdir -p "$1"
work=$(cd "$1" && pwd) corpora=$(realpath "$2") base_text=$(realpath "$3")
[ -d "$corpora" ] && [ -f "$base_text" ] || { echo "twenty_members.sh: CORPORA must be a directory, BASE_TEXT a file" >&2; exit 2; }
[ -z "$(ls -A "$work")" ] || { echo "twenty_members.sh: $work: holds files; must be empty or absent" >&2; exit 2; }
PATH=${KALAVAI_DEMO_BIN:-$tree/build/release/bin}:$PATH
export PATH
members=${TWENTY_MEMBERS:-20} threads=${TWENTY_THREADS:-1}
[ "$members" -ge 3 ] || { echo "twenty_members.sh: TWENTY_MEMBERS: '$members' found; must be at least 3" >&2; exit 2; }
vocabulary=1024 hidden=96 layers=2 heads=4 chunk=256 base_steps=200 member_steps=60 batch=8 learning_rate=2e-3
private_bytes=400000 probe_bytes=32000

clean_up() {
  status=$?
  trap - EXIT INT TERM
  stop_coordinator
  if [ $status != 0 ] && [ $status != 130 ] && [ -s "$work/coordinator.log" ]; then
    echo "twenty_members.sh: failed; the coordinator's last lines:" >&2
    tail -n 5 "$work/coordinator.log" >&2
  fi
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$work"

# Runs a command as part of a phase: its output goes to the log, its time to the phase's sum.
declare -A phase_seconds=() phase_runs=()
phases=()
in_phase() {
  local phase=$1 start
  shift
  [ -n "${phase_seconds[$phase]:-}" ] || { phases+=("$phase"); phase_seconds[$phase]=0; phase_runs[$phase]=0; }
  echo "\$ $*" >> log.txt
  start=$(now)
  "$@" >> log.txt 2>&1 || { echo "failed: $*" >&2; tail -n 8 log.txt >&2; return 1; }
  phase_seconds[$phase]=$(perl -e 'printf "%.2f", $ARGV[0] + $ARGV[2] - $ARGV[1]' "${phase_seconds[$phase]}" "$start" "$(now)")
  phase_runs[$phase]=$((phase_runs[$phase] + 1))
}

administer() { kalavai-coordinator "$@" --data coordinator; }
in_coop() { administer "$@" --cooperative twenty; }

# --- texts ----------------------------------------------------------------------------------------------------------
chapter "$members domains"
# DOMAIN, file, part, parts: the largest files; while there are too few, the one with the largest parts is cut once more.
find "$corpora" -type f -name '*.txt' -size +0 -not -samefile "$base_text" -printf '%s\t%p\n' | LC_ALL=C sort -k1,1nr -k2 |
  perl -e '
    my ($wanted, $root) = @ARGV;
    my @files;
    while (<STDIN>) { chomp; my ($size, $path) = split /\t/; push @files, {size => $size, path => $path, parts => 1}; }
    die "no .txt file in $root\n" unless @files;
    splice @files, $wanted if @files > $wanted;
    for (my $count = @files; $count < $wanted; ++$count) {
      my ($largest) = sort { $b->{size} / $b->{parts} <=> $a->{size} / $a->{parts} } @files;
      ++$largest->{parts};
    }
    for my $file (@files) {
      (my $name = lc substr($file->{path}, length($root) + 1, -4)) =~ s/[^a-z0-9]+/-/g;
      $name =~ s/^[^a-z]+//; $name = substr($name || "text", 0, 55); $name =~ s/-+$//;
      for my $part (0 .. $file->{parts} - 1) {
        printf "%s\t%s\t%d\t%d\n", $name . ($file->{parts} > 1 ? "-" . ($part + 1) : ""), $file->{path}, $part, $file->{parts};
      }
    }' "$members" "$corpora" > domains.tsv

# Prints the lines that begin in part $2 of $3 equal parts of file $1; a blank line ends a paragraph of 1,000 bytes, since
# a file of one record a line may have none.
part_of() {
  perl -e 'my ($path, $part, $parts) = @ARGV; my $size = -s $path; my ($at, $length) = (0, 0);
    open(my $file, "<", $path) or die "$path: $!";
    while (<$file>) {
      if ($at >= $size * $part / $parts && $at < $size * ($part + 1) / $parts) {
        print;
        $length = /^\s*$/ ? 0 : $length + length;
        if ($length > 1000) { print "\n"; $length = 0; }
      }
      $at += length;
    }' "$@"
}

# A text as documents of about 1,500 bytes, one a line: a probe text must have some in either half.
as_documents() {
  perl -e '$/ = ""; my $text = "";
    sub flush_text {
      $text =~ s/(["\\])/\\$1/g; $text =~ s/([\x00-\x1f])/sprintf "\\u%04x", ord $1/ge;
      print "{\"text\": \"$text\"}\n" if $text ne ""; $text = "";
    }
    while (<STDIN>) { $text .= $_; flush_text() if length($text) > 1500; }
    flush_text();'
}
domains=()
while IFS=$'\t' read -r domain file part parts; do
  part_of "$file" "$part" "$parts" | split_text "text/$domain" $private_bytes $probe_bytes
  as_documents < "text/$domain/probe.txt" > "text/$domain/probe.jsonl"
  domains+=("$domain")
  printf '%-34s private %6d bytes, probe %5d bytes\n' "$domain" "$(wc -c < "text/$domain/private.txt")" "$(wc -c < "text/$domain/probe.txt")"
done < domains.tsv
split_text text/base 4000000 $probe_bytes < "$base_text"
as_documents < text/base/probe.txt > text/base/probe.jsonl

# --- launch ---------------------------------------------------------------------------------------------------------
chapter "Launch"
in_phase "base pretrain" kalavai-coordinator base pretrain --out base --text text/base/private.txt --vocabulary $vocabulary \
  --hidden $hidden --layers $layers --heads $heads --chunk-tokens $chunk --steps $base_steps --batch $batch \
  --learning-rate 3e-3 --threads "$threads"
grep -h 'million weights\|held-out loss' log.txt
in_phase "coordinator init" administer init
start_coordinator "$threads"
in_phase "coop create, base import, launch" in_coop coop create --domains "$(IFS=,; echo "${domains[*]}")" --chunk-tokens $chunk
in_phase "coop create, base import, launch" in_coop base import "$work/base"
in_phase "probe add" in_coop coop probe add --public-class --domain general --file text/base/probe.jsonl
for domain in "${domains[@]}"; do
  in_phase "probe add" in_coop coop probe add --domain "$domain" --file "text/$domain/probe.jsonl"
done
in_phase "coop create, base import, launch" in_coop coop launch

# --- members --------------------------------------------------------------------------------------------------------
invite() { in_coop invite --contributor "$1" --domain "$2" | tail -n 1 > "$1.invitation"; }
# Reports the member's two losses; refused (exit 1) while it is the only one that has.
look_ahead() { kalavai predict --workspace "$1" || [ $? = 1 ]; }
member() {
  local domain=$1 name
  name=member-$2
  in_phase "invite" invite "$name" "$domain"
  in_phase "join" kalavai join --workspace "$name" "$(cat "$name.invitation")"
  in_phase "fetch" kalavai fetch --workspace "$name"
  in_phase "train" kalavai train --workspace "$name" --data "text/$domain/private.txt" --steps $member_steps \
    --batch $batch --learning-rate $learning_rate --threads "$threads"
  in_phase "predict" look_ahead "$name"
  in_phase "submit" kalavai submit --workspace "$name"
  rm -r "$name/training"  # optimizer states of twenty members
  echo "$name ($domain) is admitted"
}
chapter "All members but the last"
for ((i = 0; i < members - 1; ++i)); do member "${domains[$i]}" $((i + 1)); done

# --- fusion ---------------------------------------------------------------------------------------------------------
# The coordinator's own clock: seconds spent in a state so far, and probe passes so far.
metric() { administer metrics 2>> log.txt | awk -v name="$1" '$1 == name { print $2; found = 1 } END { if (!found) print 0 }'; }
in_state() { metric "kalavai_fusion_duration_seconds_sum{state=\"$1\"}"; }
difference() { perl -e 'printf "%.1f", $ARGV[1] - $ARGV[0]' "$1" "$2"; }

fusion_lines=()
# fuse NAME OPTIONS: one fusion; a line of its times. Sets `passes`, `probing`, `wall`.
fuse() {
  local name=$1 start was_passes was_probing was_training was_evaluating
  shift
  was_passes=$(metric kalavai_fusion_probe_passes_total) was_probing=$(in_state probing)
  was_training=$(in_state training_router) was_evaluating=$(in_state evaluating)
  start=$(now)
  in_phase "fuse" in_coop fuse --fusion "$name" --report "report-$name" "$@"
  wall=$(seconds_since "$start")
  passes=$(($(metric kalavai_fusion_probe_passes_total) - was_passes))
  probing=$(difference "$was_probing" "$(in_state probing)")
  fusion_lines+=("$(printf '%-24s %6s s = probing %s s (%d passes) + router %s s + evaluation and report %s s + the rest' "$name" \
    "$wall" "$probing" $passes "$(difference "$was_training" "$(in_state training_router)")" \
    "$(difference "$was_evaluating" "$(in_state evaluating)")")")
  echo "${fusion_lines[-1]}"
}

chapter "Fusion of $((members - 1)), released"
fuse all-but-one
in_phase "release" in_coop release --fusion all-but-one --acknowledge "small models, measured for their time"

chapter "The last member"
member "${domains[$((members - 1))]}" "$members"
fuse last
after_upload=$wall
one_pass=$probing last_passes=$passes
fuse complete --weight-average
in_phase "release" in_coop release --fusion complete --acknowledge "small models, measured for their time"

# --- answers --------------------------------------------------------------------------------------------------------
chapter "What everybody sees"
for domain in "${domains[0]}" "${domains[$((members / 2))]}" "${domains[$((members - 1))]}"; do
  prompt=$(perl -CS -0777 -ne 's/\s+/ /g; print substr($_, 0, 120)' "text/$domain/probe.txt")
  in_phase "ask" kalavai ask --workspace member-1 "$prompt" --tokens 20 --temperature 0
done
in_phase "members, matrix, credit, predict" in_coop members
in_phase "members, matrix, credit, predict" in_coop matrix
in_phase "members, matrix, credit, predict" in_coop credit
in_phase "members, matrix, credit, predict" in_coop predict
in_phase "members, matrix, credit, predict" kalavai credit --workspace member-2

# --- times ----------------------------------------------------------------------------------------------------------
chapter "Times"
{
  for phase in "${phases[@]}"; do
    printf '%-36s %8.1f s  %3d commands\n' "$phase" "${phase_seconds[$phase]}" "${phase_runs[$phase]}"
  done
  printf '%s\n' "${fusion_lines[@]}"
  printf 'after the last upload: %s s, of which probing %s s (%d pass): everything else %s s\n' "$after_upload" "$one_pass" \
    "$last_passes" "$(difference "$one_pass" "$after_upload")"
  printf 'coordinator, most memory: %s\n' "$(awk '/^VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$server/status")"
  printf '%d s in all\n' $SECONDS
} | tee times.txt
