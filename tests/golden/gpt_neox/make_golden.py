"""Makes tests/golden/gpt_neox: two tiny random GPT-NeoX models and what the reference computes.

pip install torch==2.15.0 transformers==5.23.0 safetensors; python make_golden.py (in this folder)
"""
import math

import torch
from safetensors.torch import save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

STEPS, WARMUP, LEARNING_RATE = 10, 3, 0.01
T = 24
VARIANTS = {
    "parallel": dict(use_parallel_residual=True, rotary_pct=0.25, rotary_emb_base=10000),
    "sequential": dict(use_parallel_residual=False, rotary_pct=0.5, rotary_emb_base=500,
                       tie_word_embeddings=True),
}


def learning_rate(step):
    if step < WARMUP:
        return LEARNING_RATE * (step + 1) / WARMUP
    return LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def make(name, options):
    torch.manual_seed(7)
    torch.set_num_threads(1)
    config = GPTNeoXConfig(vocab_size=64, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
                           intermediate_size=40, max_position_embeddings=96, hidden_act="gelu",
                           bos_token_id=0, eos_token_id=0, **options)
    config._attn_implementation = "eager"
    model = GPTNeoXForCausalLM(config).float().eval()
    with torch.no_grad():  # far from the usual start, so that every path matters
        for key, tensor in model.named_parameters():
            tensor.copy_(torch.randn_like(tensor) * 0.3 + (1.0 if "norm.weight" in key else 0.0))
    model.save_pretrained(name)

    out = {}
    tokens = torch.randint(0, 64, (2, T))
    result = model(tokens, labels=tokens, output_hidden_states=True)
    result.loss.backward()
    out["tokens"] = tokens.int()
    out["logits"] = result.logits.detach()
    out["hidden"] = result.hidden_states[-1].detach()
    out["loss"] = result.loss.detach().reshape(1)
    for key, tensor in model.named_parameters():
        file_name = key.replace("lm_head", "embed_out")  # version 5 renames it in memory only
        out["gradient." + file_name] = tensor.grad.clone()

    prompt = torch.randint(1, 64, (1, 5))
    with torch.no_grad():
        ids = prompt
        for _ in range(50):
            ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    out["prompt"] = prompt.int()
    out["greedy"] = ids[:, 5:].int()

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), eps=1e-8,
                                  weight_decay=0.1)
    batches = torch.randint(0, 64, (STEPS, 4, T))
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        loss = model(batches[step], labels=batches[step]).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        optimizer.step()
        losses.append(loss.detach())
    out["training.batches"] = batches.int()
    out["training.losses"] = torch.stack(losses)
    out["training.gradient_norms"] = torch.stack(norms)
    save_file({k: v.contiguous() for k, v in out.items()}, f"{name}/expected.safetensors")
    print(name, losses)


for variant, settings in VARIANTS.items():
    make(variant, settings)
