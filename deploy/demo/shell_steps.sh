#!/usr/bin/env bash
# Steps that scripts with real programs share; sourced, never run: source deploy/demo/shell_steps.sh
#
#   chapter TITLE              a heading
#   run COMMAND …              prints it as it is typed, runs it, remembers its time in `timings`
#   now, seconds_since TIME    clock with fractions
#   start_coordinator THREADS  serves ./coordinator on free ports and waits until it answers; sets `server`
#   stop_coordinator           ends that process, if there is one
#   free_port                  a port of the loopback that nobody listens on
#   split_text FOLDER PRIVATE_MAX PROBE_MAX   standard input to FOLDER/private.txt and FOLDER/probe.txt, no block in both
set -euo pipefail

timings=()
server=

chapter() { printf '\n### %s\n' "$1"; }

now() { echo "$EPOCHREALTIME"; }
seconds_since() { LC_ALL=C perl -e 'printf "%.1f", $ARGV[1] - $ARGV[0]' "$1" "$EPOCHREALTIME"; }

run() {
  printf '$ %s\n' "${*@Q}" | sed "s/'\([-A-Za-z0-9_.,:=\/]*\)'/\1/g" >&2
  local start
  start=$(now)
  "$@"
  timings+=("$(printf '%7s s  %s' "$(seconds_since "$start")" "$*")")
}

free_port() { perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(0, INADDR_LOOPBACK)) or die; print((sockaddr_in(getsockname(S)))[0])'; }

start_coordinator() {
  local listen enroll
  listen=127.0.0.1:$(free_port) enroll=127.0.0.1:$(free_port)
  echo "\$ kalavai-coordinator serve --data coordinator --listen $listen --enroll-listen $enroll --threads $1 &"
  kalavai-coordinator serve --data coordinator --listen "$listen" --enroll-listen "$enroll" \
    --threads "$1" > coordinator.out 2> coordinator.log &
  server=$!
  for _ in $(seq 100); do grep -q 'Started coordinator' coordinator.log && break; sleep 0.1; done
  kill -0 "$server"
}

stop_coordinator() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  server=
}

# Cuts text at blank lines into blocks of about 4,000 bytes and writes every eighth block to probe.txt, the others to
# private.txt, up to the bytes given.
split_text() {
  local folder=$1
  mkdir -p "$folder"
  perl -e '
    my ($folder, $private_max, $probe_max) = @ARGV;
    my %room = (private => $private_max, probe => $probe_max);
    my %file;
    for my $part (keys %room) { open($file{$part}, ">", "$folder/$part.txt") or die "$folder/$part.txt: $!"; }
    my ($block, $count, %seen) = ("", 0);
    my $flush = sub {
      my $text = $block;
      $block = "";
      return if $text eq "";
      my $part = $count++ % 8 == 7 ? "probe" : "private";
      return if length($text) > $room{$part};
      $room{$part} -= length($text);
      print { $file{$part} } $text;
    };
    $/ = "";
    while (my $paragraph = <STDIN>) {
      next if $seen{$paragraph}++;
      $flush->() if length($block) + length($paragraph) > 4000;
      $block .= $paragraph;
    }
    $flush->();
    close($_) or die "write: $!" for values %file;
  ' "$folder" "$2" "$3"
}
