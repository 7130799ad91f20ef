"""Running a program against an exercise: which tests it passes.

The same program gets the same verdicts in one run: they are kept, and a program that says nothing new is not run again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from straw.sandbox.limits import Limits
from straw.sandbox.programs import outputs, verdicts
from straw.tasks.code.compare import is_right
from straw.tasks.code.exercises import Exercise

KEPT = 10_000
Passed = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Runner:
    """Limits of a test, seconds for all tests of a program, and what was found so far."""

    limits: Limits
    total_s: float
    found: dict[bytes, Passed] = field(default_factory=dict, compare=False, repr=False)

    def passed(self, key: str, exercise: Exercise, program: str) -> Passed:
        """One verdict for each test of the exercise, which `key` names."""
        name = blake2b(f"{key}\0{program}".encode(errors="surrogatepass"), digest_size=16).digest()
        known = self.found.get(name)
        if known is not None:
            return known
        if len(self.found) >= KEPT:
            self.found.clear()
        return self.found.setdefault(name, self.tested(exercise, program))

    def tested(self, exercise: Exercise, program: str) -> Passed:
        if exercise.asserts is not None:
            found = verdicts(program, exercise.asserts, self.limits, exercise.prelude, self.total_s)
            return tuple(one.passed for one in found)
        said = outputs(program, exercise.questions, self.limits, exercise.prelude, self.total_s)
        return tuple(map(is_right, exercise.questions, exercise.expected, said))
