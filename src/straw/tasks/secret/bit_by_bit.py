"""The secret game in many steps: a conversation that asks for one bit a turn, the most significant first.

    user       The secret is in [0, 64). Bit 1 of 6?
    assistant  1
    user       Bit 2?
    assistant  1 ...                                        111001 is 57

The user says the same whatever the model said: how well it did is for the reward to tell. A bit is read
generously ("Bit: 1" says 1) but only a bare "0" or "1" is well formed. Where N is no power of two the bits can
spell a number beyond N - 1; a uniform guesser then starts a little below 0 bits known, log2 N - k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.errors import ConfigError
from straw.information import num_bits
from straw.tasks.secret.numbers import Hidden
from straw.text.reading.parse import parse_bit
from straw.types import End, Grade, Message, Problem


@dataclass(frozen=True, slots=True)
class SecretBits:
    """Asks for the secret's k = max(1, ceil(log2 N)) bits in k turns."""

    hidden: Hidden

    def __post_init__(self) -> None:
        if self.hidden.length > 1:
            raise ConfigError(
                f"a sequence of secrets is one reply, so it is played in a single step; got length={self.hidden.length}"
                " with env_type=multi_step. Write env_type=single_step, or length=1."
            )

    @property
    def name(self) -> str:
        return "secret_bits"

    @property
    def max_turns(self) -> int:
        return num_bits(self.hidden.N)

    @property
    def reply_limit(self) -> int:
        return 1

    @property
    def num_problems(self) -> int:
        return self.hidden.num_secrets

    @property
    def space(self) -> int:
        return self.hidden.N

    def problem(self, index: int) -> Problem:
        key = index % self.hidden.num_secrets
        (secret,) = self.hidden.of(key)
        which = f"Secret {key}" if self.hidden.num_secrets > 1 else "The secret"
        return Problem(
            key=f"secret-{key}",
            messages=(Message("user", f"{which} is in [0, {self.hidden.N}). Bit 1 of {self.max_turns}?"),),
            reference=self._bits(secret),
            facts={"secret": secret},
        )

    def next_message(self, problem: Problem, replies: Sequence[str]) -> Message | None:
        if len(replies) >= self.max_turns:
            return None
        return Message("user", f"Bit {len(replies) + 1}?")

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        missing = (None,) * (self.max_turns - len(replies))
        said = (*(parse_bit(reply) for reply in replies), *missing)
        return Grade(
            hits=tuple(bit == int(right) for bit, right in zip(said, problem.reference, strict=True)),
            well_formed=end is End.ANSWERED and all(_is_bare(reply) for reply in replies) and not missing,
            offsets=(_offset(said, problem),),
        )

    def answer_at(self, index: int) -> tuple[str, ...]:
        return self._bits(index)

    def index_of(self, replies: Sequence[str]) -> int | None:
        """None for a number beyond N - 1, and where a bit is missing."""
        bits = [str(bit) for bit in map(parse_bit, replies) if bit is not None]
        value = _value(bits) if len(bits) == self.max_turns else self.hidden.N
        return value if value < self.hidden.N else None

    def target_index(self, problem: Problem) -> int:
        return _value(problem.reference)

    def _bits(self, number: int) -> tuple[str, ...]:
        return tuple(f"{number:0{self.max_turns}b}")


def _is_bare(reply: str) -> bool:
    return reply.strip() in ("0", "1")


def _value(bits: Sequence[str]) -> int:
    return int("".join(bits), base=2)


def _offset(said: Sequence[int | None], problem: Problem) -> int | None:
    bits = [str(bit) for bit in said if bit is not None]
    return _value(bits) - _value(problem.reference) if len(bits) == len(said) else None
