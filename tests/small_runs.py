"""Real runs that cost a tenth of a second: 0.2M parameters, three bits, a short warm-up.

A test that asks for the fixture `home` gets a cache that the whole session shares, so each kind of
warm-up is made once.
"""

from __future__ import annotations

from pathlib import Path

from straw.config import Loaded, load_page, parse_overrides
from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, sampling_of
from straw.training.session import Finished, run_page
from straw.training.warmup.initial_policy import starting_engine

WORDS = (
    "model_name=tiny-0.2M",
    "N=8",
    "warmup_steps=400",
    "warmup_batch=16",
    "warmup_learning_rate=3e-3",
    "warmup_mass=0.9",
    "warmup_distance=0.3",
)


class Listener:
    """A watcher that writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, plan: Plan, folder: Path) -> None: ...

    def look_at(self, facts: object) -> None: ...

    def update(self, step: int, row: dict[str, float]) -> None: ...


def small_page(*words: str) -> Loaded:
    """Words are split at blanks: small_page("N=4 seed=1")."""
    chosen = told(" ".join(words).split())
    small = [word for word in WORDS if "kind" not in chosen or not word.startswith("N=")]
    return load_page(None, {**parse_overrides(small), **chosen})


def small_words(*words: str) -> list[str]:
    """For a command line, where nothing may be said twice: the words above, less those that `words` say again."""
    again = {word.partition("=")[0] for word in words}
    return [*(word for word in WORDS if word.partition("=")[0] not in again), *words]


def told(words: list[str]) -> dict[str, str]:
    """Options, of which a test may say one again: unlike on a command line, the last counts."""
    found: dict[str, str] = {}
    for word in words:
        found |= parse_overrides([word])
    return found


def small_plan(*words: str) -> Plan:
    return plan_of(small_page(*words))


def train(folder: Path, *words: str) -> Finished:
    return run_page(small_page(f"run_dir={folder}", *words), Listener())


class Parts:
    """What a run is made of, ready to be used by hand."""

    def __init__(self, *words: str) -> None:
        self.heard = Listener()
        self.plan = small_plan(*words)
        self.task, self.channel = self.plan.task, self.plan.channel
        self.engine: LocalEngine = starting_engine(self.plan, self.heard.say)
        self.chat = self.engine.chat
        self.params: SamplingParams = sampling_of(self.plan, self.chat)
