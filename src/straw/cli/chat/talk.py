"""A conversation with one set of weights, a few tokens at a time.

The tokens of a conversation are never read twice: each message is appended behind what was written before, as in
training. A reply is drawn in pieces from seeds that follow from the conversation's, so it can be had again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from straw.cli.chat.chat import run_or_none
from straw.config import Page
from straw.engines.base import Conversation, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError
from straw.evaluation.subjects import evaluated_page, subjects
from straw.seeds import seed_for
from straw.types import Message

Say = Callable[[str], None]
AT_ONCE = 4  # tokens: one alone costs nearly as much as these, since what is appended is read in blocks
UNFINISHED = "�"  # what a tokenizer shows of a character whose other bytes are still to come


@dataclass(slots=True)
class Talk:
    """Weights with a name, and the conversation so far."""

    engine: LocalEngine
    title: str
    say: Say
    temperature: float = 1.0
    max_tokens: int = 256
    system: str = ""
    seed: int = 0
    turn: int = 0
    length: int = 0  # tokens of the conversation
    is_cut: bool = False  # whether the last reply lacks its end token
    conversation: Conversation | None = field(default=None)

    def configure(self, system: str, temperature: float | None, max_tokens: int, seed: int) -> None:
        self.system, self.max_tokens, self.seed = system, max_tokens, seed
        self.temperature = self.temperature if temperature is None else temperature
        if self.engine.room is not None and max_tokens >= self.engine.room:
            self.max_tokens = self.engine.room // 2
            self.say(f"this model reads {self.engine.room} tokens in all: a reply has at most {self.max_tokens}")

    def reset(self) -> None:
        self.conversation, self.length, self.turn = None, 0, 0

    def reply(self, message: str) -> Iterator[str]:
        """The text of the reply, piece by piece."""
        conversation = self.heard(message)
        tokens: list[int] = []
        shown = ""
        closes = self.engine.chat.closes
        for place in range(0, self.max_tokens, AT_ONCE):
            some = min(AT_ONCE, self.max_tokens - place)
            params = SamplingParams(max_tokens=some, temperature=self.temperature, stop=closes)
            (written,) = conversation.generate(params, [seed_for("chat", self.seed, self.turn, place)])
            tokens += written.tokens
            text = self.engine.chat.decode(tokens)
            if not text.endswith(UNFINISHED) and text.startswith(shown):
                yield text[len(shown) :]
                shown = text
            self.is_cut = not written.stopped
            if written.stopped:
                break
        if len(text := self.engine.chat.decode(tokens)) > len(shown):
            yield text[len(shown) :]
        self.length += len(tokens)
        self.turn += 1

    def heard(self, message: str) -> Conversation:
        """The conversation with this message in it; a new one where it would be longer than the model reads."""
        chat, said = self.engine.chat, Message("user", message)
        if self.conversation is not None:
            more = (*([chat.end] if self.is_cut else []), *chat.continuation(said))
            if self.has_room(self.length + len(more)):
                self.conversation.append([more])
                self.length += len(more)
                return self.conversation
            self.say("the conversation is longer than the model reads: it begins anew")
            self.reset()
        messages = [*([Message("system", self.system)] if self.system else []), said]
        prompt = chat.opening(messages)
        if not self.has_room(len(prompt)):
            self.engine.check_room(len(prompt) + self.max_tokens)
        self.conversation, self.length = self.engine.converse(prompt, 1), len(prompt)
        return self.conversation

    def has_room(self, length: int) -> bool:
        return self.engine.room is None or length + self.max_tokens <= self.engine.room


def opened(name: str, at: str | None, trusts: bool, say: Say) -> Talk:
    """The weights that a word names: a run's checkpoint, or a model."""
    run = run_or_none(name)
    words = {"trust_remote_code": "true"} if trusts else {}
    if run is None and at is not None:
        raise ConfigError(f"--at chooses among a run's checkpoints, and {name!r} is no run: name a run folder")
    page: Page = evaluated_page(None, words if run else {"model_name": name, **words}, run)
    (subject,) = subjects(page, run, at=at, every=False, say=say)
    return Talk(engine=subject.engine, title=subject.title, say=say, temperature=page.sampling.temperature)
