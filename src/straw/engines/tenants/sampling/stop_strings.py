"""Whether a reply's text holds a stop string yet, token by token, at a cost that does not grow with the reply.

A token's text depends on its neighbours (a character in several tokens, a space that only the first word lacks), so
a short window of tokens is decoded, not the last one alone:

    [ anchor .. read .. new ]      text of the new token = decode(anchor .. new) behind decode(anchor .. read)

While the window ends inside a character ("\\ufffd"), its text waits for the next token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Decode = Callable[[list[int]], str]
UNFINISHED = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 8  # tokens; what is longer than this is no character, but bytes that are none


class StopStrings:
    """
    >>> stops = StopStrings(("cd",), lambda tokens: "".join(map(chr, tokens)))
    >>> [stops.ends_with(ord(letter)) for letter in "abcd"]
    [False, False, False, True]
    """

    def __init__(self, strings: Sequence[str], decode: Decode) -> None:
        self.strings, self.decode = strings, decode
        self.overlap = max(map(len, strings)) - 1
        self.tail = ""  # the end of the text so far, as much as a stop string may begin in
        self.window: list[int] = []  # the tokens since the anchor
        self.read, self.known = 0, ""  # how many of them are in the tail, and their text

    def ends_with(self, token: int) -> bool:
        """Whether the text holds a stop string, now that this token was written."""
        self.window.append(token)
        text = self.decode(self.window)
        said = self.tail + text[len(self.known) :]
        if any(string in said for string in self.strings):
            return True
        if not text.endswith(UNFINISHED) or len(self.window) - self.read > LONGEST_CHARACTER:
            self.tail = said[-self.overlap :] if self.overlap else ""
            self.window = self.window[self.read :]
            self.read, self.known = len(self.window), self.decode(self.window)
        return False
