"""Sends each request of stdin (a JSON list) with OpenAI's SDK and says what came of it, one JSON line each."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="unused", max_retries=0, timeout=20)


def ask(request):
    said = ""
    try:
        for chunk in client.chat.completions.create(**request):
            for choice in chunk.choices:
                said += getattr(choice.delta, "reasoning_content", None) or ""
                said += choice.delta.content or ""
    except Exception as error:
        return {"said": said, "raised": type(error).__name__}
    return {"said": said, "raised": None}


with ThreadPoolExecutor(8) as pool:
    for outcome in pool.map(ask, json.load(sys.stdin)):
        print(json.dumps(outcome))
