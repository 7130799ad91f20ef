"""The games that every learner plays, as declared data: channels, numbers of secrets, spellings.

    cell      a channel, N and a spelling; so many secrets; at most so many episodes for each
    short     3 cells, 8 secrets         at most 3 minutes of one core
    broad     46 cells, 2 secrets        of full, those that say nothing in words and that an observer knows in time
    words     3 cells, 8 secrets         of full, those that say something of every reply
    full      57 cells, 32 secrets
    smollm2   a real model, apart

All else is the same for everybody: groups of four, one prompt, a run that is over when 0.9 of the bits are known or
the cap is reached. `table_mark` is a hash of all this, so entries that played other games are never compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import log2
from typing import Any

from straw.errors import ConfigError, did_you_mean
from straw.runs.files.jsonl import json_line

GROUP = 4  # rollouts before any reward comes back
ENOUGH = 0.9  # of log2 N bits

CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "binary": {"reward_type": "binary"},
    "bins8": {"reward_type": "binned_log_distance", "reward_bins": 8},
    "distance": {"reward_type": "log_distance"},
    "dense": {"reward_type": "dense", "env_type": "multi_step", "credit": "turn"},
    "dense_sum": {"reward_type": "dense", "env_type": "multi_step", "credit": "sum"},
    "noisy": {"reward_type": "noisy_binary", "flip_probability": 0.1},
    # Who pays has the page of a learner that reads, so everybody begins with the model that was taught what words mean.
    "words": {"reward_type": "told_in_words", "algorithm": "sdpo"},
}
SPELLINGS: Mapping[str, Mapping[str, Any]] = {
    "digits": {},
    "permuted": {"spelling": "permuted"},
    "one_token": {"spelling": "tagged", "model_name": "tiny-1M-numbers"},
    "three_digits": {"model_name": "tiny-1M-3digits"},
}
# Higher and lower are about numbers: a model that can read them would have to know the permutation, which is secret.
ORDERED = "digits one_token three_digits"
WORDS = {
    "binary": "right or wrong", "bins8": "8 bins of log distance", "distance": "log distance",
    "dense": "bit by bit, each turn paid", "dense_sum": "bit by bit, the sum paid",
    "noisy": "right or wrong, flipped with probability 0.1",
    "words": "right or wrong, and in words whether it is higher or lower",
    "digits": "decimal digits", "permuted": "the digits of another number", "one_token": "one token a number",
    "three_digits": "up to three digits a token",
}  # fmt: skip
ADAPTERS = {"model_name": "smollm2", "lora_rank": 8, "dtype": "float32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Example: the cell named bins8-N64-digits has channel="bins8", N=64, spelling="digits"."""

    channel: str
    N: int
    spelling: str
    secrets: int
    most_episodes: int  # of a run: what takes longer is censored
    model: str = "tiny-1M"

    @property
    def name(self) -> str:
        return f"{self.channel}-N{self.N}-{self.spelling}" + ("" if self.model == "tiny-1M" else f"-{self.model}")

    @property
    def words(self) -> str:
        return f"{WORDS[self.channel]}, N={self.N:,}, {WORDS[self.spelling]}"

    @property
    def short(self) -> str:
        """Example: bins8, N=64, digits"""
        return f"{self.channel}, N={self.N}, {self.spelling}"

    @property
    def enough_bits(self) -> float:
        return ENOUGH * log2(self.N)

    def options(self) -> dict[str, Any]:
        """Of a page, without secret and seed: what both sides of the wall know."""
        model = ADAPTERS if self.model == "smollm2" else {"model_name": self.model, "lora_rank": 0}
        return {
            "kind": "secret", "N": self.N, "group_size": GROUP, "batch_size": 1, "device": "cpu", "threads": 1,
            "n_batches": self.most_episodes // GROUP, **model, **CHANNELS[self.channel], **SPELLINGS[self.spelling],
        }  # fmt: skip


def cells(channels: str, spellings: str, caps: Mapping[int, int], secrets: int, model: str = "tiny-1M") -> list[Cell]:
    return [
        Cell(channel=channel, N=N, spelling=spelling, secrets=secrets, most_episodes=most, model=model)
        for channel in channels.split()
        for N, most in caps.items()
        for spelling in spellings.split()
    ]


def numbers(secrets: int, of_hits: Mapping[int, int]) -> list[Cell]:
    """The games that pay and say nothing; `of_hits`: the caps where the secret alone is paid."""
    return [
        *cells("binary noisy", " ".join(SPELLINGS), of_hits, secrets),
        *cells("bins8 distance", " ".join(SPELLINGS), {64: 256, 256: 384, 1024: 512}, secrets),
        *cells("dense dense_sum", "digits", {64: 128, 256: 192, 1024: 256}, secrets),
    ]


def words(secrets: int) -> list[Cell]:
    """Of more numbers than 64 the embedded model does not learn to read what is said within its warm-up."""
    return cells("words", ORDERED, {64: 256}, secrets)


FORMS: Mapping[str, tuple[Cell, ...]] = {
    "short": tuple(cells("binary bins8 distance", "digits", {64: 256}, 8)),
    # Without the cells whose cap is below the ideal observer's median: of a few runs they tell nothing.
    "broad": tuple(numbers(2, {64: 256, 256: 512})),
    "words": tuple(words(8)),
    "full": (*numbers(32, {64: 256, 256: 512, 1024: 512}), *words(32)),
    "smollm2": tuple(cells("binary bins8 distance", "digits", {64: 128}, 6, "smollm2")),
}


def cells_of(form: str) -> tuple[Cell, ...]:
    if form not in FORMS:
        raise ConfigError(f"the benchmark has no form {form!r}: {did_you_mean(form, FORMS)}")
    return FORMS[form]


def table_mark(form: str) -> str:
    """What was played, as a hash."""
    rows = [asdict(cell) | {"options": cell.options()} for cell in cells_of(form)]
    return sha256("".join([json_line({"group": GROUP, "enough": ENOUGH}), *map(json_line, rows)]).encode()).hexdigest()
