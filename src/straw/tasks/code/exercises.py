"""A problem that is solved by a program: what is asked, and the tests that say whether a program does it.

    Exercise(text="Print twice the number.", questions=(Script("3"),), expected=("6",))       standard input and output
    Exercise(text="...", function="twice", questions=(Call("twice", (3,)),), expected=(6,))   a function and its values
    Exercise(text="...", asserts=Asserts(tests=("assert twice(3) == 6",)))                    tests that are programs

`questions` go into the sandbox, `expected` never does; `asserts` go into one of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from straw.sandbox.programs import Asserts, Call, Prelude, Script


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One of them; it is itself and equal to no other, since its tests may be megabytes."""

    text: str
    function: str = ""  # none: the whole program is run
    questions: tuple[Script | Call, ...] = ()
    expected: tuple[Any, ...] = ()
    asserts: Asserts | None = None
    reference: str = ""  # a program that passes, where the data has one
    begins: str = ""  # a reply may be how this program goes on
    starter: str = ""  # code that a program is to begin with
    shown: str = ""  # the public tests, as a prompt has them
    prelude: Prelude | None = None

    def __post_init__(self) -> None:
        if not self.num_tests:
            raise ValueError("it has no tests, so no program could be told from another")
        if self.asserts is None and all(one is None or not str(one).strip() for one in self.expected):
            raise ValueError("a program that does nothing passes each of its tests")

    @property
    def num_tests(self) -> int:
        return len(self.questions) if self.asserts is None else len(self.asserts.tests)
