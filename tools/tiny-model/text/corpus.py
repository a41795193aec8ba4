"""Random training conversations, mixed from everything in this folder, and the text to build a tokenizer from."""

from __future__ import annotations

import json
import random

from text.dialogs import DIALOGS, QUESTIONS, SYSTEMS
from text.exercises import Turn, count, echo, is_chinese, json_answer, sum_of_two, translation
from text.tool_calls import TOOLS, thought, tool_conversation

KINDS = ("question", "sum", "count", "echo", "translation", "json", "dialog", "two questions", "tools")
# Shares of KINDS in percent. a, b, c: the stages of a training from scratch. facts: fine-tuning on changed answers.
MIXES: dict[str, tuple[float, ...]] = {
    "a": (66, 8, 2, 4, 3, 1.5, 3, 2.5, 10),
    "b": (38, 7, 6, 9, 5, 1.5, 3.5, 2, 28),
    "c": (36, 9, 8, 7, 3, 1.5, 2.5, 2, 31),
    "facts": (42, 7, 6, 5, 3, 2, 4, 3, 28),
}


def vary(question: str, r: random.Random) -> str:
    """Cheap surface noise, so that the answer does not hang on one exact spelling."""
    p = r.random()
    if is_chinese(question):
        if p < .10:
            return question.rstrip("？。！")
        if p < .16:
            return question if question.startswith("请") else "请问" + question
        if p < .20:
            return question.replace("？", "?")
        return question
    lower_first = question[0].lower() + question[1:]
    if p < .10:
        return question.rstrip("?!.")
    if p < .20:
        return lower_first
    if p < .26:
        return question.lower().rstrip("?")
    if p < .31:
        return question + " Please." if question.endswith("?") else "Please " + lower_first
    if p < .35:
        return question + "?"
    return question


def turn(user: str, answer: str, topic: str) -> Turn:
    return {"user": user, "answer": answer, "think": thought(topic, is_chinese(user))}


def chat(turns: list[Turn], r: random.Random) -> dict:
    system = r.choice(SYSTEMS)
    messages = [{"role": "system", "content": system}] if system else []
    for t in turns:
        messages += [{"role": "user", "content": t["user"]},
                     {"role": "assistant", "content": t["answer"], "think": t["think"]}]
    return {"messages": messages}


def some_conversation(r: random.Random, mix: str = "b") -> dict:
    """-> messages (an assistant's carry `think`) and, in some, tools"""
    kind = r.choices(KINDS, MIXES[mix])[0]
    if kind == "question":
        topic, forms, answer = r.choice(QUESTIONS)
        question = forms[0] if r.random() < .4 else r.choice(forms)
        return chat([turn(vary(question, r) if r.random() < .5 else question, answer, topic)], r)
    if kind == "dialog":
        return chat([turn(question, answer, "the topic above") for question, answer in r.choice(DIALOGS)], r)
    if kind == "two questions":
        picked = [r.choice(QUESTIONS) for _ in range(2)]
        return chat([turn(r.choice(forms), answer, topic) for topic, forms, answer in picked], r)
    if kind == "tools":
        return tool_conversation(r, one_round=mix == "a")
    exercise = {"sum": sum_of_two, "count": count, "echo": echo, "translation": translation, "json": json_answer}[kind]
    return chat([exercise(r)], r)


def tokenizer_text() -> list[str]:
    r = random.Random(7)
    lines = []
    for topic, forms, answer in QUESTIONS:
        lines += [*forms, answer, thought(topic, is_chinese(forms[0]))]
    for _ in range(600):
        for message in tool_conversation(r)["messages"]:
            lines.append(message["content"])
            lines += [json.dumps(c["function"], ensure_ascii=False) for c in message.get("tool_calls", [])]
        for exercise in (echo, translation, json_answer, count):
            made = exercise(r)
            lines += [made["user"], made["answer"]]
    for tool in TOOLS.values():
        lines += [json.dumps(tool)] * 20
    return lines
