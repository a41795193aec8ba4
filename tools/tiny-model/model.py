"""The Qwen3 block in JAX: RMSNorm, grouped-query attention with QK-norm, RoPE, SwiGLU, tied embeddings."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import shape
from weights import Weights

HALF_MATRICES = ("o", "down")  # they write to the residual stream, so they start at half the scale


def fresh(seed: int) -> dict:
    heads, kv = shape.HEADS * shape.HEAD_DIM, shape.KV_HEADS * shape.HEAD_DIM
    matrices = {"q": (shape.HIDDEN, heads), "k": (shape.HIDDEN, kv), "v": (shape.HIDDEN, kv),
                "o": (heads, shape.HIDDEN), "gate": (shape.HIDDEN, shape.FFN), "up": (shape.HIDDEN, shape.FFN),
                "down": (shape.FFN, shape.HIDDEN)}
    keys = iter(jax.random.split(jax.random.PRNGKey(seed), 8 * shape.LAYERS + 1))
    layers = []
    for _ in range(shape.LAYERS):
        layer = {name: jax.random.normal(next(keys), size) * size[0] ** -.5 * (.5 if name in HALF_MATRICES else 1.)
                 for name, size in matrices.items()}
        ones = {"n1": shape.HIDDEN, "n2": shape.HIDDEN, "qn": shape.HEAD_DIM, "kn": shape.HEAD_DIM}
        layers.append(layer | {name: jnp.ones(size) for name, size in ones.items()})
    embedding = jax.random.normal(next(keys), (shape.VOCABULARY, shape.HIDDEN)) * .05
    return {"emb": embedding, "layers": layers, "norm": jnp.ones(shape.HIDDEN)}


def from_weights(weights: Weights) -> dict:
    layers = [{name.partition(".")[2]: jnp.asarray(w) for name, w in weights.items() if name.startswith(f"{i}.")}
              for i in range(shape.LAYERS)]
    return {"emb": jnp.asarray(weights["emb"]), "norm": jnp.asarray(weights["norm"]), "layers": layers}


def to_weights(parameters: dict) -> Weights:
    flat = {"emb": parameters["emb"], "norm": parameters["norm"]}
    for i, layer in enumerate(parameters["layers"]):
        flat |= {f"{i}.{name}": w for name, w in layer.items()}
    return {name: np.asarray(w) for name, w in flat.items()}


def rms_norm(x, gain):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + shape.RMS_EPSILON) * gain


def rope(x, position):
    """x: (rows, length, heads, HEAD_DIM)"""
    half = shape.HEAD_DIM // 2
    angle = position[..., None, None] * shape.ROPE_THETA ** (-jnp.arange(half) / half)
    c, s = jnp.cos(angle), jnp.sin(angle)
    u, v = x[..., :half], x[..., half:]
    return jnp.concatenate([u * c - v * s, v * c + u * s], -1)


def logits(parameters, tokens, segment, position):
    """tokens, segment, position: (rows, length). A token sees only earlier tokens of its own segment."""
    rows, length = tokens.shape
    d, heads, kv = shape.HEAD_DIM, shape.HEADS, shape.KV_HEADS
    seen = (segment[:, :, None] == segment[:, None, :]) & (jnp.arange(length)[:, None] >= jnp.arange(length)[None])
    h = parameters["emb"][tokens]
    for p in parameters["layers"]:
        y = rms_norm(h, p["n1"])
        q = rope(rms_norm((y @ p["q"]).reshape(rows, length, heads, d), p["qn"]), position)
        k = rope(rms_norm((y @ p["k"]).reshape(rows, length, kv, d), p["kn"]), position)
        v = (y @ p["v"]).reshape(rows, length, kv, d)
        q = q.reshape(rows, length, kv, heads // kv, d)
        score = jnp.einsum("btkgd,bskd->bkgts", q, k) * d ** -.5
        score = jax.nn.softmax(jnp.where(seen[:, None, None], score, -1e9), -1)
        h = h + jnp.einsum("bkgts,bskd->btkgd", score, v).reshape(rows, length, heads * d) @ p["o"]
        y = rms_norm(h, p["n2"])
        h = h + (jax.nn.silu(y @ p["gate"]) * (y @ p["up"])) @ p["down"]
    return rms_norm(h, parameters["norm"]) @ parameters["emb"].T
