#!/usr/bin/env python3
"""Encoding speed beside Hugging Face's tokenizers, one thread each, alternating, in one run.

    pip install tokenizers==0.23.3 && taskset -c 0 python tokenizer_speed.py
        --benchmark build/release/bin/tokenizer_benchmark --rounds 3 --tokenizer T.json … --text F …

Both encode the same lines in process (no start-up, no reading): theirs by encode_batch and by
encode_batch_fast, which makes no offsets; ours by Tokenizer::Encode. Prints a Markdown table: MB/s,
the median of the rounds (least to most), and checks that both give as many tokens.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402


def spread(seconds: list[float], size: int) -> str:
    speeds = sorted(size / 1e6 / s for s in seconds)
    return f"{statistics.median(speeds):.1f} ({speeds[0]:.1f}–{speeds[-1]:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizer", nargs="+", required=True)
    parser.add_argument("--text", nargs="+", required=True)
    flags = parser.parse_args()
    text = b"".join(pathlib.Path(name).read_bytes() for name in flags.text)
    lines = text.decode().split("\n")
    print(f"{len(text) / 1e6:.1f} MB, {len(lines)} lines\n\n| tokenizer | encode_batch, MB/s | "
          "encode_batch_fast | ours, first round | ours, later rounds | times fast |\n"
          "|---|---|---|---|---|---|")
    for path in flags.tokenizer:
        times: dict[str, list[float]] = {"batch": [], "fast": [], "first": [], "later": []}
        for _ in range(flags.rounds):
            theirs = Tokenizer.from_file(path)
            for name in ("batch", "fast"):
                encode = theirs.encode_batch if name == "batch" else theirs.encode_batch_fast
                begin = time.perf_counter()
                count = sum(len(e.ids) for e in encode(lines, add_special_tokens=False))
                times[name].append(time.perf_counter() - begin)
            out = subprocess.run([flags.benchmark, path, "2", *flags.text], capture_output=True,
                                 check=True)
            ours = json.loads(out.stdout)
            assert ours["tokens"] == count, (path, ours["tokens"], count)
            times["first"].append(ours["seconds"][0])
            times["later"].append(ours["seconds"][1])
        ratio = statistics.median(times["fast"]) / statistics.median(times["first"])
        cells = [spread(times[name], len(text)) for name in times]
        print(f"| {pathlib.Path(path).stem} | {' | '.join(cells)} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
