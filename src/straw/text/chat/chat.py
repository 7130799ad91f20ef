"""A conversation as tokens: every part is rendered once, and a reply is never tokenised again.

    opening(messages)        the first prompt, up to where the assistant speaks
    reply                    whatever the model wrote, its end token included
    continuation(message)    what stands between that reply and the next one

    next prompt  =  prompt + reply + continuation

`continuation` is cut from the model's own chat template, behind the end token of a probe reply. A model
without a template is spoken to in plain text: "User: ...", "Assistant:". Not here: images, and hidden thoughts
that a template would remove from earlier turns (what the model wrote stays as it is).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from straw.errors import ModelError
from straw.text.chat.character_tokenizer import ASSISTANT, CHAT_TEMPLATE, END, CharacterTokenizer
from straw.text.chat.chat_template import rendered, rendered_with
from straw.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase  # it takes half a second, and what a page may say needs none of it

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ message['role'] | capitalize + ':' }}"
    "{% if message['role'] != 'assistant' %}{{ ' ' }}{% endif %}"
    "{{ message['content'] }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\nAssistant:' }}{% endif %}"
)
PROBE = "A7probe7A"  # nothing that a template would trim, escape or take for a marker
QUESTION = Message("user", "?")
MOST_KNOWN = 4096  # results of tools whose tokens are remembered
ONE_AT_A_TIME = Lock()  # not a Chat's own: those are copied and sent to other processes
# Some templates print the date, and a resumed run must read the same prompt.
A_FIXED_DAY = "{% macro strftime_now(format) %}26 Jul 2024{% endmacro %}"


class Chat:
    """How one model is spoken to.

    `closes` are the tokens that end a reply: the template's end of turn, the tokenizer's end token and
    `extra_stop` (those of the generation config). `end` is the one that our own replies are closed with,
    `start` what the tokenizer puts before every text: one token or none.

    Example, characters:  opening([Message("user", "hi")]) reads <|user|> h i <|end|> <|assistant|>
                          continuation(Message("user", "no")) reads <|user|> n o <|end|> <|assistant|>
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase | CharacterTokenizer, extra_stop: Iterable[int] = ()) -> None:
        self.tokenizer = tokenizer
        self.template = template_of(tokenizer)
        self.is_ours = self.template in (CHAT_TEMPLATE, PLAIN_TEMPLATE)
        if "strftime_now" in self.template:
            self.template = A_FIXED_DAY + self.template
        self.controls = {i: token.content for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        longest_first = sorted(self.controls.values(), key=len, reverse=True)
        self.mentions = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        start = tokenizer.bos_token_id
        self.start = (start,) if start is not None and tokenizer.encode("a")[:1] == [start] else ()
        self.end = self._end_of_turn()
        eos = tokenizer.eos_token_id
        self.known_results: dict[tuple[tuple[str, str], ...], tuple[int, ...]] = {}
        self.closes = frozenset({self.end, *extra_stop} | ({eos} if eos is not None else set()))

    def opening(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt of the first turn, with the start token once if tokenizer or template want it."""
        tokens = self._render(messages)
        return tokens if tokens[:1] == self.start else self.start + tokens

    def continuation(self, message: Message) -> tuple[int, ...]:
        """From behind a reply, which brought its end token, to where the assistant speaks again."""
        tokens = self._render([QUESTION, Message("assistant", PROBE), message], behind_probe=True)
        return tokens[tokens.index(self.end) + 1 :] if self.end in tokens else tokens

    @property
    def takes_tools(self) -> bool:
        """Whether the chat template has a place for them."""
        return not self.is_ours and "tools" in self.template

    def opening_with_tools(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[int, ...]:
        """The prompt of a conversation with tools and calls of them, as a template that takes them writes it."""
        mark = unused_character([Message("user", json.dumps([messages, tools], ensure_ascii=False))])
        named = [(name, str(token)) for name, token in self.tokenizer.special_tokens_map.items()]
        text = rendered_with(
            self.template, self._guarded(messages, mark), True, named, self._guarded(tools, mark) or None
        )
        tokens = self._tokens(text.split(mark))
        return tokens if tokens[:1] == self.start else self.start + tokens

    def call_as_written(self, name: str, arguments: Mapping[str, Any]) -> str:
        """How the template writes a call in the assistant's place, up to the end of the turn."""
        asked = {"role": "user", "content": QUESTION.content}
        named = [(name, str(token)) for name, token in self.tokenizer.special_tokens_map.items()]
        before = rendered_with(self.template, [asked], True, named)
        text = rendered_with(self.template, [asked, called(name, arguments)], False, named)
        common = next(
            (at for at, pair in enumerate(zip(before, text, strict=False)) if pair[0] != pair[1]), len(before)
        )
        return text[common:].partition(self.controls.get(self.end, "\0"))[0]

    def results(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """From behind a reply that called tools to where the assistant speaks again: what they gave, in order.

        Of a template without tools, a user's message. Each has a role, tool, a name and a content.
        """
        key = tuple((one["name"], one["content"]) for one in messages)
        if key not in self.known_results:
            if len(self.known_results) >= MOST_KNOWN:
                self.known_results.clear()
            self.known_results[key] = self._results(messages)
        return self.known_results[key]

    def _results(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        if not self.takes_tools:
            return self.continuation(Message("user", "\n".join(one["content"] for one in messages)))
        mark = unused_character([Message("tool", one["content"]) for one in messages])
        before = [{"role": "user", "content": QUESTION.content}, called(messages[0]["name"], {"a": PROBE})]
        named = [(name, str(token)) for name, token in self.tokenizer.special_tokens_map.items()]
        text = rendered_with(self.template, [*before, *self._guarded(list(messages), mark)], True, named)
        _, found, behind = text.rpartition(PROBE)
        tokens = self._tokens(behind.split(mark))
        ends = next((at for at, token in enumerate(tokens) if token in self.closes), None)
        if not found or ends is None:
            raise ModelError(
                "straw cuts the chat template behind a tool call, and this one does not show its arguments or does not "
                "end the turn: write tool_form=plain"
            )
        return tokens[ends + 1 :]

    def begun(self, text: str) -> tuple[int, ...]:
        """The first words of a reply, put into the assistant's mouth; a marker in them is a marker."""
        return tuple(self._encoded(text, literally=False))

    def written(self, messages: Sequence[Message], *, speak: bool = True) -> str:
        """The conversation as the chat template writes it; `speak`: up to where the assistant does."""
        return self._apply([{"role": m.role, "content": m.content} for m in messages], speak)

    def encode_reply(self, text: str) -> tuple[int, ...]:
        """A reply as the model should write it; what looks like a control token in it is mere text."""
        return (*self._literally(text), self.end)

    def encode(self, text: str) -> tuple[int, ...]:
        """A bare text, outside of any conversation; the empty one is its end token, so there is always something."""
        return (*self.start, *self._literally(text)) or (self.end,)

    def decode(self, reply: Sequence[int]) -> str:
        """The text of a reply without the token that closed it.

        Any other control token stays visible, so that a strict reader sees that "<|pad|>7" is not "7".
        """
        said = reply[:-1] if reply and reply[-1] in self.closes else reply
        return str(self.tokenizer.decode(list(said), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _end_of_turn(self) -> int:
        """The first control token behind a reply; a template without one leaves it to the tokenizer."""
        closing = self._render([QUESTION, Message("assistant", PROBE)], speak=False, behind_probe=True)
        end = next((token for token in closing if token in self.controls), self.tokenizer.eos_token_id)
        if end is None:
            raise ModelError(
                "a model needs a token that ends a reply, and this tokenizer has neither an eos_token nor "
                "an end of turn in its chat template: set eos_token in tokenizer_config.json"
            )
        return int(end)

    def _render(self, messages: Sequence[Message], speak: bool = True, behind_probe: bool = False) -> tuple[int, ...]:
        mark = unused_character(messages)
        guarded = [{"role": m.role, "content": self._guard(m.content, mark)} for m in messages]
        text = self._apply(guarded, speak)
        if behind_probe:
            _, found, text = text.partition(PROBE)
            if not found:
                raise ModelError(
                    "straw cuts the chat template behind a reply, and this one does not show the reply as it "
                    "is: put a template that does into the folder's chat_template.jinja"
                )
        return self._tokens(text.split(mark))

    def _tokens(self, pieces: list[str]) -> tuple[int, ...]:
        """Every second piece is a control token that a message merely mentions."""
        tokens: list[int] = []
        for index, piece in enumerate(pieces):
            is_mention = index % 2 == 1
            tokens += self._encoded(piece, literally=is_mention)
        return tuple(tokens)

    def _apply(self, messages: list[dict[str, str]], speak: bool) -> str:
        """Ours here; one that came with a model is a stranger's program, and has a process to run in."""
        if not self.is_ours:
            tokens = tuple((name, str(token)) for name, token in self.tokenizer.special_tokens_map.items())
            return rendered(self.template, tuple((m["role"], m["content"]) for m in messages), speak, tokens)
        return by_hand(self.template, messages, speak)

    def _guard(self, content: str, mark: str) -> str:
        """Set off the control tokens that a message mentions, so that none is taken for a real one."""
        return self.mentions.sub(lambda found: mark + found[0] + mark, content)

    def _guarded(self, value: Any, mark: str) -> Any:
        """The same for every text in it, but for the roles."""
        if isinstance(value, str):
            return self._guard(value, mark)
        if isinstance(value, Mapping):
            return {key: one if key == "role" else self._guarded(one, mark) for key, one in value.items()}
        return [self._guarded(one, mark) for one in value] if isinstance(value, list | tuple) else value

    def _literally(self, text: str) -> list[int]:
        return self._encoded(text, literally=True)

    def _encoded(self, text: str, literally: bool) -> list[int]:
        """A fast tokenizer keeps `split_special_tokens` as a state of its own, so threads have to take turns."""
        with ONE_AT_A_TIME:
            return list(self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=literally))


def by_hand(template: str, messages: Sequence[Mapping[str, str]], speak: bool) -> str:
    """What one of our own templates writes; the interpreter of templates takes longer to import than a run to begin."""
    if template == CHAT_TEMPLATE:
        return "".join(f"<|{m['role']}|>{m['content']}{END}" for m in messages) + ASSISTANT * speak
    said = (f"{m['role'].capitalize()}:{' ' * (m['role'] != 'assistant')}{m['content']}" for m in messages)
    return "\n".join(said) + "\nAssistant:" * speak


def called(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The assistant's message that makes one call."""
    call = {"type": "function", "id": "call00000", "function": {"name": name, "arguments": dict(arguments)}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def template_of(tokenizer: PreTrainedTokenizerBase | CharacterTokenizer) -> str:
    if not tokenizer.chat_template:
        return PLAIN_TEMPLATE
    try:
        return str(tokenizer.get_chat_template())
    except Exception as error:  # several templates, and none of them for a chat
        raise ModelError(f"the model's tokenizer has no chat template of its own ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:300]


def unused_character(messages: Sequence[Message]) -> str:
    """A private character that no message contains."""
    said = "".join(message.content for message in messages)
    return next(mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in said)
