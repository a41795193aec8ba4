"""Weights by name, and their names in a Hugging Face folder and in a GGUF file.

Our matrices are (inputs, outputs), for `x @ w`; both formats keep them transposed.
"""

from __future__ import annotations

import pathlib

import numpy as np
from safetensors.numpy import load_file

import shape

Weights = dict[str, np.ndarray]

# our name -> (Hugging Face name, GGUF name, transposed there)
BLOCK = {
    "q": ("self_attn.q_proj", "attn_q", True), "k": ("self_attn.k_proj", "attn_k", True),
    "v": ("self_attn.v_proj", "attn_v", True), "o": ("self_attn.o_proj", "attn_output", True),
    "gate": ("mlp.gate_proj", "ffn_gate", True), "up": ("mlp.up_proj", "ffn_up", True),
    "down": ("mlp.down_proj", "ffn_down", True), "n1": ("input_layernorm", "attn_norm", False),
    "n2": ("post_attention_layernorm", "ffn_norm", False), "qn": ("self_attn.q_norm", "attn_q_norm", False),
    "kn": ("self_attn.k_norm", "attn_k_norm", False),
}
# (our name, Hugging Face name, GGUF name, transposed there), in the order of the files
NAMES = [
    ("emb", "model.embed_tokens.weight", "token_embd.weight", False),
    ("norm", "model.norm.weight", "output_norm.weight", False),
    *((f"{i}.{ours}", f"model.layers.{i}.{theirs}.weight", f"blk.{i}.{gguf}.weight", transposed)
      for i in range(shape.LAYERS) for ours, (theirs, gguf, transposed) in BLOCK.items()),
]


def load(folder: pathlib.Path) -> Weights:
    """Reads a build folder (weights.npz) or a Hugging Face folder (model.safetensors), as float32."""
    if (folder / "weights.npz").exists():
        return dict(np.load(folder / "weights.npz"))
    theirs = load_file(folder / "model.safetensors")
    return {ours: (theirs[name].T if transposed else theirs[name]).astype(np.float32)
            for ours, name, _, transposed in NAMES}


def save(weights: Weights, folder: pathlib.Path) -> None:
    np.savez(folder / "weights.npz", **weights)
