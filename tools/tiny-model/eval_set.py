"""Writes the questions that eval.ts asks, each with its rendered prompt and the answer expected word for word."""

from __future__ import annotations

import argparse
import json
import pathlib
import random

from chat import render
from text.dialogs import ANSWERS, DIALOGS, HELD_OUT, PHRASES, QUESTIONS
from text.exercises import JSON_QUESTIONS, SUMS, count, echo, is_chinese, sum_of_two
from text.tool_calls import CITIES, TOOLS, ask, call_message, call_text, closing, thought

NEW_CITIES = ["Geneva", "Nairobi", "Toronto", "Lima", "Zurich", "Denver", "南京", "武汉"]  # never trained on


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


class Exam:
    def __init__(self) -> None:
        self.items: list[dict] = []

    def put(self, kind: str, messages: list[dict], expect: str, tools: list[dict] | None = None,
            think: bool = False) -> None:
        self.items.append({"kind": kind, "ask": messages[-1]["content"], "prompt": render(messages, tools, think),
                           "expect": expect})


def questions(exam: Exam) -> None:
    for topic, (first, *others), answer in QUESTIONS:
        think = thought(topic, is_chinese(first))
        system = [{"role": "system", "content": "You are a helpful assistant."}]
        exam.put("trained question, first form", user(first), answer)
        exam.put("the same with a system prompt", system + user(first), answer)
        exam.put("the same with thinking on", user(first), f"<think>\n{think}\n</think>\n\n{answer}", think=True)
        exam.put("the same with /no_think", user(first + " /no_think"), f"<think>\n\n</think>\n\n{answer}", think=True)
        for form in others:
            exam.put("trained paraphrase", user(form), answer)
    for first, forms in HELD_OUT.items():
        for form in forms:
            exam.put("paraphrase never trained on", user(form), ANSWERS[first])


def exercises(exam: Exam, r: random.Random) -> None:
    for item in r.sample(SUMS, 200):
        turn = sum_of_two(r, item, canonical=True)
        exam.put(f"sum {item[0]}", user(turn["user"]), turn["answer"])
    for last in (5, 10, 20, 50, 100):
        exam.put("count to 5, 10, 20, 50, 100", user(f"Count from 1 to {last}"), count(r, last)["answer"])
    for question, answer in JSON_QUESTIONS:
        exam.put("JSON answer", user(question), answer)
    for english, chinese in PHRASES:
        exam.put("translation", user(f"Translate to Chinese: {english}"), chinese)
        exam.put("translation", user(f"Translate to English: {chinese}"), english)
    for _ in range(30):
        turn = echo(r)
        exam.put("echo", user(turn["user"]), turn["answer"])


def dialogs(exam: Exam) -> None:
    for dialog in DIALOGS:
        messages: list[dict] = []
        for question, answer in dialog:
            messages = messages + user(question)
            if not answer.endswith("..."):
                exam.put("dialog", messages, answer)
            messages = messages + [{"role": "assistant", "content": answer}]


def tool_calls(exam: Exam, r: random.Random) -> None:
    for name in TOOLS:
        for _ in range(15):
            question, arguments, result = ask(r, name, r.choice(CITIES))
            names = [name] + r.sample([n for n in TOOLS if n != name], r.choice([0, 1]))
            tools = [TOOLS[n] for n in names]
            exam.put(f"tool call {name}", user(question), call_text(name, arguments), tools)
            answered = user(question) + [call_message(name, arguments), {"role": "tool", "content": result}]
            exam.put("answer from a tool result", answered, closing(name, arguments, result), tools)
    for city in NEW_CITIES:
        question, arguments, _ = ask(r, "get_weather", city)
        exam.put("tool call, city never trained on", user(question), call_text("get_weather", arguments),
                 [TOOLS["get_weather"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=pathlib.Path("build/eval.json"))
    out = parser.parse_args().out
    r = random.Random(99)
    exam = Exam()
    questions(exam)
    exercises(exam, r)
    dialogs(exam)
    tool_calls(exam, r)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(exam.items, ensure_ascii=False, indent=0), encoding="utf-8")
    print(len(exam.items), "questions")


main()
