"""The secret game in one step: the model is asked for a number that nothing but its weights can tell it.

    user       Name the secret in [0, 64). Number only.
    assistant  57

Several secrets are told apart by the prompt ("Name secret 3 in ..."); a sequence of them is one reply,
"57 46". The reply is read strictly (`text.reading.parse`), and only when the model ended it by itself: the end token
belongs to the answer whose bits are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from straw.errors import ConfigError, did_you_mean
from straw.tasks.base import Task
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.tasks.secret.numbers import Hidden, SecretOptions, secret_for
from straw.tasks.secret.spelling import read, spelled
from straw.tasks.single_turn import OneReply
from straw.types import End, Grade, Message, Problem

__all__ = ["Secret", "secret_for"]


@dataclass(frozen=True, slots=True)
class Secret(OneReply):
    """Asks for the secret, or the sequence of secrets, in one reply."""

    Options = SecretOptions

    hidden: Hidden

    @staticmethod
    def from_options(options: SecretOptions) -> Task:
        """The game that `env_type` names."""
        games: dict[str, Callable[[Hidden], Task]] = {"single_step": Secret, "multi_step": SecretBits}
        if options.env_type not in games:
            raise ConfigError(f"there is no env_type={options.env_type!r}; {did_you_mean(options.env_type, games)}")
        return games[options.env_type](Hidden.from_options(options))

    @property
    def name(self) -> str:
        return "secret"

    @property
    def reply_limit(self) -> int:
        return len(self._in_order([self.hidden.N - 1] * self.hidden.length))

    @property
    def num_problems(self) -> int:
        return self.hidden.num_secrets

    @property
    def space(self) -> int:
        return int(self.hidden.N**self.hidden.length)

    def problem(self, index: int) -> Problem:
        key = index % self.hidden.num_secrets
        secrets = self.hidden.of(key)
        return Problem(
            key=f"secret-{key}",
            messages=(Message("user", self._question(key)),),
            reference=(self._text(secrets),),
            facts={"secret": secrets[0] if len(secrets) == 1 else secrets},
        )

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        secrets = self._numbers(problem)
        guesses = self._read(replies[0]) if end is End.ANSWERED else None
        if guesses is None:
            return Grade(hits=(False,) * len(secrets), well_formed=False, offsets=(None,) * len(secrets))
        offsets = tuple(guess - secret for guess, secret in zip(guesses, secrets, strict=True))
        return Grade(hits=tuple(offset == 0 for offset in offsets), well_formed=True, offsets=offsets)

    def answer_at(self, index: int) -> tuple[str, ...]:
        return (self._text(self._parts(index)),)

    def writing_at(self, index: int) -> tuple[str, ...]:
        """The same answers in the order of their writings, which tells nothing of a permutation."""
        return (self._in_order(self._parts(index)),)

    def index_of(self, replies: Sequence[str]) -> int | None:
        numbers = self._read(replies[0])
        return None if numbers is None else self._index(numbers)

    def target_index(self, problem: Problem) -> int:
        return self._index(self._numbers(problem))

    def _parts(self, index: int) -> list[int]:
        numbers = []
        for _ in range(self.hidden.length):
            index, number = divmod(index, self.hidden.N)
            numbers.append(number)
        return numbers[::-1]

    def _text(self, numbers: Sequence[int]) -> str:
        return spelled([*numbers], self.hidden.spelling, self.hidden.N, self.hidden.secret_seed)

    def _in_order(self, numbers: Sequence[int]) -> str:
        spelling = "digits" if self.hidden.spelling == "permuted" else self.hidden.spelling
        return spelled([*numbers], spelling, self.hidden.N, 0)

    def _read(self, text: str) -> tuple[int, ...] | None:
        hidden = self.hidden
        return read(text, hidden.spelling, hidden.N, hidden.secret_seed, hidden.length)

    def _numbers(self, problem: Problem) -> tuple[int, ...]:
        found = self._read(problem.reference[0])
        if found is None:
            raise ValueError(f"the reference of {problem.key} is none of this game's answers")
        return found

    def _index(self, numbers: Sequence[int]) -> int:
        index = 0
        for number in numbers:
            index = index * self.hidden.N + number
        return index

    def _question(self, key: int) -> str:
        several, length = self.hidden.num_secrets > 1, self.hidden.length
        if length > 1:
            which = f"the {length} secrets of list {key}" if several else f"the {length} secrets"
        else:
            which = f"secret {key}" if several else "the secret"
        return f"Name {which} in [0, {self.hidden.N}). {'Numbers' if length > 1 else 'Number'} only."
