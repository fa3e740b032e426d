"""Writes a llama2.c model file (stories260K.bin) as a Hugging Face directory.

  python3 stories_checkpoint.py stories260K.bin OUT_DIR

llama2.c rotates neighbouring pairs of a head's dimensions, transformers the two halves, so the rows
of the query and key matrices are reordered, as transformers' own conversion of Llama does.
"""
import json
import os
import struct
import sys

import numpy as np
from safetensors.numpy import save_file


def halves(matrix, heads):
    rows, columns = matrix.shape
    return matrix.reshape(heads, rows // heads // 2, 2, columns).transpose(0, 2, 1, 3).reshape(
        rows, columns)


def main(source, target):
    data = open(source, "rb").read()
    dim, hidden, layers, heads, kv_heads, vocab, length = struct.unpack("7i", data[:28])
    assert vocab > 0, "an untied output matrix is not read"
    values = np.frombuffer(data, dtype="<f4", offset=28)
    place = 0

    def take(*shape):
        nonlocal place
        count = int(np.prod(shape))
        result = values[place:place + count].reshape(shape)
        place += count
        return result

    kv = dim * kv_heads // heads
    stacks = {}
    tensors = {"model.embed_tokens.weight": take(vocab, dim)}
    for name, shape in [("input_layernorm", (dim,)), ("self_attn.q_proj", (dim, dim)),
                        ("self_attn.k_proj", (kv, dim)), ("self_attn.v_proj", (kv, dim)),
                        ("self_attn.o_proj", (dim, dim)), ("post_attention_layernorm", (dim,)),
                        ("mlp.gate_proj", (hidden, dim)), ("mlp.down_proj", (dim, hidden)),
                        ("mlp.up_proj", (hidden, dim))]:
        stacks[name] = take(layers, *shape)
    tensors["model.norm.weight"] = take(dim)
    for name, stack in stacks.items():
        for layer in range(layers):
            matrix = stack[layer]
            if name == "self_attn.q_proj":
                matrix = halves(matrix, heads)
            if name == "self_attn.k_proj":
                matrix = halves(matrix, kv_heads)
            tensors[f"model.layers.{layer}.{name}.weight"] = matrix
    os.makedirs(target, exist_ok=True)
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
              f"{target}/model.safetensors", metadata={"format": "pt"})
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": dim,
              "intermediate_size": hidden, "num_hidden_layers": layers,
              "num_attention_heads": heads, "num_key_value_heads": kv_heads, "vocab_size": vocab,
              "max_position_embeddings": length, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "hidden_act": "silu", "tie_word_embeddings": True, "bos_token_id": 1,
              "eos_token_id": 2, "torch_dtype": "float32"}
    json.dump(config, open(f"{target}/config.json", "w"), indent=2)


main(*sys.argv[1:])
