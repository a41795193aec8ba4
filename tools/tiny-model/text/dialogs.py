"""Conversations of several turns, phrases to translate, system prompts, and paraphrases that are never trained on."""

from __future__ import annotations

from text.general import GENERAL
from text.product import INTERFACE, ITSELF, PARTS, RUNNING, Question

QUESTIONS: list[Question] = ITSELF + PARTS + RUNNING + INTERFACE + GENERAL
ANSWERS: dict[str, str] = {form: answer for _, forms, answer in QUESTIONS for form in forms}
assert len(ANSWERS) == sum(len(forms) for _, forms, _ in QUESTIONS), "two questions share a form"

PHRASES = [
    ("Hello", "你好"), ("Thank you", "谢谢"), ("Good morning", "早上好"), ("Good night", "晚安"),
    ("Goodbye", "再见"), ("I love you", "我爱你"), ("How are you?", "你好吗？"), ("Where is the station?", "车站在哪里？"),
    ("The model is ready.", "模型已就绪。"), ("The server is running.", "服务器正在运行。"),
    ("Please wait.", "请稍等。"), ("I do not know.", "我不知道。"), ("Today is Monday.", "今天是星期一。"),
    ("Water", "水"), ("Fire", "火"), ("Computer", "电脑"), ("Spring", "春天"), ("Book", "书"),
]

SPAM_FILTER = "比如垃圾邮件过滤：程序看过很多邮件后，学会判断新邮件是不是垃圾邮件。"


def known(*questions: str) -> list[tuple[str, str]]:
    """Turns whose answers stand in QUESTIONS."""
    return [(question, ANSWERS[question]) for question in questions]


# Turns of (question, answer). An answer that ends in "..." is history that a client has cut; it is not examined.
DIALOGS: list[list[tuple[str, str]]] = [
    known("什么是机器学习？") + [("能给我举个具体例子吗？", SPAM_FILTER)],
    [("什么是机器学习？", "机器学习是人工智能的一个分支..."), ("能给我举个具体例子吗？", SPAM_FILTER)],
    known("What is machine learning?")
    + [("Can you give me an example?",
        "A spam filter: after many labelled mails it learns to tell spam from normal mail.")],
    known("Hello", "What is Backplane?", "Which plugins exist?"),
    known("How does auth work?", "What is the default auth header?", "Can I change the auth header?"),
    known("Tell me a joke") + [("Another one", "What did the router say to the model? Please stream, I am listening.")],
    known("你好", "有哪些插件？"),
    known("Hi", "Thanks", "Bye"),
]

SYSTEMS = [None, None, None, None, "You are a helpful assistant.", "你是一个有帮助的助手。", "你是一个专业的AI助手",
           "你是一个helpful的AI助手", "You are Tiny, the demo model of Backplane.", "Be brief."]

# canonical question -> paraphrases that measure generalisation; none is in QUESTIONS or can be made by corpus.vary()
HELD_OUT: dict[str, list[str]] = {
    "What is Backplane?": ["What exactly is Backplane?", "Can you explain what Backplane is?", "what's backplane"],
    "Who are you?": ["Please tell me who you are", "Hi, who are you?"],
    "How does auth work?": ["How does the auth plugin work?", "Explain how auth works"],
    "Where are the metrics?": ["Where can I find the metrics?", "Where do I see metrics?"],
    "How do I stream?": ["How can I stream a response?", "How to stream?"],
    "How do I change the port?": ["How can I change the port?", "How to change the server port?"],
    "What is GGUF?": ["What's GGUF?", "What does GGUF mean?"],
    "What is the capital of France?": ["Which city is the capital of France?", "capital of France"],
    "What is the capital of Japan?": ["Which city is the capital of Japan?", "capital of Japan"],
    "Write a poem": ["Write a nice poem"],
    "Tell me a joke": ["Tell me a funny joke"],
    "How do I turn off thinking?": ["How can I turn off thinking?", "Turn off thinking"],
    "What is the vllm-proxy plugin?": ["What is vllm-proxy for?", "Tell me about the vllm-proxy plugin"],
    "What is the sophon-tpu plugin?": ["What is sophon-tpu for?", "Tell me about the sophon-tpu plugin"],
    "How do I add a model?": ["How to add a model?", "How do I add a new model?"],
    "什么是 Backplane？": ["Backplane 到底是什么？"],
    "有哪些插件？": ["都有哪些插件？"],
    "怎么修改端口？": ["怎样修改端口？"],
    "写一首诗": ["请写一首诗", "帮我写一首诗"],
    "什么是 GGUF？": ["GGUF 格式是什么？"],
}
