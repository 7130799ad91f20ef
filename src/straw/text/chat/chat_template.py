"""Chat templates that came with a model, rendered in bounded time and memory by a process of their own.

    rendered(template, (("user", "hi"),), speak=True, tokens=(("bos_token", "<s>"),))  ->  "<s>user: hi ..."

A template is a program. One may loop for ever, or write 'a' * 10**10, and no sandbox in this process could stop either
in the middle. So a process beside it renders, as transformers does, and is ended when it has worked for two seconds.
What went wrong is a ModelError of one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from straw.errors import ModelError
from straw.text.bounded_process import Beside

WORKER = Path(__file__).with_name("chat_template_worker.py")
MOST = 1 << 20  # characters of a template, and of what it may write
WAY_OUT = "put a plain one into the folder's chat_template.jinja"


class Renderer(Beside):
    """It works by a clock, and is ended by it."""

    def __init__(self) -> None:
        super().__init__(WORKER, str(MOST), purpose="renders chat templates")

    def ask(self, question: dict[str, object]) -> dict[str, Any]:
        """What it says; nothing where it worked until it was ended."""
        return self.answer(question) or {}


RENDERER = Renderer()


@lru_cache(maxsize=512)
def rendered(
    template: str, messages: tuple[tuple[str, str], ...], speak: bool, tokens: tuple[tuple[str, str], ...]
) -> str:
    """The conversation as the template writes it; `tokens` are the tokenizer's special ones by name."""
    return rendered_with(template, [{"role": role, "content": content} for role, content in messages], speak, tokens)


def rendered_with(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    speak: bool,
    tokens: Sequence[tuple[str, str]],
    tools: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """The same for messages that hold tool calls, and with tools that may be called."""
    if len(template) > MOST:
        raise ModelError(f"the model's chat template has {len(template):,} characters, more than {MOST:,}: {WAY_OUT}")
    question = {"template": template, "messages": messages, "speak": speak, "tokens": dict(tokens), "tools": tools}
    answer = RENDERER.ask(question)
    if isinstance(text := answer.get("text"), str):
        return text
    if "refused" in answer:
        roles = ", ".join(str(message["role"]) for message in messages)
        raise ModelError(f"the model's chat template refuses a conversation of {roles}: {answer['refused']}")
    why = answer.get("failed", "it took more than two seconds of work")
    raise ModelError(f"the model's chat template cannot be rendered ({why}): {WAY_OUT}")
