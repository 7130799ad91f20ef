"""What tokens cost on the hosted service, in dollars per million, with the day of each figure.

The service has changed its prices before: a page names its own by prices=prefill=0.13,sample=0.40,train=0.40. These
are third parties' copies of its table, not the service's word: those of early 2026 are taken 1.5 times, since by
October the one model that was looked at again had become so much dearer. A prefix that was read before costs a fifth of
a prefill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.errors import ConfigError

MILLION, CACHED = 1e6, 0.2
WORDS = ("prefill", "sample", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens by what is done with them; `cached` are prompts that were read before."""

    prefill: int = 0
    cached: int = 0
    sampled: int = 0
    trained: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            prefill=self.prefill + other.prefill, cached=self.cached + other.cached,
            sampled=self.sampled + other.sampled, trained=self.trained + other.trained,
        )  # fmt: skip

    def __mul__(self, times: int) -> Tokens:
        return Tokens(
            prefill=self.prefill * times, cached=self.cached * times, sampled=self.sampled * times,
            trained=self.trained * times,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars per million tokens."""

    prefill: float
    sample: float
    train: float
    source: str

    def usd(self, tokens: Tokens) -> float:
        prefill = tokens.prefill + CACHED * tokens.cached
        return (self.prefill * prefill + self.sample * tokens.sampled + self.train * tokens.trained) / MILLION


FREE = Price(prefill=0, sample=0, train=0, source="a server of one's own")
TABLE = {
    "meta-llama/Llama-3.1-8B": Price(prefill=0.195, sample=0.6, train=0.6, source="Jan-Mar 2026, times 1.5"),
    "Qwen/Qwen3-8B": Price(prefill=0.195, sample=0.6, train=0.44, source="Oct 2026"),
}


def price_of(model: str, said: Sequence[str], *, is_hosted: bool) -> Price | None:
    """What the page says goes before the table; None: nobody here knows."""
    if said:
        return named(said)
    return TABLE.get(model) if is_hosted else FREE


def named(said: Sequence[str]) -> Price:
    """From prefill=0.13, sample=0.40, train=0.40, each of them once."""
    found: dict[str, float] = {}
    for one in said:
        word, _, number = one.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if word.strip() not in WORDS or word.strip() in found or not 0 <= value < MILLION:
            raise wrong(said)
        found[word.strip()] = value
    if len(found) != len(WORDS):
        raise wrong(said)
    return Price(**found, source="the page")


def wrong(said: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"prices are dollars per million tokens of prefill, sample and train; got prices={','.join(said)[:80]}. Write "
        "prices=prefill=0.13,sample=0.40,train=0.40."
    )
