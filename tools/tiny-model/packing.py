"""Packs conversations. Each keeps its own positions, sees only itself and weighs what the model is to write."""

from __future__ import annotations

import random

import numpy as np
from tokenizers import Tokenizer

from chat import render
from text.corpus import some_conversation
from text.tool_calls import call_text


class Packer:
    def __init__(self, tokenizer: Tokenizer, rows: int, length: int, mix: str):
        self.tokenizer, self.rows, self.length, self.mix = tokenizer, rows, length, mix
        self.im_start, self.im_end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")
        self.assistant = tokenizer.encode("assistant").ids[0]

    def encode(self, conversation: dict, r: random.Random) -> tuple[list[int], int]:
        """-> ids, index of the first one that the model shall write. Thinking is on in a third of the conversations."""
        *earlier, last = conversation["messages"]
        think = r.random() < .34
        switch = not think and r.random() < .06  # `/no_think` in the message instead of enable_thinking
        keep_reasoning = r.random() < .5
        history = []
        for message in earlier:
            told = {k: v for k, v in message.items() if k != "think"}
            if message.get("tool_calls") and think and keep_reasoning:
                told["reasoning_content"] = message["think"]
            history.append(told)
        switch = switch and history[-1]["role"] == "user"
        if switch:
            history[-1]["content"] += " /no_think"
        prompt = render(history, conversation.get("tools"), think or switch)
        calls = (call_text(c["function"]["name"], c["function"]["arguments"]) for c in last.get("tool_calls", []))
        thought = f"<think>\n{last['think']}\n</think>\n\n" if think else "<think>\n\n</think>\n\n" if switch else ""
        target = thought + last["content"] + "".join(calls) + "<|im_end|>"
        start = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        return start + self.tokenizer.encode(target, add_special_tokens=False).ids, len(start)

    def weigh(self, weight: np.ndarray, ids: list[int], prompt: int) -> None:
        weight[1:prompt] = .05
        weight[prompt:] = 1.
        turns = [i for i in range(prompt - 2) if ids[i] == self.im_start and ids[i + 1] == self.assistant]
        weight[turns[-1] + 3:prompt] = 0.  # the empty think block of a prompt must not be learned
        for i in turns[:-1]:
            weight[i + 3] = 0.  # nor that an earlier turn starts without the thought that the template drops
            if self.mix != "a":
                weight[i + 4:ids.index(self.im_end, i) + 1] = .5

    def batch(self, r: random.Random) -> tuple[np.ndarray, ...]:
        """-> tokens, targets, segment, position, weight; each (rows, length)"""
        size = (self.rows, self.length + 1)
        tokens, segment, position = (np.zeros(size, np.int32) for _ in range(3))
        weight = np.zeros(size, np.float32)
        for row in range(self.rows):
            at, number, misses = 0, 1, 0
            while at < self.length - 24 and misses < 6:
                ids, prompt = self.encode(some_conversation(r, self.mix), r)
                end = at + len(ids)
                if end > self.length + 1:
                    misses += 1
                    continue
                tokens[row, at:end], segment[row, at:end], position[row, at:end] = ids, number, np.arange(len(ids))
                self.weigh(weight[row, at:end], ids, prompt)
                at, number = end, number + 1
        same = segment[:, 1:] == segment[:, :-1]
        return tokens[:, :-1], tokens[:, 1:], segment[:, :-1], position[:, :-1], weight[:, 1:] * same
