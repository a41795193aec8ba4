"""Writes a build folder as backplane-tiny-<kind>.gguf and as the Hugging Face folder backplane-tiny-hf (float16)."""

from __future__ import annotations

import argparse
import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

import shape
import weights
from chat import TEMPLATE

NAME = "backplane-tiny"
END_OF_TURN, END_OF_TEXT = "<|im_end|>", "<|endoftext|>"


def token_type(token: str) -> gguf.TokenType:
    if token not in shape.SPECIAL:
        return gguf.TokenType.NORMAL
    return gguf.TokenType.CONTROL if shape.SPECIAL[token] else gguf.TokenType.USER_DEFINED


def write_gguf(w: weights.Weights, tokenizer: Tokenizer, kind: str, out: pathlib.Path) -> None:
    """kind: Q8_0 or F16"""
    path = out / f"{NAME}-{kind}.gguf"
    writer = gguf.GGUFWriter(str(path), "qwen3")
    writer.add_name("Backplane Tiny")
    writer.add_description("Tiny Qwen3-architecture demo model trained from scratch for Backplane")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if kind == "Q8_0" else gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.CONTEXT)
    writer.add_embedding_length(shape.HIDDEN)
    writer.add_block_count(shape.LAYERS)
    writer.add_feed_forward_length(shape.FFN)
    writer.add_head_count(shape.HEADS)
    writer.add_head_count_kv(shape.KV_HEADS)
    writer.add_key_length(shape.HEAD_DIM)
    writer.add_value_length(shape.HEAD_DIM)
    writer.add_layer_norm_rms_eps(shape.RMS_EPSILON)
    writer.add_rope_freq_base(shape.ROPE_THETA)
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([token_type(t) for t in tokens])
    writer.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in merges])
    writer.add_eos_token_id(ids[END_OF_TURN])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for ours, _, name, transposed in weights.NAMES:
        x = np.ascontiguousarray(w[ours].T if transposed else w[ours]).astype(np.float32)
        if x.ndim == 1:
            writer.add_tensor(name, x)
        elif kind == "Q8_0":
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(x, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name, x.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(path.name, path.stat().st_size, "bytes")


def write_hugging_face(w: weights.Weights, tokenizer: Tokenizer, out: pathlib.Path) -> None:
    folder = out / f"{NAME}-hf"
    folder.mkdir(parents=True, exist_ok=True)
    ids = tokenizer.get_vocab()

    def write_json(name: str, value: dict) -> None:
        (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    write_json("config.json", {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": shape.HIDDEN,
        "intermediate_size": shape.FFN, "num_hidden_layers": shape.LAYERS, "num_attention_heads": shape.HEADS,
        "num_key_value_heads": shape.KV_HEADS, "head_dim": shape.HEAD_DIM, "vocab_size": shape.VOCABULARY,
        "max_position_embeddings": shape.CONTEXT, "rms_norm_eps": shape.RMS_EPSILON, "rope_theta": shape.ROPE_THETA,
        "rope_scaling": None, "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.02, "tie_word_embeddings": True, "use_cache": True, "use_sliding_window": False,
        "sliding_window": None, "max_window_layers": shape.LAYERS, "bos_token_id": ids[END_OF_TEXT],
        "eos_token_id": ids[END_OF_TURN], "torch_dtype": "float16"})
    write_json("generation_config.json", {
        "bos_token_id": ids[END_OF_TEXT], "eos_token_id": [ids[END_OF_TURN], ids[END_OF_TEXT]],
        "pad_token_id": ids[END_OF_TEXT], "do_sample": False})
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json("tokenizer_config.json", {
        "tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "add_prefix_space": False, "bos_token": None,
        "eos_token": END_OF_TURN, "pad_token": END_OF_TEXT, "unk_token": None, "errors": "replace",
        "split_special_tokens": False, "clean_up_tokenization_spaces": False, "model_max_length": shape.CONTEXT,
        "chat_template": TEMPLATE,
        "added_tokens_decoder": {
            str(ids[token]): {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                              "single_word": False, "special": control}
            for token, control in shape.SPECIAL.items()}})
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    tensors = {name: np.ascontiguousarray(w[ours].T if transposed else w[ours]).astype(np.float16)
               for ours, name, _, transposed in weights.NAMES}
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    print(folder.name, sum(f.stat().st_size for f in folder.iterdir()), "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="folder that train.py wrote")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("../../models"))
    parser.add_argument("--kinds", nargs="+", default=["Q8_0"], choices=["Q8_0", "F16"])
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    w = weights.load(a.build)
    tokenizer = Tokenizer.from_file(str(a.build / "tokenizer.json"))
    for kind in a.kinds:
        write_gguf(w, tokenizer, kind, a.out)
    write_hugging_face(w, tokenizer, a.out)


main()
