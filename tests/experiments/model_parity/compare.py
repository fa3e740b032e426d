"""Our decoder beside transformers on real models: losses and greedy text.

  compare.py losses  RUN_TOKENS MODEL_DIR CORPUS_FILE…      (NAME is the file's directory and stem)
  compare.py commands KALAVAI MODEL_DIR CORPUS_FILE…
  compare.py stories RUN_TOKENS MODEL_DIR tok512.bin STORY.txt

RUN_TOKENS is the program model_parity_run_tokens. `losses`: mean cross-entropy of the first 8
chunks of 256 tokens of each file, float32, and 100 greedy tokens after each of five prompts; needs
torch, transformers, tokenizers. `commands`: the same of the program kalavai: `evaluate --packing
reference` over chunks of 512 tokens, also bits per byte, and `generate`. `stories`: the text that llama2.c prints at temperature 0.
"""
import json
import math
import struct
import subprocess
import sys
import tempfile

CHUNKS, LENGTH, GREEDY = 8, 256, 100
PROMPTS = ["The capital of France is", "Once upon a time, a small robot",
           "def fibonacci(n):\n    ", "Patients with type 2 diabetes",
           "In the case of Smith v. Jones, the court held that"]


def ask(program, model, question):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(question, file)
        file.flush()
        return json.loads(subprocess.run([program, model, file.name], check=True,
                                         capture_output=True, text=True).stdout)


def losses(program, model_directory, *files):
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM
    tokenizer = Tokenizer.from_file(f"{model_directory}/tokenizer.json")
    chunks = {}
    for path in files:
        text = open(path, encoding="utf-8").read(CHUNKS * LENGTH * 12)
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        count = min(CHUNKS, len(ids) // LENGTH)
        name = "/".join(path.split("/")[-2:])
        chunks[name] = [ids[i * LENGTH:(i + 1) * LENGTH] for i in range(count)]
    prompts = [tokenizer.encode(prompt, add_special_tokens=False).ids for prompt in PROMPTS]
    ours = ask(program, model_directory, {"dtype": "float32", "chunks": chunks, "prompts": prompts,
                                          "greedy": GREEDY})
    model = AutoModelForCausalLM.from_pretrained(model_directory, dtype=torch.float32).eval()
    worst, equal = 0.0, 0
    with torch.no_grad():
        for name, rows in chunks.items():
            total = 0.0
            for first in range(0, len(rows), 4):
                batch = torch.tensor(rows[first:first + 4])
                log_probs = model(batch).logits[:, :-1].log_softmax(-1)
                picked = log_probs.gather(-1, batch[:, 1:, None])
                total -= picked.double().sum().item()
            theirs = total / (len(rows) * (LENGTH - 1))
            worst = max(worst, abs(theirs - ours["loss"][name]))
            print(f"| {name} | {len(rows) * (LENGTH - 1)} | {theirs:.6f} | {ours['loss'][name]:.6f} "
                  f"| {abs(theirs - ours['loss'][name]):.1e} |")
        for prompt, text, ids in zip(prompts, PROMPTS, ours["greedy"]):
            out = model.generate(torch.tensor([prompt]), max_new_tokens=GREEDY,
                                 min_new_tokens=GREEDY, do_sample=False, eos_token_id=None)
            same = out[0, len(prompt):].tolist() == ids
            equal += same
            print(f"| {text!r} | {'the same' if same else 'DIFFERENT'} | "
                  f"{tokenizer.decode(ids)[:60]!r} |")
    print(f"largest difference {worst:.1e} nats; {equal} of {len(PROMPTS)} texts the same; "
          f"ours {ours['tokens_per_second']:.0f} tokens/s")
    return worst < 1e-3 and equal == len(PROMPTS)


def stories(program, model_directory, vocabulary, story):
    data = open(vocabulary, "rb").read()
    pieces, place = [], 4
    while place < len(data):
        _, length = struct.unpack_from("<fi", data, place)
        pieces.append(data[place + 8:place + 8 + length])
        place += 8 + length
    expected = open(story, "rb").read().strip()
    answer = ask(program, model_directory, {"dtype": "float32", "chunks": {}, "prompts": [[1]],
                                            "greedy": 257})
    text, before = b"", 1
    for token in answer["greedy"][0]:
        if token == 1:
            break
        piece = pieces[token]
        if before == 1 and piece.startswith(b" "):
            piece = piece[1:]
        if len(piece) == 6 and piece.startswith(b"<0x"):
            piece = bytes([int(piece[3:5], 16)])
        text += piece
        before = token
    length = min(len(text.strip()), len(expected))
    print(text.decode())
    same = text.strip() == expected
    print(f"{length} bytes compared of {len(expected)} documented: {'the same' if same else 'DIFFERENT'}")
    return same


def run_json(*command):
    return json.loads(subprocess.run([*command, "--format", "json"], check=True,
                                     capture_output=True, text=True).stdout)


def their_loss(model, rows):
    import torch
    total = 0.0
    for row in rows:
        batch = torch.tensor([row])
        log_probs = model(batch).logits[:, :-1].log_softmax(-1)
        total -= log_probs.gather(-1, batch[:, 1:, None]).double().sum().item()
    return total


def commands(program, model_directory, *files):
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM
    tokenizer = Tokenizer.from_file(f"{model_directory}/tokenizer.json")
    model = AutoModelForCausalLM.from_pretrained(model_directory, dtype=torch.float32).eval()
    length, most = 512, 4
    names = ["/".join(path.split("/")[-2:]) for path in files]
    data = [word for name, path in zip(names, files) for word in ("--data", f"{name}={path}")]
    ours = run_json(program, "evaluate", "--model", model_directory, *data, "--packing",
                    "reference", "--sequence-length", str(length), "--max-chunks", str(most))
    worst, equal, total = 0.0, 0, 0.0
    with torch.no_grad():
        for name, path in zip(names, files):
            text = open(path, encoding="utf-8", newline="").read()
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows = [ids[i * length:(i + 1) * length] for i in range(min(most, len(ids) // length))]
            nats = their_loss(model, rows)
            predictions = len(rows) * (length - 1)
            written = tokenizer.decode([i for row in rows for i in row], skip_special_tokens=False)
            bits = nats / math.log(2) / len(written.encode())
            mine, loss = ours["domains"][name], nats / predictions
            total += loss
            assert mine["tokens"] == predictions, (mine, predictions)
            worst = max(worst, abs(loss - mine["loss"]), abs(bits - mine["bits_per_byte"]))
            print(f"| {name} | {predictions} | {loss:.6f} | {mine['loss']:.6f} "
                  f"| {abs(loss - mine['loss']):.1e} | {bits:.6f} | {mine['bits_per_byte']:.6f} |")
        worst = max(worst, abs(total / len(files) - ours["ew"]))
        for text in PROMPTS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            theirs = model.generate(torch.tensor([ids]), max_new_tokens=GREEDY, do_sample=False)
            answer = run_json(program, "generate", "--model", model_directory, "--prompt", text,
                              "--max-tokens", str(GREEDY))
            same = theirs[0, len(ids):].tolist() == answer["token_ids"]
            equal += same
            print(f"| {text!r} | {len(answer['token_ids'])} | {answer['finish_reason']} "
                  f"| {'the same' if same else 'DIFFERENT'} |")
    print(f"largest difference {worst:.1e}; {equal} of {len(PROMPTS)} texts the same")
    return worst < 1e-3 and equal == len(PROMPTS)


sys.exit(0 if {"losses": losses, "commands": commands, "stories": stories}[sys.argv[1]](*sys.argv[2:]) else 1)
