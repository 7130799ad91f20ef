"""Whether a report keeps its word: intervals hold what they say they hold, and sentences are no more often wrong.

Truths are known, and unkind: waiting for luck in groups of four (ties, and a long tail), runs that lock in and never
get there, runs that are cut short, six runs as well as 128.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import log2
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.report.study.simulated import GROUP, runs_of, sentences_of
from tests.report.study.waiting import waited

from straw.report.study.statistics.chance import same_pace
from straw.report.study.statistics.exponent import chance_of_exponent, exponent_of
from straw.report.study.statistics.fits import LINEAR, LOG, POWER, Fit, grown_of, scaling_of
from straw.report.study.statistics.intervals import interval_of
from straw.report.study.statistics.survival import endless, median_of
from straw.report.study.statistics.times import Times
from straw.report.study.visible import visible_factor
from straw.report.sweeps.paired import sure

SIZES = (16, 64, 256, 1024)
Draw = Callable[[np.random.Generator, int, int], np.ndarray]  # (rng, N, runs): times


def geometric(rng: Any, N: Any, count: Any) -> Any:
    """Until a guess among N is right."""
    return rng.geometric(1 / N, count).astype(float)


def scattered(rng: Any, N: Any, count: Any) -> Any:
    return 2 * N * np.exp(0.5 * rng.normal(size=count))


def long_tailed(rng: Any, N: Any, count: Any) -> Any:
    return 2 * N * np.exp(0.4 * rng.standard_t(3, size=count))


def locking(rng: Any, N: Any, count: Any) -> Any:
    """One in ten never gets there."""
    return np.where(rng.random(count) < 0.1, np.inf, 40 * N**0.4 * np.exp(0.4 * rng.normal(size=count)))


def constant(rng: Any, N: Any, count: Any) -> Any:
    """From the hit on: two groups, or three."""
    return np.where(rng.random(count) < 0.55, 8.0, 12.0)


def seen(draw: Draw, rng: np.random.Generator, N: int, count: int, cap: float) -> Times:
    return waited(draw(rng, N, count), cap=cap, step=GROUP)


def rounded(times: np.ndarray) -> np.ndarray:
    return np.ceil(times / GROUP) * GROUP


# --- medians -------------------------------------------------------------------------------------

MEDIANS = [(geometric, 1e9), (geometric, 50), (scattered, 1e9), (long_tailed, 200), (locking, 400), (constant, 1e9)]


def held_medians(draw: Draw, cap: float, count: int, times: int) -> float:
    rng = np.random.default_rng(count)
    truth = np.median(rounded(draw(rng, 64, 400_001)))
    runs = (seen(draw, rng, 64, count, cap) for _ in range(times))
    found = [interval_of(one.episodes, endless(one), count) for one in runs]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@pytest.mark.parametrize("count", [6, 16])
def test_a_quick_look_at_medians(count: int) -> None:
    assert held_medians(geometric, 50, count, 200) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, 8, 12, 16, 64, 128])
@pytest.mark.parametrize(("draw", "cap"), MEDIANS)
def test_2000_medians_are_held(draw: Any, cap: Any, count: int) -> None:
    assert held_medians(draw, cap, count, 2000) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, 8, 12, 16, 64, 128])
def test_medians_are_not_held_more_often_than_need_be(count: int) -> None:
    """Of times without ties; ties alone make it more."""
    rng = np.random.default_rng(count)
    found = [interval_of(row, row, count) for row in rng.normal(size=(4000, count))]
    assert np.mean([one.low <= 0 <= one.high for one in found]) <= 0.97 + 0.007


@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_range_of_a_few_runs_does_not_hold_the_median_and_is_not_said_to(count: int) -> None:
    rng = np.random.default_rng(0)
    found = [median_of(seen(scattered, rng, 64, count, 1e9)).interval for _ in range(200)]
    assert all(one.is_range for one in found)
    truth = 2 * 64
    assert np.mean([one.low <= truth <= one.high for one in found]) < 0.97


# --- exponents -----------------------------------------------------------------------------------

EXPONENTS = [
    (geometric, 1.0, 1e9),
    (geometric, 1.0, 1500),
    (scattered, 1.0, 1e9),
    (long_tailed, 1.0, 1e9),
    (locking, 0.4, 3000),
]


def held_exponents(draw: Draw, truth: float, cap: float, count: int, times: int) -> float:
    """An interval holds the exponents of which the p is above 5%: see `test_exponent`."""
    rng = np.random.default_rng(count)
    runs = (grown_of([(N, seen(draw, rng, N, count, cap)) for N in SIZES]) for _ in range(times))
    return float(np.mean([chance_of_exponent(truth, one) > 0.05 for one in runs]))


def test_a_quick_look_at_exponents() -> None:
    assert held_exponents(geometric, 1.0, 1500, 4, 200) >= 0.9


def test_what_an_interval_holds_is_what_its_p_does_not_rule_out() -> None:
    """Ends of many intervals, of runs that are cut short and lock in too."""
    rng = np.random.default_rng(0)
    for draw, truth, cap in EXPONENTS:
        for _ in range(6):
            runs = grown_of([(N, seen(draw, rng, N, 5, cap)) for N in SIZES])
            _, interval = exponent_of(runs)
            assert (interval.low <= truth <= interval.high) == (chance_of_exponent(truth, runs) > 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4, 8, 16, 64])
@pytest.mark.parametrize(("draw", "truth", "cap"), EXPONENTS)
def test_2000_exponents_are_held(draw: Any, truth: Any, cap: Any, count: int) -> None:
    assert 0.93 <= held_exponents(draw, truth, cap, count, 2000) <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 16])
def test_episodes_a_bit_are_held_where_they_are_in_proportion_to_bits(count: int) -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        times = [(N, waited(40 * log2(N) * np.exp(0.6 * rng.normal(size=count)), cap=600)) for N in SIZES]
        ends = [np.concatenate([end(one) / log2(N) for N, one in times]) for end in (lambda t: t.episodes, endless)]
        interval = interval_of(*ends, 4 * count)
        held += interval.low <= 40 <= interval.high
    assert 0.93 <= held / 2000 <= 0.97


# --- accuracy over seeds -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4, 6, 12])
def test_means_of_runs_that_scatter_evenly_are_held(count: int) -> None:
    """200 held-out problems, with runs that differ a little; not one that falls over."""
    rng = np.random.default_rng(count)
    shares = np.clip(rng.normal(0.41, 0.02, (2000, count)), 0, 1)
    found = [sure(list(row)) for row in rng.binomial(200, shares) / 200]
    assert 0.93 <= np.mean([one.low <= 0.41 <= one.high for one in found]) <= 0.97


# --- sentences -----------------------------------------------------------------------------------

CLAIMS = (
    "is faster than", "slower than N", "faster than N", "it matters what learns", "can be told from the first",
    "the other 1 can be", "the other 2 can be", "does not hold", "more than a coin can tell",
)  # fmt: skip


def decided(sentences: list[str]) -> list[str]:
    return [text for text in sentences if any(claim in text for claim in CLAIMS)]


def equal_rewards(rng: np.random.Generator) -> Iterator[object]:
    """Three numbers of levels that are no matter, at three N, in proportion to N; one run in ten locks in."""
    for N in (16, 64, 256):
        for bins in (4, 8, 16):
            times = np.where(rng.random(8) < 0.1, np.inf, N * rng.exponential(size=8))
            yield from runs_of(
                times, N=N, cap=8 * N, hits=0.7 * times, reward_type="binned_log_distance", reward_bins=bins
            )


def equal_learners(rng: np.random.Generator) -> Iterator[object]:
    """Three models that learn alike, with draws of their own: a wait, and what follows it."""
    for place, model in enumerate(("tiny-0.2M", "tiny-1M", "tiny-5M")):
        hits = geometric(rng, 64, 12)
        yield from runs_of(
            hits + 20 * rng.gamma(2, size=12), N=64, cap=250, hits=hits, first_seed=100 * place, model_name=model,
            reward_type="binary",
        )  # fmt: skip


def equal_luck(rng: np.random.Generator) -> Iterator[object]:
    """The same with the same guesses: the wait is one sample, and what follows it is not."""
    hits = geometric(rng, 64, 12)
    for model in ("tiny-0.2M", "tiny-1M", "tiny-5M"):
        times = hits + 20 * rng.gamma(2, size=12)
        yield from runs_of(times, N=64, cap=250, hits=hits, model_name=model, reward_type="binary")


def lucky_coins(rng: np.random.Generator) -> Iterator[object]:
    """Paid at random and locked in on an answer: once in sixteen it is the secret, otherwise that has no chance
    left, so 2^bits is 16 or next to 0 and has a mean of 1.
    """
    for reward in ("random", "binary"):
        times = np.where(rng.random(10) < 1 / 16, 40.0, np.inf)
        yield from runs_of(times, N=16, cap=100, reward_type=reward, offered=np.zeros(10), otherwise=-20.0)


NULLS = [equal_rewards, equal_learners, equal_luck, lucky_coins]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """What decides nothing is left out: which law fits best, what would have been seen, observers. And runs change
    places a thousand times, which makes a p no smaller.
    """
    monkeypatch.setattr("straw.report.study.statistics.chance.DRAWS", 999)
    fits = [Fit(law=law, a=1.0, b=1.0, sigma=1.0, aic=0.0) for law in (POWER, LINEAR, LOG)]
    monkeypatch.setattr("straw.report.study.statistics.fits.fits_of", lambda points, errors: fits)
    monkeypatch.setattr("straw.report.study.verdicts.levels.visible_factor", lambda samples, level: 2.0)
    monkeypatch.setattr("straw.report.study.analysis.observers_of", lambda cells, patient: ({}, []))
    monkeypatch.setattr("straw.report.study.analysis.identifiable", lambda cells: {})


def wrong_reports(null: Any, times: int) -> int:
    rng = np.random.default_rng(0)
    return sum(bool(decided(sentences_of(list(null(rng))))) for _ in range(times))


@pytest.mark.parametrize("null", NULLS)
def test_a_quick_look_at_reports_of_runs_that_do_not_differ(quick: None, null: Any) -> None:
    assert wrong_reports(null, 6) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("null", NULLS)
def test_of_2000_reports_on_runs_that_do_not_differ_one_in_twenty_says_that_they_do(quick: None, null: Any) -> None:
    assert wrong_reports(null, 2000) <= 0.05 * 2000


def test_learners_that_differ_are_said_to(quick: None) -> None:
    rng = np.random.default_rng(0)
    runs = []
    for place, (model, after) in enumerate((("tiny-0.2M", 60), ("tiny-5M", 12))):
        hits = geometric(rng, 64, 12)
        times = hits + after * rng.gamma(8, 1 / 8, size=12)
        runs += runs_of(times, N=64, cap=900, hits=hits, first_seed=100 * place, model_name=model, reward_type="binary")
    assert any(
        "from the first hit to 0.9 of the bits: it matters what learns" in text for text in decided(sentences_of(runs))
    )


@pytest.mark.slow
def test_what_would_have_been_seen_is_seen_about_four_times_in_five() -> None:
    """The factor is told from one study, and then tried on others like it."""
    rng, found = np.random.default_rng(0), []
    for _ in range(12):
        null = [seen(geometric, rng, 64, 16, 1500) for _ in range(2)]
        slower = partial(slowed, visible_factor(null, 0.05))
        pairs = [(seen(geometric, rng, 64, 16, 1500), seen(slower, rng, 64, 16, 1500)) for _ in range(60)]
        found.append(np.mean([same_pace(one, apart(other)) <= 0.05 for one, other in pairs]))
    assert 0.7 <= np.mean(found) <= 0.97


def slowed(factor: Any, rng: Any, N: Any, count: Any) -> Any:
    return factor * geometric(rng, N, count)


def apart(times: Times) -> Times:
    """With secrets of their own."""
    return times._replace(runs=[SimpleNamespace(secret=f"o{n}", seed=f"o{n}") for n in range(len(times.runs))])


def test_a_scaling_is_told_with_its_exponents_interval() -> None:
    """Of the whole series, as the report makes it."""
    rng = np.random.default_rng(3)
    found = scaling_of(SIZES, [seen(geometric, rng, N, 16, 6 * N) for N in SIZES])
    assert found.exponent.low < found.beta < found.exponent.high
    assert found.chance_of(found.exponent.low) == pytest.approx(0.05, abs=0.02)
