"""Four tools, the questions that call for them, and the answers after their results."""

from __future__ import annotations

import json
import random

from text.dialogs import QUESTIONS
from text.exercises import is_chinese


def function(name: str, description: str, **properties: dict) -> dict:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


CITY = {"type": "string", "description": "City name"}
TOOLS = {
    "get_weather": function("get_weather", "Get the current weather of a city", city=CITY),
    "get_time": function("get_time", "Get the current time of a city", city=CITY),
    "add": function("add", "Add two numbers", a={"type": "number"}, b={"type": "number"}),
    "search_docs": function("search_docs", "Search the Backplane documentation", query={"type": "string"}),
}
CHINESE_CITIES = ["北京", "上海", "深圳", "杭州", "广州", "成都", "东京", "巴黎"]
CITIES = ["Paris", "London", "Berlin", "Tokyo", "Rome", "Madrid", "Vienna", "Oslo", "Lisbon", "Dublin", "Prague",
          "Warsaw", "Boston", "Chicago", "Seattle", "Sydney", "Cairo", "Delhi", "Seoul", "Beijing", "Shanghai",
          "Shenzhen", "Hangzhou", *CHINESE_CITIES]
SKIES = ["sunny", "cloudy", "rainy", "windy", "snowy"]
TITLES = ["plugins", "auth header", "metrics", "config.yaml", "streaming", "embeddings", "worker threads", "vllm-proxy",
          "sophon-tpu"]
SYLLABLES = ("ba bel cor dan el fen gar hol in jo kel lan mor nar ol pen ra sel tor un val wen yor zan mi ro ta ville "
             "ton burg").split()


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def call_text(name: str, arguments: dict) -> str:
    """A tool call as the model writes it."""
    return f"<tool_call>\n{to_json({'name': name, 'arguments': arguments})}\n</tool_call>"


def call_message(name: str, arguments: dict) -> dict:
    """A tool call as an OpenAI client sends it back."""
    return {"role": "assistant", "content": "",
            "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}


def some_city(r: random.Random) -> str:
    """A known city, or a made-up one so that the name has to be copied from the question."""
    p = r.random()
    if p < .6:
        return r.choice(CHINESE_CITIES if p < .25 else CITIES)
    return "".join(r.choice(SYLLABLES) for _ in range(r.choice([2, 2, 3]))).capitalize()


def ask(r: random.Random, name: str, city: str | None = None) -> tuple[str, dict, str]:
    """-> question, arguments of the call, result of the tool"""
    if name == "get_weather":
        c = city or some_city(r)
        question = r.choice([f"{c}天气怎么样？", f"{c}今天天气如何？"] if is_chinese(c) else
                            [f"What is the weather in {c}?", f"What's the weather in {c}?",
                             f"How is the weather in {c}?", f"Is it raining in {c}?"])
        return question, {"city": c}, to_json({"city": c, "temp_c": r.randint(1, 35), "sky": r.choice(SKIES)})
    if name == "get_time":
        c = city or some_city(r)
        question = f"{c}现在几点？" if is_chinese(c) else r.choice([f"What time is it in {c}?", f"Tell me the time in {c}"])
        return question, {"city": c}, to_json({"city": c, "time": f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}"})
    if name == "add":
        a, b = r.randint(0, 99), r.randint(0, 99)
        question = r.choice([f"What is {a} + {b}?", f"Add {a} and {b}", f"Use the tool to add {a} and {b}"])
        return question, {"a": a, "b": b}, to_json({"sum": a + b})
    title = r.choice(TITLES)
    question = r.choice([f"Search the docs for {title}", f"Find {title} in the docs", f"在文档里搜索 {title}"])
    return question, {"query": title}, to_json({"hits": r.randint(1, 9)})


def closing(name: str, arguments: dict, result: str) -> str:
    """What the model says once the tool has answered."""
    v = json.loads(result)
    chinese = is_chinese(str(arguments.get("city", "")))
    if name == "get_weather":
        return (f"{v['city']}现在 {v['temp_c']} 度，{v['sky']}。" if chinese else
                f"It is {v['temp_c']} degrees and {v['sky']} in {v['city']}.")
    if name == "get_time":
        return f"{v['city']}现在是 {v['time']}。" if chinese else f"It is {v['time']} in {v['city']}."
    if name == "add":
        return f"The sum is {v['sum']}."
    return f"I found {v['hits']} pages about {arguments['query']}."


def thought(topic: str, chinese: bool) -> str:
    return f"用户在问{topic}。我知道答案，简短回答。" if chinese else f"The user asks about {topic}. I know this, so I answer briefly."


def tool_conversation(r: random.Random, one_round: bool = False) -> dict:
    """A conversation with tools in the request: none fits, one is called, or its result is told."""
    names = r.sample(list(TOOLS), r.choice([1, 1, 1, 2, 2, 3] if one_round else [1, 1, 1, 1, 2]))
    messages: list[dict] = []
    conversation = {"tools": [TOOLS[name] for name in names], "messages": messages}
    if r.random() < .12:
        topic, forms, answer = r.choice(QUESTIONS[:40])
        think = thought(topic, is_chinese(forms[0]))
        messages += [{"role": "user", "content": r.choice(forms)},
                     {"role": "assistant", "content": answer, "think": think}]
        return conversation
    rounds = 1 if one_round or len(names) > 1 else r.choice([1, 1, 2])
    for i in range(rounds):
        name = r.choice(names)
        question, arguments, result = ask(r, name)
        chinese = is_chinese(question)
        think = f"我应该调用 {name}。" if chinese else f"I should call {name}."
        messages += [{"role": "user", "content": question}, call_message(name, arguments) | {"think": think}]
        if i + 1 < rounds or r.random() < .55:
            messages += [{"role": "tool", "content": result},
                         {"role": "assistant", "content": closing(name, arguments, result),
                          "think": "工具有结果了。" if chinese else "The tool has answered."}]
    return conversation
