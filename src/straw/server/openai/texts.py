"""Tokens as text, whole or as they come: never half of a character, and nothing of what stopped the reply."""

from __future__ import annotations

from collections.abc import Sequence

from straw.engines.tenants.records import Sampling, Tokens
from straw.text.chat.chat import Chat

HALF = "\ufffd"  # what a decoder says for bytes that are no character yet


def decoded(chat: Chat, tokens: Sequence[int]) -> str:
    return str(chat.tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def without_end(chat: Chat, tokens: Tokens, request: Sampling) -> Tokens:
    """Without the token that ended it."""
    ends = request.stop | (chat.closes if request.end_token_stops else frozenset())
    return tokens[:-1] if tokens and tokens[-1] in ends else tokens


def reply_text(chat: Chat, tokens: Tokens, request: Sampling) -> str:
    text = decoded(chat, without_end(chat, tokens, request))
    return text[: first_of(text, request.stop_strings)]


def first_of(text: str, marks: Sequence[str]) -> int:
    """Where the first of the marks begins, or the end."""
    return min((place for mark in marks if (place := text.find(mark)) >= 0), default=len(text))


def held_back(text: str, marks: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of a mark."""
    longest = max(map(len, marks), default=0)
    for size in range(min(longest - 1, len(text)), 0, -1):
        if any(mark.startswith(text[-size:]) for mark in marks):
            return size
    return 0


class Unfolding:
    """One reply that is being written. `marks`: what its text must not run into."""

    def __init__(self, chat: Chat, request: Sampling, marks: Sequence[str] = ()) -> None:
        self.chat, self.request = chat, request
        self.marks = (*request.stop_strings, *marks)
        self.text = ""  # all of it so far
        self.num_sent = 0  # characters of it
        self.is_over = False  # a mark was met
        self._before = self._read = 0  # tokens: a window that begins where the last piece did, for spaces between

    def more(self, tokens: Tokens) -> str:
        """What can be told beyond what was."""
        tokens = without_end(self.chat, tokens, self.request)
        if self.is_over or len(tokens) <= self._read:
            return ""
        known = decoded(self.chat, tokens[self._before : self._read])
        now = decoded(self.chat, tokens[self._before :])
        if now.endswith(HALF):
            return ""
        self.text += now[len(known) :]
        self._before, self._read = self._read, len(tokens)
        end = first_of(self.text, self.marks)
        self.is_over = end < len(self.text)
        return self.told(end if self.is_over else end - held_back(self.text, self.marks))

    def told(self, end: int) -> str:
        piece = self.text[self.num_sent : max(end, self.num_sent)]
        self.num_sent += len(piece)
        return piece

    def rest(self, whole: str) -> str:
        """What is missing of the text as it is in the end."""
        return whole[self.num_sent :]
