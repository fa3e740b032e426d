#!/usr/bin/env python3
"""The model's speed and memory beside Hugging Face transformers, in one run, each in its process.

    pip install torch==2.15.0 transformers==5.23.0 safetensors
    python model_speed.py --benchmark build/release/bin/model_benchmark --rounds 3 \
        [--threads 2] [--only train] --model NAME=DIR …

DIR is a checkpoint directory that both sides read. Each measurement is made in turns, theirs and
ours, with the same threads, dtype, batch and tokens, and both must come to the same losses.
Theirs is eager PyTorch as their documentation has it: the default attention (fused), AdamW
(`fused=True`, the faster one), float32 weights under bfloat16 autocast for training, bfloat16
weights for evaluation and for `generate` (greedy, with cache). Memory is what the process holds at
its highest less what it held before the model was loaded (imports); ours is the whole process.
Prints a Markdown table: medians of the rounds, each with its least and most.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

PROMPT = 16


def some_tokens(count: int, vocabulary: int) -> list[int]:
    state, tokens = 1, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        tokens.append((state >> 33) % vocabulary)
    return tokens


def resident(field: str) -> int:
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024


def theirs(flags: argparse.Namespace) -> None:
    """One measurement of transformers; prints what model_benchmark prints."""
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(flags.threads)
    before = resident("VmRSS")
    bf16 = flags.dtype == "bf16"
    training = flags.theirs == "train"
    options = {"attn_implementation": flags.attention} if flags.attention else {}
    model = AutoModelForCausalLM.from_pretrained(
        flags.model[0], dtype=torch.bfloat16 if bf16 and not training else torch.float32, **options)
    vocabulary = model.config.vocab_size
    seconds, values = [], []
    if flags.theirs == "decode":
        ids = torch.tensor([some_tokens(PROMPT, vocabulary)])
        model.generation_config.eos_token_id = None
        def generate(count: int) -> tuple[float, list[int]]:
            begin = time.perf_counter()
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count,
                                 min_new_tokens=count, do_sample=False, pad_token_id=0)
            return time.perf_counter() - begin, out[0, PROMPT:].tolist()
        generate(2)
        first, _ = generate(1)  # the prompt's own pass is not counted
        total, values = generate(flags.length + 1)
        seconds = [(total - first) / flags.length] * flags.length
    else:
        ids = torch.tensor(some_tokens(flags.batch * flags.length, vocabulary))
        ids = ids.view(flags.batch, flags.length)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), eps=1e-8,
                                      weight_decay=0.1, fused=True) if training else None
        model.train(training)
        for _ in range(flags.steps):
            begin = time.perf_counter()
            if training:
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            else:
                with torch.inference_mode():
                    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
            values.append(loss.item())
            seconds.append(time.perf_counter() - begin)
    print(json.dumps({"seconds": seconds, "values": values,
                      "peak_bytes": resident("VmHWM") - before}))


def run(command: list[str]) -> dict:
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{out.stderr}")
    return json.loads(out.stdout.splitlines()[-1])


def pair(flags: argparse.Namespace, mode: str, model: str, options: dict) -> dict:
    """Both sides of one measurement, in turns; lists over the rounds."""
    arguments = [x for name, value in options.items() for x in (f"--{name}", str(value))]
    arguments += ["--threads", str(flags.threads), "--model", model]
    found: dict[str, list] = {"theirs": [], "ours": []}
    for _ in range(flags.rounds):
        found["theirs"].append(run([sys.executable, __file__, "--theirs", mode, *arguments]))
        found["ours"].append(run([flags.benchmark, mode, *arguments]))
    return found


def spread(values: list[float], digits: int) -> str:
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}–{max(values):.{digits}f})")


def row(name: str, theirs_: list[float], ours: list[float], digits: int, bar: str,
        higher_is_better: bool = True) -> None:
    ratio = statistics.median(ours) / statistics.median(theirs_)
    sign = "≥" if higher_is_better else "≤"
    print(f"| {name} | {spread(theirs_, digits)} | {spread(ours, digits)} | {ratio:.2f} | "
          f"{sign} {bar} |", flush=True)


def compare(flags: argparse.Namespace, name: str, model: str, mode: str, options: dict,
            bars: dict) -> None:
    found = pair(flags, mode, model, options)
    tokens = options["batch"] * options["length"]
    rates = {side: [tokens / statistics.median(one["seconds"][1:]) for one in runs]
             for side, runs in found.items()}
    first = {side: runs[0]["values"] for side, runs in found.items()}
    for a, b in zip(first["theirs"], first["ours"]):
        if abs(a - b) > 0.003 * abs(a):
            sys.exit(f"{name} {mode}: loss {a} there and {b} here: not the same work")
    title = f"{name}, {mode}, {options['dtype']}, {options['batch']} × {options['length']}"
    row(f"{title}, tokens/s", rates["theirs"], rates["ours"], 0, bars["speed"])
    memory = {side: [one["peak_bytes"] / 1e9 for one in runs] for side, runs in found.items()}
    row(f"{title}, peak GB", memory["theirs"], memory["ours"], 2, bars.get("memory", "—"), False)


def decode(flags: argparse.Namespace, name: str, model: str, bar: str) -> None:
    options = {"dtype": "bf16", "length": 128, "batch": 1}
    found = pair(flags, "decode", model, options)
    rates = {side: [1 / statistics.median(one["seconds"]) for one in runs]
             for side, runs in found.items()}
    row(f"{name}, decode, bf16, tokens/s", rates["theirs"], rates["ours"], 1, bar)
    weights = weight_bytes(model)
    reads = run([flags.benchmark, "read", "--threads", str(flags.threads), "--steps", "12"])
    limit = 2**30 / min(reads["seconds"])
    share = [rate * weights / limit for rate in rates["ours"]]
    print(f"| {name}, decode: {weights / 1e9:.3f} GB of weights a token, of {limit / 1e9:.1f} GB/s "
          f"read | {statistics.median(rates['theirs']) * weights / limit:.2f} | "
          f"{spread(share, 2)} | | ≥ 0.70 |", flush=True)


def weight_bytes(model: str) -> int:
    """bfloat16 bytes a token must read: all weights, but one row of an untied embedding."""
    from safetensors import safe_open
    with safe_open(f"{model}/model.safetensors", "pt") as file:
        sizes = {key: file.get_slice(key).get_shape() for key in file.keys()}
    untied = any(key in sizes for key in ("lm_head.weight", "embed_out.weight"))
    total = 0
    for key, shape in sizes.items():
        if untied and ("embed_in" in key or "embed_tokens" in key):
            continue
        count = 1
        for extent in shape:
            count *= extent
        total += 2 * count
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--attention", default="")
    parser.add_argument("--only", default="train,evaluate,decode")
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--theirs", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.theirs:
        theirs(flags)
        return
    print("| measurement | transformers | ours | ratio | bar |\n|---|---|---|---|---|", flush=True)
    for named in flags.model:
        name, _, model = named.partition("=")
        options = {"dtype": "bf16", "batch": flags.batch, "length": flags.length,
                   "steps": flags.steps}
        modes = flags.only.split(",")
        if "train" in modes:
            compare(flags, name, model, "train", options,
                    {"speed": "1.3", "memory": "0.7" if "135" in name else "0.85"})
        if "evaluate" in modes:
            compare(flags, name, model, "evaluate", options, {"speed": "1.5"})
        if "decode" in modes:
            decode(flags, name, model, "3")


if __name__ == "__main__":
    main()
