"""Renders a conversation to the prompt that the model reads, with the template that ships inside the model."""

from __future__ import annotations

import json
import pathlib

import jinja2

TEMPLATE = (pathlib.Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8")

_environment = jinja2.Environment(keep_trailing_newline=True)
_environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
_template = _environment.from_string(TEMPLATE)


def render(messages: list[dict], tools: list[dict] | None = None, think: bool = False) -> str:
    switch = {} if think else {"enable_thinking": False}
    return _template.render(messages=messages, tools=tools, add_generation_prompt=True, **switch)
