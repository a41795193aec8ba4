"""The official OpenAI Python SDK against a running server.

    python openai_sdk.py URL GUARDED_URL KEY

One line per check: `ok NAME`, or `not ok NAME: WHY`.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import traceback
from collections.abc import Callable

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL, GUARDED_URL, KEY = sys.argv[1:]
client = OpenAI(base_url=f"{URL}/v1", api_key="unused", max_retries=0)

POEM = [{"role": "user", "content": "Write a poem"}]
ANSWER = "Spring comes softly to the hill,\n"
THOUGHT = "The user asks about poem. I know this, so I answer briefly."
QUIET = {"enable_thinking": False}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City name"}},
            "required": ["city"],
        },
    },
}
PARIS = {"messages": [{"role": "user", "content": "What is the weather in Paris?"}], "tools": [WEATHER]}
CAPITAL = [{"role": "user", "content": "Return the capital of France as JSON"}]

checks: list[tuple[str, Callable[[], None]]] = []


def check(name: str) -> Callable[[Callable[[], None]], None]:
    return lambda body: checks.append((name, body))


def equal(actual: object, expected: object) -> None:
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


def true(condition: object, otherwise: object) -> None:
    if not condition:
        raise AssertionError(str(otherwise))


def raised(kind: type[Exception], call: Callable[[], object]) -> openai.APIStatusError:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def chat(model: str = "tiny", messages: list = POEM, **more):
    return client.chat.completions.create(model=model, messages=messages, **more)


def text_of(stream) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@check("a chat is answered whole, with its usage")
def _() -> None:
    completion = chat()
    equal(completion.model, "tiny")
    equal(completion.choices[0].finish_reason, "stop")
    true(completion.choices[0].message.content.startswith(ANSWER), completion)
    usage = completion.usage
    true(usage.prompt_tokens > 0, usage)
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)


@check("a chat streamed gives the same text")
def _() -> None:
    equal(text_of(chat(stream=True)), chat().choices[0].message.content)


@check("a chat streamed through .stream() ends in a final completion")
def _() -> None:
    with client.chat.completions.stream(model="tiny", messages=POEM) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "content.delta")
        equal(stream.get_final_completion().choices[0].message.content, deltas)
    true(deltas.startswith(ANSWER), deltas)


@check("a chat streamed with include_usage ends with a chunk that has the usage and no choices")
def _() -> None:
    *before, last = chat(stream=True, stream_options={"include_usage": True})
    equal(last.choices, [])
    equal(last.usage.completion_tokens, chat().usage.completion_tokens)
    true(all(chunk.usage is None for chunk in before), before)


@check("a chat with n=2 gives two choices, and bills the prompt once")
def _() -> None:
    one, two = chat(extra_body=QUIET), chat(n=2, extra_body=QUIET)
    equal([choice.index for choice in two.choices], [0, 1])
    true(all(choice.message.content.startswith(ANSWER) for choice in two.choices), two)
    equal(two.usage.prompt_tokens, one.usage.prompt_tokens)


@check("a chat ends before a stop string")
def _() -> None:
    count = chat(messages=[{"role": "user", "content": "Count from 1 to 20"}], stop=[" 10"], extra_body=QUIET)
    equal(count.choices[0].message.content, "1 2 3 4 5 6 7 8 9")
    equal(count.choices[0].finish_reason, "stop")


@check("a chat ends at max_tokens")
def _() -> None:
    cut = chat(max_tokens=3, extra_body=QUIET)
    equal((cut.choices[0].finish_reason, cut.usage.completion_tokens), ("length", 3))


@check("a chat with a seed is repeated word for word, and another seed changes it")
def _() -> None:
    def say(seed: int) -> str:
        return chat(seed=seed, temperature=2, max_tokens=40, extra_body=QUIET).choices[0].message.content

    equal(say(1), say(1))
    true(say(1) != say(2), "seeds 1 and 2 say the same")


@check("a chat shows the log probabilities of its tokens")
def _() -> None:
    choice = chat(logprobs=True, top_logprobs=2, max_tokens=5, extra_body=QUIET).choices[0]
    shown = choice.logprobs.content
    equal("".join(token.token for token in shown), choice.message.content)
    true(all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in shown), shown)


@check("thinking stands beside the content where the model says reasoning: separate")
def _() -> None:
    message = chat().choices[0].message
    equal(message.reasoning_content, THOUGHT)
    true(message.content.startswith(ANSWER), message)
    deltas = [chunk.choices[0].delta for chunk in chat(stream=True)]
    equal("".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas), THOUGHT)


@check("thinking stands in the content, with its tags, where the model says reasoning: raw")
def _() -> None:
    message = chat("tiny-raw").choices[0].message
    true(message.content.startswith(f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"), message)
    true(not hasattr(message, "reasoning_content"), message)
    equal(text_of(chat("tiny-raw", stream=True)), message.content)


@check("thinking is not shown where the model says reasoning: hidden")
def _() -> None:
    message = chat("tiny-hidden").choices[0].message
    true(message.content.startswith(ANSWER), message)
    true(not hasattr(message, "reasoning_content"), message)


@check("tools are called, and their result is told")
def _() -> None:
    choice = chat(**PARIS).choices[0]
    equal(choice.finish_reason, "tool_calls")
    (call,) = choice.message.tool_calls
    equal((call.function.name, json.loads(call.function.arguments)), ("get_weather", {"city": "Paris"}))
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"city": "Paris", "temp_c": 21, "sky": "sunny"}'}
    told = chat(messages=[*PARIS["messages"], choice.message, result], tools=[WEATHER]).choices[0]
    # The model sees that it is sunny; it is too small to copy every number.
    true(re.fullmatch(r"It is \d+ degrees and sunny in Paris\.", told.message.content), told)


@check("tools streamed arrive as deltas that add up to the call")
def _() -> None:
    deltas = [call for chunk in chat(**PARIS, stream=True) for call in chunk.choices[0].delta.tool_calls or []]
    equal([delta.function.name for delta in deltas if delta.id], ["get_weather"])
    equal(json.loads("".join(delta.function.arguments or "" for delta in deltas)), {"city": "Paris"})


@check("tools streamed through .stream() are put together by the SDK")
def _() -> None:
    with client.chat.completions.stream(model="tiny", **PARIS) as stream:
        choice = stream.get_final_completion().choices[0]
    equal(json.loads(choice.message.tool_calls[0].function.arguments), {"city": "Paris"})


class Capital(BaseModel):
    country: str
    capital: str


@check("a response format made of a Pydantic model is parsed into it")
def _() -> None:
    completion = client.chat.completions.parse(model="tiny", messages=CAPITAL, response_format=Capital)
    equal(completion.choices[0].message.parsed, Capital(country="France", capital="Paris"))


@check("a response format made of a Pydantic model is parsed from a stream")
def _() -> None:
    with client.chat.completions.stream(model="tiny", messages=CAPITAL, response_format=Capital) as stream:
        equal(stream.get_final_completion().choices[0].message.parsed, Capital(country="France", capital="Paris"))


@check("a completion continues a text, whole and streamed")
def _() -> None:
    prompt = "<|im_start|>user\nWrite a poem<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    whole = client.completions.create(model="tiny", prompt=prompt, max_tokens=8)
    equal((whole.choices[0].finish_reason, whole.usage.completion_tokens), ("length", 8))
    stream = client.completions.create(model="tiny", prompt=prompt, max_tokens=8, stream=True)
    equal("".join(chunk.choices[0].text for chunk in stream), whole.choices[0].text)


@check("embeddings are the same vectors in the base64 that the SDK asks for by default and as floats")
def _() -> None:
    packed = client.embeddings.create(model="tiny", input=["hello world", "你好"])
    plain = client.embeddings.create(model="tiny", input=["hello world", "你好"], encoding_format="float")
    equal([len(item.embedding) for item in plain.data], [192, 192])
    for a, b in zip(packed.data, plain.data, strict=True):
        true(max(abs(x - y) for x, y in zip(a.embedding, b.embedding, strict=True)) < 1e-6, "they differ")
        true(abs(math.hypot(*a.embedding) - 1) < 1e-4, "its length is not 1")


@check("models are listed and retrieved, also by a name with a slash in it")
def _() -> None:
    equal([model.id for model in client.models.list()], ["tiny", "org/tiny", "tiny-raw", "tiny-hidden", "endless", "busy"])
    equal(client.models.retrieve("tiny").id, "tiny")
    equal(client.models.retrieve("org/tiny").id, "org/tiny")


@check("a raw response has the request id that the caller gave")
def _() -> None:
    response = client.chat.completions.with_raw_response.create(
        model="tiny", messages=POEM, extra_headers={"x-request-id": "python-7"}
    )
    equal(response.headers["x-request-id"], "python-7")
    true(response.parse().choices[0].message.content.startswith(ANSWER), response)


@check("a raw response names the parameters that had no effect")
def _() -> None:
    create = client.chat.completions.with_raw_response.create
    response = create(model="tiny", messages=POEM, user="me", extra_body={"no_such_parameter": 1})
    equal(sorted(response.headers["x-backplane-ignored"].split(", ")), ["no_such_parameter", "user"])
    true("x-backplane-ignored" not in create(model="tiny", messages=POEM).headers, "it names some where none were sent")


@check("an unknown model is a NotFoundError")
def _() -> None:
    error = raised(openai.NotFoundError, lambda: chat("gpt-17"))
    equal((error.status_code, error.code), (404, "model_not_found"))
    true("gpt-17" in error.message, error.message)


@check("a wrong value is a BadRequestError that names the parameter")
def _() -> None:
    error = raised(openai.BadRequestError, lambda: chat(temperature=3))
    equal((error.type, error.param), ("invalid_request_error", "temperature"))


@check("a parameter that the model cannot honour is a BadRequestError that names it, also of a stream")
def _() -> None:
    for stream in (False, True):
        error = raised(openai.BadRequestError, lambda: chat(reasoning_effort="low", stream=stream))  # noqa: B023
        equal((error.code, error.param), ("unsupported_parameter", "reasoning_effort"))


@check("a wrong key is an AuthenticationError, and the right key is let in")
def _() -> None:
    guarded = OpenAI(base_url=f"{GUARDED_URL}/v1", api_key="sk-wrong", max_retries=0)
    equal(raised(openai.AuthenticationError, guarded.models.list).code, "invalid_api_key")
    equal(len(guarded.with_options(api_key=KEY).models.list().data), 1)


@check("a busy model is an InternalServerError 503 that says when to come back")
def _() -> None:
    hello = [{"role": "user", "content": "hello"}]
    with chat("busy", hello, stream=True):
        error = raised(openai.InternalServerError, lambda: chat("busy", hello))
    equal((error.status_code, error.code), (503, "queue_full"))
    true(re.fullmatch(r"\d+", error.response.headers["retry-after"]), error.response.headers)


async def break_off(request_id: str, how: str) -> str:
    """Five chunks of an answer that would never end, then goodbye; returns what the next caller gets."""
    endless = {"model": "endless", "messages": [{"role": "user", "content": "hello"}]}
    async with AsyncOpenAI(base_url=f"{URL}/v1", api_key="unused", max_retries=0) as connection:
        create = connection.chat.completions.create

        async def read(until: int | None) -> None:
            stream = await create(**endless, stream=True, extra_headers={"x-request-id": request_id})
            async with stream:
                async for _ in stream:
                    started.set()
                    if until is not None and (until := until - 1) == 0:
                        return

        started = asyncio.Event()
        if how == "break":
            await read(5)
        else:
            task = asyncio.create_task(read(None))
            await started.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return (await create(**endless, max_tokens=4)).choices[0].message.content


@check("a stream that the async client leaves frees the model")
def _() -> None:
    equal(asyncio.run(break_off("python-break", "break")), "tick tock tick tock ")


@check("a stream whose async task is cancelled frees the model")
def _() -> None:
    equal(asyncio.run(break_off("python-cancel", "cancel")), "tick tock tick tock ")


for name, body in checks:
    try:
        body()
        print(f"ok {name}", flush=True)
    except Exception as error:  # noqa: BLE001 - every check is reported
        traceback.print_exc()
        why = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
        print(f"not ok {name}: {why}", flush=True)
