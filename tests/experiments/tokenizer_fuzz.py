#!/usr/bin/env python3
"""Compares our token ids with those of Hugging Face's tokenizers (PyPI tokenizers 0.23.3).

    pip install tokenizers==0.23.3
    python tokenizer_fuzz.py --kalavai build/release/bin/kalavai --strings 200000 TOKENIZER.json …
    python tokenizer_fuzz.py --kalavai … --text CORPUS.txt … --tokenizer TOKENIZER.json …

Random strings are seeded and mix scripts, marks, white space, digits, unassigned and private
code points, controls, and the tokenizer's own added tokens, whole and cut. Every line is encoded by
both; ids are decoded by both. Prints one line a tokenizer; exits 1 on any difference.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

RANGES = [(0x20, 0x7E)] * 8 + [
    (0x00, 0x09), (0x0B, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x250, 0x36F), (0x370, 0x58F),
    (0x590, 0x8FF), (0x900, 0xDFF), (0xB80, 0xBFF), (0xE00, 0x10FF), (0x1100, 0x13FF),
    (0x1680, 0x18FF), (0x1AB0, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x20FF), (0x2100, 0x2BFF),
    (0x2E80, 0x30FF), (0x3400, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF),
    (0xF900, 0xFFFF), (0x10000, 0x11FFF), (0x16000, 0x18FFF), (0x1B000, 0x1BFFF),
    (0x1CC00, 0x1F0FF), (0x1F100, 0x1FBFF), (0x2A6D0, 0x323FF), (0xE0000, 0xE01EF),
    (0x0, 0x10FFFF)]
PIECES = [" ", "  ", "   ", "\t", "\r", "\r\r", " \r", "'s", "'S", "'\u017f", "'ll", "'RE", "'ve",
          "don't", "e\u0301", "\u0323\u0301", "\u0bc6\u0bbe", "\u1100\u1161\u11a8", "12", "123",
          "1234567", "\u0663", "\u00bd", "\u2028", "\u0085", "\u00a0", "\u3000", "\u180e",
          "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u202e", "\u200f", "\ufeff", "\ufffd",
          "\x00", "<0x41>", "\u2581", " word", "Word", "\ufb01", "\u212b", "!!!", "...", "://"]


def character(rng: random.Random) -> str:
    low, high = rng.choice(RANGES)
    while True:
        code = rng.randint(low, high)
        if code != 0x0A and not 0xD800 <= code < 0xE000:
            return chr(code)


def random_lines(count: int, added: list[str]) -> list[str]:
    rng = random.Random(20261123)
    lines = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(0, 12)):
            kind = rng.random()
            if kind < 0.45:
                parts.append("".join(character(rng) for _ in range(rng.randint(1, 6))))
            elif kind < 0.85 or not added:
                parts.append(rng.choice(PIECES))
            else:
                token = rng.choice(added)
                parts.append(token if rng.random() < 0.7 else token[:rng.randint(0, len(token))])
        lines.append("".join(parts).replace("\n", ""))
    return lines


def run(program: str, verb: str, tokenizer: str, lines: list[str]) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
        file.flush()
        done = subprocess.run([program, "tokenizer", verb, "--tokenizer", tokenizer, file.name],
                              capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{tokenizer}: {done.stderr.decode()}")
    return done.stdout.decode().split("\n")[:-1]


def compare(program: str, path: str, lines: list[str]) -> int:
    theirs = Tokenizer.from_file(path)
    ids = [e.ids for e in theirs.encode_batch(lines, add_special_tokens=False)]
    spelled = [" ".join(map(str, row)) for row in ids]
    ours = run(program, "encode", path, lines)
    wrong = [i for i in range(len(lines)) if len(ours) != len(lines) or ours[i] != spelled[i]]
    texts = theirs.decode_batch(ids, skip_special_tokens=False)
    kept = [i for i in range(len(texts)) if "\n" not in texts[i]]
    decoded = run(program, "decode", path, [spelled[i] for i in kept])
    wrong_texts = [i for i, text in zip(kept, decoded) if texts[i] != text]
    print(f"{pathlib.Path(path).name}: {len(lines)} lines, {sum(map(len, ids))} tokens, "
          f"{len(wrong)} lines of other ids, {len(wrong_texts)} of other text", flush=True)
    for i in wrong[:3]:
        print("  text", ascii(lines[i])[:300], "\n  theirs", spelled[i][:300], "\n  ours  ",
              ours[i][:300])
    for i in wrong_texts[:3]:
        print("  theirs", ascii(texts[i])[:300], "\n  ours  ", ascii(decoded[kept.index(i)])[:300])
    return len(wrong) + len(wrong_texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kalavai", required=True)
    parser.add_argument("--strings", type=int, default=200000)
    parser.add_argument("--text", nargs="*", default=[], help="lines of these files instead")
    parser.add_argument("--tokenizer", nargs="*", default=[])
    parser.add_argument("tokenizers", nargs="*")
    flags = parser.parse_args()
    wrong = 0
    for path in flags.tokenizer + flags.tokenizers:
        if flags.text:
            lines = []
            for text in flags.text:
                lines += pathlib.Path(text).read_bytes().decode().removesuffix("\n").split("\n")
        else:
            added = [t.content for t in Tokenizer.from_file(path).get_added_tokens_decoder().values()]
            lines = random_lines(flags.strings, [t for t in added if "\n" not in t])
        wrong += compare(flags.kalavai, path, lines)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
