"""The tiny model's weights: random, the same each time, under the names that Hugging Face gives them."""

import numpy as np

from shape import CONFIG, FIRST_WORD, WORDS

LANGUAGE = "model.language_model."
VISION = "model.visual."
# Attention that looks at single tokens, and weighs: so an answer depends on all of its prompt, pictures too.
SHARPNESS = 1.7
ATTENTION = 3.0


def make_weights() -> dict[str, np.ndarray]:
    """float32; linear layers are [out, in]."""
    draw = Draw(seed=1234)
    language(draw)
    vision(draw)
    return draw.weights


class Draw:
    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.weights: dict[str, np.ndarray] = {}

    def normal(self, name: str, shape: tuple[int, ...], scale: float) -> None:
        self.weights[name] = (self.random.standard_normal(shape) * scale).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int, bias: bool = False, gain: float = 1) -> None:
        self.normal(name + ".weight", (outputs, inputs), gain * inputs**-0.5)
        if bias:
            self.normal(name + ".bias", (outputs,), 0.02)

    def norm(self, name: str, width: int, bias: bool = False, gain: float = 1) -> None:
        self.normal(name + ".weight", (width,), 0.1)
        self.weights[name + ".weight"] += np.float32(gain)
        if bias:
            self.normal(name + ".bias", (width,), 0.02)


def language(draw: Draw) -> None:
    text = CONFIG["text_config"]
    hidden, inner, head = text["hidden_size"], text["intermediate_size"], text["head_dim"]
    queries, keys = text["num_attention_heads"] * head, text["num_key_value_heads"] * head
    draw.normal(LANGUAGE + "embed_tokens.weight", (text["vocab_size"], hidden), 1)
    for layer in range(text["num_hidden_layers"]):
        at = f"{LANGUAGE}layers.{layer}."
        draw.norm(at + "input_layernorm", hidden)
        draw.norm(at + "post_attention_layernorm", hidden)
        draw.linear(at + "self_attn.q_proj", queries, hidden)
        draw.linear(at + "self_attn.k_proj", keys, hidden)
        draw.linear(at + "self_attn.v_proj", keys, hidden)
        draw.linear(at + "self_attn.o_proj", hidden, queries, gain=ATTENTION)
        draw.norm(at + "self_attn.q_norm", head, gain=SHARPNESS)
        draw.norm(at + "self_attn.k_norm", head, gain=SHARPNESS)
        draw.linear(at + "mlp.gate_proj", inner, hidden)
        draw.linear(at + "mlp.up_proj", inner, hidden)
        draw.linear(at + "mlp.down_proj", hidden, inner)
    draw.norm(LANGUAGE + "norm", hidden)
    draw.linear("lm_head", text["vocab_size"], hidden)
    # Only words of two letters can win: then the text of an answer tells its tokens.
    head_weight = draw.weights["lm_head.weight"]
    head_weight[:FIRST_WORD] = 0
    head_weight[FIRST_WORD + len(WORDS) :] = 0


def vision(draw: Draw) -> None:
    config = CONFIG["vision_config"]
    width, inner = config["hidden_size"], config["intermediate_size"]
    patch = (config["in_channels"], config["temporal_patch_size"], config["patch_size"], config["patch_size"])
    draw.normal(VISION + "patch_embed.proj.weight", (width, *patch), float(np.prod(patch)) ** -0.5)
    draw.normal(VISION + "patch_embed.proj.bias", (width,), 0.02)
    draw.normal(VISION + "pos_embed.weight", (config["num_position_embeddings"], width), 0.3)
    for block in range(config["depth"]):
        at = f"{VISION}blocks.{block}."
        draw.norm(at + "norm1", width, bias=True)
        draw.norm(at + "norm2", width, bias=True)
        draw.linear(at + "attn.qkv", 3 * width, width, bias=True)
        draw.linear(at + "attn.proj", width, width, bias=True)
        draw.linear(at + "mlp.linear_fc1", inner, width, bias=True)
        draw.linear(at + "mlp.linear_fc2", width, inner, bias=True)
    merger(draw, VISION + "merger", norm_width=width)
    for level in range(len(config["deepstack_visual_indexes"])):
        merger(draw, f"{VISION}deepstack_merger_list.{level}", norm_width=4 * width)


def merger(draw: Draw, name: str, norm_width: int) -> None:
    merged = 4 * CONFIG["vision_config"]["hidden_size"]
    draw.norm(name + ".norm", norm_width, bias=True)
    draw.linear(name + ".linear_fc1", merged, merged, bias=True)
    draw.linear(name + ".linear_fc2", CONFIG["vision_config"]["out_hidden_size"], merged, bias=True)
