#!/usr/bin/env python3
"""Writes written_by_reference.safetensors with the reference writer (PyPI safetensors 0.8.0).

    pip install safetensors==0.8.0 && python make_written.py

tests/unit/common/safetensors/writer_test.cc writes the same tensors and compares the bytes.
"""
import ctypes
import pathlib

from safetensors import TensorSpec, serialize

TENSORS = [  # name, dtype, shape; byte i of a tensor is (7 * i + its index here) % 251
    ("model.norm.weight", "bfloat16", [5]),
    ("model.embed_tokens.weight", "bfloat16", [7, 3]),
    ("z.scale", "float32", [2, 2]),
    ("a.count", "int64", [1]),
    ("scalar", "float32", []),
    ("half", "float16", [4]),
    ("bytes", "uint8", [3]),
    ('quote " and \\ and \n and é', "float32", [1]),
    ("empty", "float32", [0, 4]),
    ("mask", "bool", [2]),
]
SIZES = {"bfloat16": 2, "float16": 2, "float32": 4, "int64": 8, "uint8": 1, "bool": 1}


def main() -> None:
    tensors, buffers = {}, []
    for index, (name, dtype, shape) in enumerate(TENSORS):
        count = SIZES[dtype]
        for dimension in shape:
            count *= dimension
        data = bytes((7 * i + index) % 251 for i in range(count))
        buffers.append(ctypes.create_string_buffer(data, max(count, 1)))
        tensors[name] = TensorSpec(dtype=dtype, shape=shape, data_len=count,
                                   data_ptr=ctypes.addressof(buffers[-1]))
    out = pathlib.Path(__file__).parent / "written_by_reference.safetensors"
    out.write_bytes(serialize(tensors, metadata={"format": "pt"}))


if __name__ == "__main__":
    main()
