#!/usr/bin/env bash
# Writes the demo's texts, taken from Debian packages: for each domain private.txt (the member's own, for training)
# and probe.txt (public, for the coordinator), with no document in both.
#
#   deploy/demo/make_corpora.sh OUT        six packages are installed (8 s), 14 MB of text
#   deploy/demo/make_corpora.sh OUT tiny   nothing is installed: texts that every machine that builds this holds
#
# domain       text                                         package               licence
# general      dictionary definitions, a handbook           wordnet-base,         WordNet licence,
#              (what the base is trained on)                debian-reference-en   GPL-2+
# python       Python's standard library                    libpython3-stdlib     PSF-2.0
# scripture    King James Bible                             bible-kjv-text        public domain
# russian      sayings and stories in Russian               fortunes-ru           GPL-2
# essays       political essays                             anarchism             GPL-2+
#
# tiny: general = this project's own files, python, cplusplus = the compiler's headers, perl = perl-base,
# licences = /usr/share/common-licenses.
set -euo pipefail
source "$(dirname "$0")/shell_steps.sh"
out=${1:?usage: deploy/demo/make_corpora.sh OUT [tiny]}
size=${2:-full}

strip_html() {
  perl -0777 -pe 's/<(script|style|head).*?<\/\1>//gs; s/<\/(p|div|h\d|li|blockquote)>/\n\n/g; s/<[^>]*>//g;
    s/&nbsp;|&#160;/ /g; s/&lt;/</g; s/&gt;/>/g; s/&quot;|&#34;/"/g; s/&#39;|&rsquo;/\x27/g; s/&amp;/&/g;
    s/[ \t]+/ /g; s/\n[ \t\n]*\n/\n\n/g'
}

# Prints the files named on standard input, with a blank line after each.
concatenate() { while read -r file; do cat "$file"; printf '\n\n'; done; }

python_files() { find -L /usr/lib/python3.* -maxdepth "$1" -name '*.py' -not -path '*-packages*' | LC_ALL=C sort; }

install_packages() {
  local packages=(python3 bible-kjv bible-kjv-text fortunes-ru anarchism wordnet-base debian-reference-en)
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

full_texts() {
  local private=2000000 probe=300000
  {
    zcat /usr/share/debian-reference/debian-reference.en.txt.gz
    for part in noun verb adj adv; do
      grep -v '^  ' "/usr/share/wordnet/data.$part" | sed 's/^[^|]*| *//' | perl -pe 's/ *$//; $_ .= "\n" if $. % 12 == 0'
    done
  } | split_text "$out/general" 6000000 $probe
  python_files 2 | concatenate | split_text "$out/python" $private $probe
  bible -f 'gen1:1-rev22:21' | perl -pe '$_ .= "\n" if $. % 20 == 0' | split_text "$out/scripture" $private $probe
  for file in /usr/share/games/fortunes/ru/*; do
    case $file in *.dat | *.u8) ;; *) cat "$file" ;; esac
  done | perl -pe 's/^%\r?$//' | split_text "$out/russian" $private $probe
  find /usr/share/doc/anarchism/html -name '*.html' | LC_ALL=C sort | xargs cat | strip_html | split_text "$out/essays" $private $probe
}

tiny_texts() {
  local private=400000 probe=60000 tree
  tree=$(cd "$(dirname "$0")/../.." && pwd)
  find "$tree"/{README.md,docs,proto,common,coordinator,contributor,deploy} -type f \
    '(' -name '*.md' -o -name '*.h' -o -name '*.cc' -o -name '*.sh' -o -name '*.proto' ')' | LC_ALL=C sort |
    concatenate | split_text "$out/general" 1000000 $probe
  python_files 1 | concatenate | split_text "$out/python" $private $probe
  find /usr/include/c++ -path '*/bits/*' -name '*.h' | LC_ALL=C sort | concatenate |
    split_text "$out/cplusplus" $private $probe
  find /usr/lib/*/perl-base -name '*.p[ml]' | LC_ALL=C sort | concatenate | split_text "$out/perl" $private $probe
  find -L /usr/share/common-licenses -type f | LC_ALL=C sort | concatenate | split_text "$out/licences" $private $probe
}

case $size in
  full) install_packages; full_texts ;;
  tiny) tiny_texts ;;
  *) echo "make_corpora.sh: size: '$size' found; must be full or tiny" >&2; exit 2 ;;
esac

for domain in "$out"/*/; do
  for part in private probe; do
    iconv -f UTF-8 -t UTF-8 "$domain$part.txt" > /dev/null ||
      { echo "make_corpora.sh: $domain$part.txt: not valid UTF-8" >&2; exit 1; }
  done
  printf '%-10s private %7d bytes, probe %6d bytes\n' "$(basename "$domain")" "$(wc -c < "${domain}private.txt")" \
    "$(wc -c < "${domain}probe.txt")"
done
