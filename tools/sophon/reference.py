"""Qwen3-VL in float64 numpy, as Hugging Face's transformers defines it: the independent answer to every test.

Nothing is cached and nothing is batched: each token is computed from the whole prompt, all layers, again.
"""

from dataclasses import dataclass
from math import erf

import numpy as np

from weights import LANGUAGE, VISION

NORM_EPSILON = 1e-6


@dataclass
class Picture:
    """A picture, or a pair of frames, at its place in the prompt."""

    start: int  # index of its first token
    grid: tuple[int, int]  # rows and columns of patches
    patches: np.ndarray  # [rows * columns, 1536], in blocks of 2 x 2


class Reference:
    def __init__(self, config: dict, weights: dict[str, np.ndarray]):
        self.text = config["text_config"]
        self.sight = config["vision_config"]
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}

    def generate(self, ids: list[int], positions: np.ndarray, pictures: list[Picture], count: int, stop: set[int]):
        """Greedy. Returns the tokens and, for each, by how much its logit beat the next best one's."""
        ids, tokens, margins = list(ids), [], []
        seen = [(picture, *self.see(picture)) for picture in pictures]
        for _ in range(count):
            logits = self.logits(ids, positions, seen)
            second, first = np.sort(logits)[-2:]
            token = int(logits.argmax())
            tokens.append(token)
            margins.append(float(first - second))
            if token in stop:
                break
            ids.append(token)
            positions = np.concatenate([positions, np.full((3, 1), positions.max() + 1)], axis=1)
        return tokens, margins

    def logits(self, ids: list[int], positions: np.ndarray, seen: list) -> np.ndarray:
        """Of the token after the last one. positions: [3, tokens], temporal, height and width."""
        hidden = self.weights[LANGUAGE + "embed_tokens.weight"][ids]
        for picture, features, _ in seen:
            hidden[picture.start : picture.start + len(features)] = features
        rotation = self.text_rotation(positions)
        for layer in range(self.text["num_hidden_layers"]):
            hidden = self.text_layer(f"{LANGUAGE}layers.{layer}.", hidden, rotation)
            for picture, _, levels in seen:
                if layer < len(levels):
                    hidden[picture.start : picture.start + len(levels[layer])] += levels[layer]
        return self.rms_norm(hidden[-1], LANGUAGE + "norm") @ self.weights["lm_head.weight"].T

    def text_layer(self, at: str, hidden: np.ndarray, rotation) -> np.ndarray:
        tokens, width = len(hidden), self.text["head_dim"]
        heads, shared = self.text["num_attention_heads"], self.text["num_key_value_heads"]
        attention = at + "self_attn."
        normed = self.rms_norm(hidden, at + "input_layernorm")
        query = self.linear(normed, attention + "q_proj").reshape(tokens, heads, width)
        key = self.linear(normed, attention + "k_proj").reshape(tokens, shared, width)
        value = self.linear(normed, attention + "v_proj").reshape(tokens, shared, width)
        query = rotate(self.rms_norm(query, attention + "q_norm"), *rotation)
        key = rotate(self.rms_norm(key, attention + "k_norm"), *rotation)
        key, value = (np.repeat(each, heads // shared, axis=1) for each in (key, value))
        future = ~np.tril(np.ones((tokens, tokens), bool))
        mixed = attend(query, key, value, width, future)
        hidden = hidden + self.linear(mixed, attention + "o_proj")
        normed = self.rms_norm(hidden, at + "post_attention_layernorm")
        gate = self.linear(normed, at + "mlp.gate_proj")
        inner = gate / (1 + np.exp(-gate)) * self.linear(normed, at + "mlp.up_proj")
        return hidden + self.linear(inner, at + "mlp.down_proj")

    def text_rotation(self, positions: np.ndarray):
        """Interleaved mrope: frequency 3k+1 turns with the height, 3k+2 with the width, up to their sections."""
        width = self.text["head_dim"]
        frequencies = self.text["rope_theta"] ** -(np.arange(0, width, 2) / width)
        angles = positions[:, :, None] * frequencies
        mixed = angles[0].copy()
        for axis in (1, 2):
            own = slice(axis, self.text["rope_scaling"]["mrope_section"][axis] * 3, 3)
            mixed[:, own] = angles[axis][:, own]
        return cos_sin(mixed)

    def see(self, picture: Picture):
        """The features that take the places of its tokens, and for each deepstack level what is added later."""
        rows, columns = picture.grid
        width, heads = self.sight["hidden_size"], self.sight["num_heads"]
        places = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
        places = in_blocks(places, picture.grid)
        kernel = self.weights[VISION + "patch_embed.proj.weight"].reshape(width, -1)
        hidden = picture.patches @ kernel.T + self.weights[VISION + "patch_embed.proj.bias"]
        hidden = hidden + self.position_embedding(picture.grid)
        half = width // heads // 2
        frequencies = 10_000.0 ** -(np.arange(0, half, 2) / half)
        rotation = cos_sin((places[:, :, None] * frequencies).reshape(len(places), -1))
        levels = []
        for block in range(self.sight["depth"]):
            hidden = self.sight_block(f"{VISION}blocks.{block}.", hidden, rotation)
            if block in self.sight["deepstack_visual_indexes"]:
                name = f"{VISION}deepstack_merger_list.{len(levels)}"
                levels.append(self.merge(name, self.layer_norm(hidden.reshape(-1, 4 * width), name + ".norm")))
        normed = self.layer_norm(hidden, VISION + "merger.norm")
        return self.merge(VISION + "merger", normed.reshape(-1, 4 * width)), levels

    def position_embedding(self, grid: tuple[int, int]) -> np.ndarray:
        """The learned square table, stretched over the picture, corners on corners."""
        table = self.weights[VISION + "pos_embed.weight"]
        side = int(len(table) ** 0.5)
        table = table.reshape(side, side, -1)

        def stretch(count):
            place = np.linspace(0, side - 1, count)
            below = place.astype(int)
            return below, np.minimum(below + 1, side - 1), place - below

        top, bottom, down = stretch(grid[0])
        left, right, across = stretch(grid[1])
        down, across = down[:, None, None], across[None, :, None]
        upper = table[top][:, left] * (1 - across) + table[top][:, right] * across
        lower = table[bottom][:, left] * (1 - across) + table[bottom][:, right] * across
        return in_blocks(upper * (1 - down) + lower * down, grid)

    def sight_block(self, at: str, hidden: np.ndarray, rotation) -> np.ndarray:
        heads, width = self.sight["num_heads"], self.sight["hidden_size"] // self.sight["num_heads"]
        three = self.linear(self.layer_norm(hidden, at + "norm1"), at + "attn.qkv").reshape(-1, 3, heads, width)
        mixed = attend(rotate(three[:, 0], *rotation), rotate(three[:, 1], *rotation), three[:, 2], width)
        hidden = hidden + self.linear(mixed, at + "attn.proj")
        inner = self.linear(self.layer_norm(hidden, at + "norm2"), at + "mlp.linear_fc1")
        return hidden + self.linear(gelu_tanh(inner), at + "mlp.linear_fc2")

    def merge(self, name: str, normed: np.ndarray) -> np.ndarray:
        return self.linear(gelu(self.linear(normed, name + ".linear_fc1")), name + ".linear_fc2")

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[name + ".weight"].T + self.weights.get(name + ".bias", 0)

    def rms_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + NORM_EPSILON) * self.weights[name + ".weight"]

    def layer_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + NORM_EPSILON)
        return normed * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def attend(query, key, value, width: int, hidden_from=None) -> np.ndarray:
    """[tokens, heads, width] each; `hidden_from`: [tokens, tokens], which keys a query does not see."""
    scores = np.einsum("qhd,khd->hqk", query, key) * width**-0.5
    if hidden_from is not None:
        scores = np.where(hidden_from, -np.inf, scores)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    shares = powers / powers.sum(-1, keepdims=True)
    return np.einsum("hqk,khd->qhd", shares, value).reshape(len(query), -1)


def cos_sin(angles: np.ndarray):
    both = np.concatenate([angles, angles], axis=-1)[:, None]
    return np.cos(both), np.sin(both)


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    half = x.shape[-1] // 2
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], axis=-1) * sin


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2)))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def in_blocks(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """[rows, columns, ...] to [rows * columns, ...], block of 2 x 2 after block."""
    rows, columns = grid
    blocks = values.reshape(rows // 2, 2, columns // 2, 2, -1).swapaxes(1, 2)
    return blocks.reshape(rows * columns, -1)
