"""Prompts that were read: kept while somebody writes behind them, and for a while after.

Equal prompts of one version of the weights are one Prompt, whoever sent them. What was said behind a prompt in a
conversation is one too, with keys that its rows begin with. What nobody holds any more stays until
there is more of it than whoever asks for a `limit` says; who came last goes last.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from torch import Tensor

from straw.engines.base import Tokens
from straw.engines.tenants.sampling.keys.beginnings import Beginnings

Key = tuple[Hashable, Tokens, tuple[int, ...]]
Kept = dict[int, tuple[Tensor, Tensor]]  # by layer, keys and values [1, K, P, D]


@dataclass(eq=False, slots=True)
class Prompt:
    version: Hashable
    tokens: Tokens
    kept: Kept
    hidden: Tensor  # [P, width], for log-probabilities of the prompt
    logits: Tensor  # [1, V], of the first token behind it
    is_in_blocks: bool = False  # then another that begins alike need not read the beginning again
    turns: tuple[int, ...] = ()  # of a conversation: the keys are those of what was said behind its opening
    is_news: bool = False  # read for somebody who has not taken it yet
    holders: int = 0
    num_bytes: int = field(init=False)

    @property
    def key(self) -> Key:
        return self.version, self.tokens, self.turns

    def __post_init__(self) -> None:
        self.num_bytes = sum(x.nbytes for pair in self.kept.values() for x in pair)
        self.num_bytes += self.hidden.nbytes + self.logits.nbytes


class Prompts:
    def __init__(self) -> None:
        self.held: dict[Key, Prompt] = {}
        self.free: OrderedDict[Key, Prompt] = OrderedDict()  # who came last stands last
        self.held_bytes = self.free_bytes = 0
        self.beginnings: Beginnings[Prompt] = Beginnings()

    def find(self, version: Hashable, tokens: Tokens, turns: tuple[int, ...] = ()) -> Prompt | None:
        key = (version, tokens, turns)
        return self.held.get(key) or self.free.get(key)

    def hold(self, prompt: Prompt) -> None:
        key = prompt.key
        if self.free.pop(key, None) is not None:
            self.free_bytes -= prompt.num_bytes
        elif key not in self.held and prompt.is_in_blocks:
            self.beginnings.add(prompt.version, prompt.tokens, prompt)
        if key not in self.held:
            self.held[key] = prompt
            self.held_bytes += prompt.num_bytes
        prompt.holders += 1

    def keep(self, prompt: Prompt) -> None:
        """One that nobody holds yet."""
        self.hold(prompt)
        self.let_go(prompt)

    def let_go(self, prompt: Prompt) -> None:
        prompt.holders -= 1
        if prompt.holders:
            return
        key = prompt.key
        del self.held[key]
        self.held_bytes -= prompt.num_bytes
        self.free[key] = prompt
        self.free_bytes += prompt.num_bytes

    def limit(self, room: int) -> None:
        """No more bytes than this for what nobody holds."""
        while self.free_bytes > room:
            _, oldest = self.free.popitem(last=False)
            self._drop(oldest)

    def forget(self, version: Hashable) -> None:
        """Nobody will ask for this version again."""
        for key in [key for key in self.free if key[0] == version]:
            self._drop(self.free.pop(key))

    def _drop(self, prompt: Prompt) -> None:
        self.free_bytes -= prompt.num_bytes
        if prompt.is_in_blocks:
            self.beginnings.remove(prompt.version, prompt.tokens)
