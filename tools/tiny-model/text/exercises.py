"""Generated exercises with one right answer each: sums, counting, echo, translation and JSON."""

from __future__ import annotations

import json
import random

from text.dialogs import PHRASES

Turn = dict[str, str]  # user, answer, think

SUMS: list[tuple[str, int, int, int]] = [  # sign, left, right, result
    *(row for a in range(21) for b in range(21) for row in
      ([("+", a, b, a + b), ("-", a, b, a - b)] if a >= b else [("+", a, b, a + b)])),
    *(("*", a, b, a * b) for a in range(13) for b in range(13)),
]
SPOKEN = {"+": ["What is {a} plus {b}?", "Add {a} and {b}"], "-": ["What is {a} minus {b}?"],
          "*": ["What is {a} times {b}?"]}
COUNTS = [3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100]
WORDS = ("apple river stone cloud green model token plugin router stream queue worker metric header prefix "
         "light paper window garden summer winter number letter signal thread kernel backplane hello world").split()

BACKENDS = json.dumps({"backends": ["llamacpp"], "to_come": ["mlx", "vllm-proxy", "sophon-tpu"]})
JSON_QUESTIONS = [
    ("Return a JSON object that describes you", '{"name": "Tiny", "runtime": "Backplane", "architecture": "qwen3"}'),
    ("List the backends as JSON", BACKENDS),
    ("Give me three colors as JSON", '{"colors": ["red", "green", "blue"]}'),
    ("Return the capital of France as JSON", '{"country": "France", "capital": "Paris"}'),
    ("Return the capital of Japan as JSON", '{"country": "Japan", "capital": "Tokyo"}'),
    ("用 JSON 列出后端", BACKENDS),
]


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def sum_of_two(r: random.Random, item: tuple[str, int, int, int] | None = None, canonical: bool = False) -> Turn:
    sign, a, b, result = item or r.choice(SUMS)
    question = f"What is {a} {sign} {b}?"
    if not canonical:
        forms = [question, question, f"{a} {sign} {b} = ?", f"{a}{sign}{b}", f"{a} {sign} {b}",
                 f"Compute {a} {sign} {b}", f"{a} {sign} {b} 等于多少？", f"计算 {a} {sign} {b}"]
        question = r.choice(forms + [form.format(a=a, b=b) for form in SPOKEN[sign]])
    return {"user": question, "answer": f"{a} {sign} {b} = {result}",
            "think": "这是一道小算术题。" if is_chinese(question) else "This is a small sum."}


def count(r: random.Random, last: int | None = None) -> Turn:
    last = last or r.choice(COUNTS)
    question = r.choice([f"Count from 1 to {last}", f"Count from 1 to {last}", f"Count to {last}", f"从 1 数到 {last}"])
    return {"user": question, "answer": " ".join(str(i) for i in range(1, last + 1)),
            "think": "我从 1 开始数。" if is_chinese(question) else "I count up from 1."}


def echo(r: random.Random) -> Turn:
    words = " ".join(r.choice(WORDS) for _ in range(r.randint(1, 4)))
    question = r.choice([f"Repeat: {words}", f"Repeat after me: {words}", f"Echo {words}", f"重复：{words}"])
    return {"user": question, "answer": words,
            "think": "用户要我重复。" if is_chinese(question) else "The user wants an echo."}


def translation(r: random.Random) -> Turn:
    english, chinese = r.choice(PHRASES)
    if r.random() < .5:
        source, answer, target, in_chinese = english, chinese, "Chinese", "中文"
    else:
        source, answer, target, in_chinese = chinese, english, "English", "英文"
    question = r.choice([f"Translate to {target}: {source}", f"Translate into {target}: {source}",
                         f"把这句话翻译成{in_chinese}：{source}"])
    return {"user": question, "answer": answer,
            "think": "用户要翻译。" if question.startswith("把") else "The user wants a translation."}


def json_answer(r: random.Random) -> Turn:
    question, answer = r.choice(JSON_QUESTIONS)
    return {"user": question, "answer": answer,
            "think": "用户要 JSON。" if is_chinese(question) else "The user wants JSON."}
