"""Makes tests/golden/decoder: tiny random models of three families and what transformers computes.

python3 -m venv v && v/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors
v/bin/python make_golden.py [VARIANT…]     (in this folder)

A variant NAME is a checkpoint directory as save_pretrained writes it, except that its weights are
not stored: both sides make them from the tensor's name (weight_of), so that a variant costs a few
kilobytes. NAME/config.json is the file of transformers 5; NAME/expected.safetensors holds what it
computes in float32 on one CPU thread with eager attention.
"""
import json
import math
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import (GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM)

STEPS, WARMUP, LEARNING_RATE = 10, 3, 0.01
V, T = 53, 19
GREEDY = 200
COMMON = dict(vocab_size=V, num_hidden_layers=2, initializer_range=0.02, bos_token_id=0,
              eos_token_id=1, max_position_embeddings=256)
NEOX = dict(hidden_size=24, num_attention_heads=4, intermediate_size=36, rotary_pct=1.0)
LLAMA = dict(hidden_size=24, num_attention_heads=4, intermediate_size=36)
QWEN2 = dict(LLAMA, num_key_value_heads=4)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=64)
VARIANTS = {
    # name: (family, options)
    "neox_random": ("gpt_neox", dict(NEOX)),
    "neox_odd_heads": ("gpt_neox", dict(NEOX, hidden_size=18, num_attention_heads=3)),
    "neox_tied": ("gpt_neox", dict(NEOX, tie_word_embeddings=True, use_parallel_residual=False)),
    "neox_partial_rotary": ("gpt_neox", dict(NEOX, hidden_size=32, rotary_pct=0.25)),
    "neox_no_bias": ("gpt_neox", dict(NEOX, attention_bias=False)),
    "neox_long": ("gpt_neox", dict(NEOX, hidden_size=32, rotary_pct=0.5,
                                   max_position_embeddings=4096)),
    "llama_random": ("llama", dict(LLAMA)),
    "llama_odd_heads": ("llama", dict(LLAMA, hidden_size=30, num_attention_heads=5)),
    "llama_gqa": ("llama", dict(LLAMA, hidden_size=36, num_attention_heads=6,
                                num_key_value_heads=2)),
    "llama_odd_gqa": ("llama", dict(LLAMA, hidden_size=36, num_attention_heads=9,
                                    num_key_value_heads=3)),
    "llama_one_key": ("llama", dict(LLAMA, num_key_value_heads=1, rms_norm_eps=1e-5)),
    "llama_tied": ("llama", dict(LLAMA, tie_word_embeddings=True, num_key_value_heads=2)),
    "llama_biases": ("llama", dict(LLAMA, attention_bias=True, mlp_bias=True,
                                   num_key_value_heads=2)),
    "llama_head_dim": ("llama", dict(LLAMA, head_dim=10, num_key_value_heads=2)),
    "llama_llama3": ("llama", dict(LLAMA, hidden_size=48, num_key_value_heads=2,
                                   max_position_embeddings=512, rope_parameters=dict(LLAMA3))),
    "llama_linear": ("llama", dict(LLAMA, rope_parameters=dict(
        rope_type="linear", rope_theta=10000.0, factor=4.0))),
    "llama_long": ("llama", dict(LLAMA, num_key_value_heads=2, max_position_embeddings=4096,
                                 rope_parameters=dict(rope_type="default", rope_theta=500000.0))),
    "qwen2_random": ("qwen2", dict(QWEN2)),
    "qwen2_odd_heads": ("qwen2", dict(QWEN2, hidden_size=18, num_attention_heads=3,
                                      num_key_value_heads=3)),
    "qwen2_gqa": ("qwen2", dict(QWEN2, hidden_size=36, num_attention_heads=6,
                                num_key_value_heads=2)),
    "qwen2_tied": ("qwen2", dict(QWEN2, num_key_value_heads=1, tie_word_embeddings=True)),
    "qwen2_long": ("qwen2", dict(QWEN2, num_key_value_heads=2, max_position_embeddings=4096,
                                 rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
}
CLASSES = {"gpt_neox": (GPTNeoXConfig, GPTNeoXForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM),
           "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
LONG_TOKENS = 1500  # of a "long" variant's text; the last 4 positions are kept


def file_name(key, family):
    # Version 5 renames GPT-NeoX's output matrix in memory only.
    return key.replace("lm_head", "embed_out") if family == "gpt_neox" else key


def weight_of(name, shape):
    """Numbers from SplitMix64 seeded with FNV-1a of the name: uniform, k/2^24, exact in float32."""
    mask = (1 << 64) - 1
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & mask
    count = math.prod(shape)
    values = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        values.append((z >> 40) / (1 << 24) - 0.5)
    tensor = torch.tensor(values, dtype=torch.float32).reshape(shape)
    return tensor + 1.0 if "norm.weight" in name else tensor


def learning_rate(step):
    if step < WARMUP:
        return LEARNING_RATE * (step + 1) / WARMUP
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def greedy(model, prompt, count, use_cache):
    """The tokens, and the smallest distance between the best and the second best logit."""
    ids, cache, margin = prompt, None, float("inf")
    unread = prompt
    with torch.no_grad():
        for _ in range(count):
            if use_cache:
                result = model(unread, past_key_values=cache, use_cache=True)
                cache = result.past_key_values
            else:
                result = model(ids, use_cache=False)
            best = result.logits[0, -1].topk(2).values
            margin = min(margin, (best[0] - best[1]).item())
            unread = result.logits[:, -1:].argmax(-1)
            ids = torch.cat([ids, unread], 1)
    return ids[:, prompt.shape[1]:], margin


def sampled(gradient):
    """The whole gradient up to 64 numbers, else 62 spread over it, then its sum and its norm."""
    flat = gradient.flatten()
    if flat.numel() <= 64:
        return flat.clone()
    picks = torch.arange(62) * (flat.numel() - 1) // 61
    return torch.cat([flat[picks], flat.sum(dtype=torch.float64).float().reshape(1),
                      flat.double().norm().float().reshape(1)])


def make(name, family, options):
    torch.manual_seed(7)
    config_class, model_class = CLASSES[family]
    config = config_class(**{**COMMON, **options})
    config._attn_implementation = "eager"
    model = model_class(config).float().eval()
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            tensor.copy_(weight_of(file_name(key, family), tensor.shape))
    shutil.rmtree(name, ignore_errors=True)
    model.save_pretrained(name)
    os.remove(f"{name}/model.safetensors")
    if os.path.exists(f"{name}/generation_config.json"):
        os.remove(f"{name}/generation_config.json")

    out = {}
    long = name.endswith("_long")
    tokens = torch.randint(0, V, (1, LONG_TOKENS) if long else (2, T))
    kept = slice(-4, None) if long else slice(None)
    result = model(tokens, labels=tokens, output_hidden_states=True)
    result.loss.backward()
    out["tokens"] = tokens.int()
    out["logits"] = result.logits.detach()[:, kept]
    out["loss"] = result.loss.detach().reshape(1)
    gradients = [(file_name(key, family), sampled(tensor.grad))
                 for key, tensor in sorted(model.named_parameters())]
    gradients.sort()
    out["gradients"] = torch.cat([values for _, values in gradients])  # in name order

    prompt = torch.randint(2, V, (1, 5))
    ids, margin = greedy(model, prompt, GREEDY, use_cache=False)
    cached, cached_margin = greedy(model, prompt, GREEDY, use_cache=True)
    assert torch.equal(ids, cached), name
    out["prompt"], out["greedy"] = prompt.int(), ids.int()

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), eps=1e-8,
                                  weight_decay=0.1)
    batches = torch.randint(0, V, (STEPS, 4, T))
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        loss = model(batches[step], labels=batches[step]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
    out["training.batches"] = batches.int()
    out["training.losses"] = torch.stack(losses)
    save_file({k: v.contiguous() for k, v in out.items()}, f"{name}/expected.safetensors")
    distinct = len(set(ids.flatten().tolist()))
    print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, {distinct} different greedy tokens, "
          f"smallest margin {min(margin, cached_margin):.2g}")


torch.set_num_threads(1)
for variant in sys.argv[1:] or VARIANTS:
    family_name, settings = VARIANTS[variant]
    make(variant, family_name, settings)
with open("variants.json", "w") as file:
    json.dump(sorted(VARIANTS), file, indent=1)
    file.write("\n")
