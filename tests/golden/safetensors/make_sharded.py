#!/usr/bin/env python3
"""Writes sharded/ as huggingface_hub 2.4.0 and safetensors 0.8.0 do.

    pip install huggingface_hub==2.4.0 safetensors==0.8.0 numpy && python make_sharded.py

The split is huggingface_hub's split_state_dict_into_shards_factory at a limit of 100 bytes, the
shards are written by safetensors.numpy.save_file, the index as save_torch_state_dict does.
tests/unit/common/safetensors/shard_writer_test.cc writes the same tensors and compares the bytes.
"""
import json
import pathlib
import shutil

import numpy
from huggingface_hub.serialization._base import split_state_dict_into_shards_factory
from safetensors.numpy import save_file

# float32 tensors of so many elements; element i of tensor t is 100 t + i. Tensor "huge" exceeds the
# limit and gets a shard of its own, before the one that is open when it comes.
TENSORS = [("embed", 10), ("a.weight", 10), ("huge", 40), ("a.bias", 5), ("b.weight", 25),
           ("b.bias", 1), ("ä", 2)]


def main() -> None:
    out = pathlib.Path(__file__).parent / "sharded"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    state = {name: numpy.arange(count, dtype=numpy.float32) + 100 * index
             for index, (name, count) in enumerate(TENSORS)}
    split = split_state_dict_into_shards_factory(
        state, get_storage_size=lambda t: t.nbytes, get_storage_id=lambda t: None,
        filename_pattern="model{suffix}.safetensors", max_shard_size=100)
    for name, tensors in split.filename_to_tensors.items():
        save_file({t: state[t] for t in tensors}, out / name, metadata={"format": "pt"})
    with open(out / "model.safetensors.index.json", "w") as f:
        json.dump({"metadata": split.metadata, "weight_map": split.tensor_to_filename}, f, indent=2)


if __name__ == "__main__":
    main()
