"""What lies beside a bmodel in a model folder: configuration, tokenizer and chat template of the tiny model."""

import json
from pathlib import Path

from shape import CONFIG, FIRST_WORD, SPECIAL, WORDS

# Qwen's own rule for where words end.
WORD_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {%- if part.type == 'image' %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif part.type == 'video' %}
                {{- '<|vision_start|><|video_pad|><|vision_end|>' }}
            {%- elif 'text' in part %}
                {{- part.text }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def write_model_files(directory: Path, sampled: bool) -> None:
    """`sampled`: the generation_config.json of a model whose answers are drawn, else of a greedy one."""
    directory.mkdir(parents=True, exist_ok=True)
    stop = [SPECIAL["<|im_end|>"], SPECIAL["<|endoftext|>"]]
    generation = {"eos_token_id": stop}
    if sampled:
        generation |= {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.0}
    files = {
        "config.json": CONFIG,
        "generation_config.json": generation,
        "preprocessor_config.json": {
            "size": {"shortest_edge": 64 * 64, "longest_edge": 128 * 128},
            "patch_size": 16,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
        "tokenizer.json": tokenizer(),
        "tokenizer_config.json": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        "chat_template.json": {"chat_template": CHAT_TEMPLATE},
    }
    for name, value in files.items():
        (directory / name).write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def tokenizer() -> dict:
    """Byte-level BPE: 256 bytes, then words of two letters, each one merge of two bytes."""
    vocabulary = {character: byte for byte, character in enumerate(byte_alphabet())}
    vocabulary |= {word: FIRST_WORD + index for index, word in enumerate(WORDS)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id, "content": text, **flags} for text, id in SPECIAL.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": WORD_PATTERN}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            ],
        },
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": [f"{word[0]} {word[1]}" for word in WORDS],
        },
    }


def byte_alphabet() -> list[str]:
    """GPT-2's printable character for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    strangers = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(strangers)) for byte in range(256)]
