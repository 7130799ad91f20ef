"""One option: its default, its bounds and a line of help, written once where the field is.

    N: int = option(64, "the number of possible secrets", at_least=1)

The help completes the sentence "N is ...", so it serves `--help` and the error alike:

    N is the number of possible secrets and has to be >= 1; got N=0. Write for example N=64.

A section checks these bounds at birth. None always means "not chosen yet" and is never out of bounds.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields, replace
from reprlib import repr as shortened
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from straw.errors import ConfigError

BOUNDS = {
    "at_least": (operator.ge, ">="),
    "above": (operator.gt, ">"),
    "at_most": (operator.le, "<="),
    "below": (operator.lt, "<"),
}
MOST_SEED, MOST_STEPS = 2**63 - 1, 10**9  # what torch takes; more steps than anybody waits for
MOST_CHARACTERS, MOST_TEXTS = 10_000, 1_000  # of a text; of a list of them
WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text", tuple: "texts, a,b"}


def option(
    default: object, text: str, *, example: object = None, registry: str = "", way_out: str = "", **bounds: float
) -> Any:
    """A dataclass field that can explain itself.

    `example` is what an error suggests where the default is None, `way_out` a better suggestion,
    `registry` the kind of name that the option takes, for help that lists them.

    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Letters(straw.TaskSection):
    ...     size: int = straw.option(3, "the number of letters", at_least=1)
    >>> Letters(size=0)
    Traceback (most recent call last):
        ...
    straw.errors.ConfigError: size is the number of letters and has to be >= 1; got size=0. Write for example size=3.
    """
    facts = {"help": text, "example": example, "registry": registry, "way_out": way_out, "bounds": bounds}
    return field(default=default, metadata=facts)


@dataclass(frozen=True, kw_only=True)
class Section:
    """Some options of a page that belong together."""

    def __post_init__(self) -> None:
        for known in options_of(type(self)):
            known.check(getattr(self, known.name))


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is known about one option.

    `choices` are the values of an enumerated option, `registry` the kind of name it takes otherwise.
    """

    name: str
    type: Any  # without None
    is_optional: bool
    default: Any
    help: str
    example: Any
    registry: str
    way_out: str
    bounds: dict[str, float]
    section: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def takes(self) -> str:
        """'a whole number or none', 'one of group, ema, constant or none'."""
        words = WORDS.get(get_origin(self.type) or self.type, f"one of {', '.join(self.choices)}")
        words = f"one of the {self.registry}" if self.registry else words
        return f"{words} or none" if self.is_optional else words

    @property
    def range(self) -> str:
        """'1 to 4,096', 'above 0, at most 1', 'at least 0'; '' where everything is taken."""
        low, high = ("at_least", "at_most")
        if low in self.bounds and high in self.bounds:
            return f"{self.bounds[low]:,} to {self.bounds[high]:,}"
        return ", ".join(f"{name.replace('_', ' ')} {limit:,}" for name, limit in self.bounds.items())

    def check(self, value: Any) -> None:
        self.check_length(value)
        for bound, limit in self.bounds.items():
            holds, symbol = BOUNDS[bound]
            if value is not None and not holds(value, limit):
                raise ConfigError(
                    f"{self.name} is {self.help.split(';')[0]} and has to be {symbol} {limit}; "
                    f"got {self.name}={shortened(value)}. "
                    f"{self.way_out or f'Write for example {self.name}={self.example}.'}"
                )

    def check_length(self, value: Any) -> None:
        """Nobody reads more, and every text of a page is kept and shown in many places."""
        texts = value if isinstance(value, tuple) else (value,)
        if len(texts) > MOST_TEXTS:
            raise ConfigError(f"{self.name} is at most {MOST_TEXTS:,} texts; got {len(texts):,}. Leave some out.")
        for text in texts:
            if isinstance(text, str) and len(text) > MOST_CHARACTERS:
                raise ConfigError(
                    f"{self.name} is a text of at most {MOST_CHARACTERS:,} characters; got {len(text):,}. Shorten it."
                )


DESCRIBED: dict[type[Section], tuple[Option, ...]] = {}  # a sweep of thousands of runs asks as often as it has pages


def options_of(section: type[Section]) -> tuple[Option, ...]:
    """Every option of a section, in the order of its fields."""
    if section not in DESCRIBED:
        hints = get_type_hints(section)
        DESCRIBED[section] = tuple(
            described(item.name, hints[item.name], item.default, **item.metadata) for item in fields(section)
        )
    return DESCRIBED[section]


def described(name: str, hint: Any, default: Any, example: Any, **facts: Any) -> Option:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    is_optional = NoneType in get_args(hint)
    known = Option(
        name=name,
        type=kinds[0] if is_optional else hint,
        is_optional=is_optional,
        default=default,
        example=default if example is None else example,
        **facts,
    )
    return replace(known, example=known.choices[0]) if known.example is None else known
