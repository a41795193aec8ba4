"""The tokenizer: byte-level BPE with the split that llama.cpp calls `qwen2`."""

from __future__ import annotations

import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import shape
from chat import render
from text.corpus import some_conversation, tokenizer_text

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def build() -> Tokenizer:
    r = random.Random(5)
    lines = tokenizer_text()
    for _ in range(300):
        conversation = some_conversation(r)
        history = [{k: v for k, v in m.items() if k != "think"} for m in conversation["messages"][:-1]]
        lines.append(render(history, conversation.get("tools")))
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=shape.VOCABULARY - len(shape.SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2, show_progress=False))
    for special in (True, False):
        tokens = [AddedToken(token, special=special, normalized=False)
                  for token, control in shape.SPECIAL.items() if control == special]
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(tokens)
    return tokenizer
