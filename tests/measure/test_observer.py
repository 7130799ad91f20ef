"""The numbers of the reference tables (studies of the secret game): closed forms, exact trees, and drawn means."""

from __future__ import annotations

import time
from functools import cache
from math import log2

import numpy as np
import pytest

from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.information import binary_entropy_bits
from straw.measure import observer
from straw.measure.observer import STRATEGIES, Observed, observe, observed
from straw.measure.observer_draws import draw_pace
from straw.measure.observer_forms import (
    binary_bits,
    binary_bits_after,
    binary_episodes_to_know,
    dense_sum_bits,
    log_distance_bits,
    log_distance_bits_of_any,
)
from straw.measure.observer_game import game_of, group_of
from straw.measure.observer_greedy import greedy_pace, partition_bits
from straw.measure.observer_hits import hits_pace
from straw.measure.observer_table import table_of

NAMES = {
    "binary": "reward_type=binary", "cont": "reward_type=log_distance", "dense": "env_type=multi_step",
    "dense_sum": "env_type=multi_step credit=sum",
    **{f"B{bins}": f"reward_type=binned_log_distance reward_bins={bins}" for bins in (2, 4, 8, 16, 32)},
}  # fmt: skip
SIZES = (16, 64, 256, 1024, 4096)
# bits of the first reward: in the mean over uniform guesses, of the best guess, and the levels reached
FIRST = {
    "binary": ((0.3373, 0.3373, 2), (0.1161, 0.1161, 2), (0.0369, 0.0369, 2), (0.0112, 0.0112, 2), (0.0033, 0.0033, 2)),
    "B2": ((0.8605, 0.8960, 2), (0.7045, 0.7281, 2), (0.4992, 0.5097, 2), (0.3219, 0.3257, 2), (0.1958, 0.1970, 2)),
    "B4": ((1.6052, 1.8050, 4), (1.4861, 1.6338, 4), (1.3868, 1.4669, 4), (1.2600, 1.2965, 4), (1.1361, 1.1750, 4)),
    "B8": ((2.4563, 2.6022, 7), (2.4475, 2.6053, 8), (2.1978, 2.3837, 8), (1.9642, 2.1672, 8), (1.7841, 1.9971, 8)),
    "B16": (
        (3.1660, 3.3750, 11), (3.3651, 3.4629, 14), (3.1472, 3.2564, 15), (2.9002, 3.0278, 16), (2.6830, 2.8276, 16),
    ),
    "B32": (
        (3.5312, 3.8750, 15), (4.1870, 4.2963, 23), (4.1059, 4.2349, 27), (3.8695, 3.9962, 29), (3.6341, 3.7541, 30),
    ),
    "cont": (
        (3.5625, 4, 16), (5.5156, 6, 64), (7.5039, 8, 256), (9.5010, 10, 1024), (11.5002, 12, 4096),
    ),
    "dense": ((4, 4, 16), (6, 6, 64), (8, 8, 256), (10, 10, 1024), (12, 12, 4096)),
}  # fmt: skip
NEVER = None
# mean episodes to know the secret: greedy, Thompson, Thompson in groups of 4, uniform; None: some runs never do
TO_KNOW = {
    "binary": ((8.4, 8.3, 9.3, 14.5), (32.5, 32.1, 33.4, 62.3), (128, 127, 132, 256), (512, 521, 512, 992)),
    "B2": ((4.2, NEVER, NEVER, 14.9), (6.5, NEVER, NEVER, 55.2), (9.7, NEVER, NEVER, 212), (14.8, NEVER, NEVER, 800)),
    "B4": ((2.8, 3, 4.2, 5.5), (4.9, 5.5, 7.6, 20.2), (6.8, NEVER, NEVER, 78.9), (8.9, NEVER, NEVER, 291)),
    "B8": ((2, 2.1, 2.7, 2.8), (3, 3.1, 4.8, 8.5), (4.2, 4.5, 7.3, 32.4), (5.7, 6, 9.8, 129), (7.3, 7.9, 12.6, 495)),
    "B16": (
        (1.6, 1.8, 1.9, 1.9), (2.2, 2.5, 3.7, 4.8), (3.1, 3.4, 5.5, 16.5), (3.9, 4.2, 7.2, 59.8), (4.9, 5.3, 9.4, 227),
    ),
    "B32": (
        (1.1, 1.5, 1.5, 1.5), (2, 2.2, 2.9, 3.1), (2.5, 2.8, 4.7, 9.2), (3.2, 3.5, 5.8, 32.3), (3.9, 4.3, 7.5, 118),
    ),
    "cont": ((1, 1.4, 1.5, 1.5),) + ((1, 1.5, 1.5, 1.5),) * 4,
    # by sums the table has no groups (0)
    "dense_sum": ((2.7, 2.9, 0, 3.8), (3.9, 4.1, 0, 5.2), (4.6, 5.2, 0, 6.4), (5.4, 6.1, 0, 7.4), (6.1, 6.8, 0, 8.0)),
}  # fmt: skip
# median episodes to 0.9 log2 N bits, in the same order
NINE_TENTHS = {
    "binary": ((8, 8, 9, 11), (32, 32, 33, 43), (128, 126, 132, 182), (512, 498, 504, 676)),
    "B2": ((4, NEVER, NEVER, 11), (7, NEVER, NEVER, 41), (10, NEVER, NEVER, 164), (14, NEVER, NEVER, 369)),
    "B4": ((3, 3, 5, 5), (5, 6, 7, 16), (7, NEVER, 14, 64.5), (8, NEVER, 15, 135)),
    "B8": ((2, 2, 2, 2), (3, 3, 5, 7), (4, 5, 7, 27), (5, 6, 9, 62), (7, 8, 12, 258)),
    "B16": ((2, 2, 2, 2), (2, 2, 4, 4), (3, 3, 5, 13), (4, 4, 6, 28), (5, 5, 9, 116)),
    "B32": ((1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 5, 7), (3, 3, 5, 16), (4, 4, 6, 57.5)),
    "cont": ((1, 1, 1, 1),) * 5,
}
# bits known behind 1, 2, 4, ... 512 episodes, N = 1024: greedy, uniform, Thompson
CURVES = {
    "binary": (
        (0.01, 0.02, 0.04, 0.09, 0.18, 0.36, 0.71, 1.42, 2.81, 5.50),
        (0, 0, 0.01, 0.01, 0.02, 0.21, 0.65, 1.29, 2.26, 4.25),
        (0, 0, 0.01, 0.11, 0.22, 0.41, 0.59, 1.21, 2.81, 5.62),
    ),
    "B2": (
        (0.33, 0.71, 1.63, 4.03, 8.51, 10, 10, 10, 10, 10),
        (0.33, 0.64, 1.16, 2.13, 3.53, 5.09, 6.29, 7.3, 8.23, 9.07),
        (0.33, 0.69, 1.42, 2.7, 4.75, 5.66, 5.7, 5.7, 5.7, 5.7),
    ),
    "B4": (
        (1.30, 2.72, 4.96, 8.86, 10, 10, 10, 10, 10, 10),
        (1.26, 2.11, 3.05, 4.25, 5.42, 6.56, 7.63, 8.64, 9.39, 9.86),
        (1.26, 2.4, 4.41, 7.5, 8.81, 8.82, 8.82, 8.82, 8.82, 8.82),
    ),
    "B8": (
        (2.17, 4.29, 7.87, 10, 10, 10, 10, 10, 10, 10),
        (1.97, 3.16, 4.35, 5.56, 6.7, 7.76, 8.73, 9.48, 9.89, 9.99),
        (1.97, 3.95, 7.33, 9.95, 10, 10, 10, 10, 10, 10),
    ),
    "B16": (
        (3.03, 5.95, 9.79, 10, 10, 10, 10, 10, 10, 10),
        (2.89, 4.29, 5.49, 6.68, 7.82, 8.78, 9.55, 9.91, 10, 10),
        (2.89, 5.63, 9.47, 10, 10, 10, 10, 10, 10, 10),
    ),
    "B32": (
        (4.00, 7.42, 10, 10, 10, 10, 10, 10, 10, 10),
        (3.87, 5.4, 6.53, 7.65, 8.68, 9.48, 9.9, 9.99, 10, 10),
        (3.87, 7.06, 9.9, 10, 10, 10, 10, 10, 10, 10),
    ),
    "cont": ((10,) * 10, (9.48, 10, 10, 10, 10, 10, 10, 10), (9.48, 10, 10, 10, 10, 10, 10, 10)),
}  # fmt: skip


@cache
def watch(words: str, **options: int) -> Observed:
    return observe(*game_of(load_page(None, parse_overrides(words.split())).page), **options)


def table(words: str):
    return table_of(*game_of(load_page(None, parse_overrides(words.split())).page))


# --- closed forms


@pytest.mark.parametrize("N", [2, 3, 10, 16, 64, 100])
def test_binary_in_closed_form(N):
    found = watch(f"N={N}")
    assert found.first_bits == found.best_first_bits == pytest.approx(binary_bits(N), abs=1e-9)
    assert binary_bits(N) == pytest.approx(binary_entropy_bits(1 / N))
    for strategy in ("greedy", "thompson"):
        pace = found.paces[strategy]
        assert pace.to_know == pytest.approx(binary_episodes_to_know(N), abs=1e-7)
        for episode, bits in zip(pace.episodes, pace.bits, strict=True):
            assert bits == pytest.approx(binary_bits_after(N, episode), abs=1e-9)


@pytest.mark.parametrize("N", [5, 16, 33])
def test_the_tree_and_the_chances_agree_where_only_hits_are_paid(N):
    tree, chances = greedy_pace(*vars(table(f"N={N}")).values()), hits_pace(N, 1)
    assert tree.bits[:N] == pytest.approx(chances.bits[:N], abs=1e-9)
    assert tree.to_know == pytest.approx(chances.to_know, abs=1e-7)


@pytest.mark.parametrize("group", [1, 4, None])
def test_drawn_and_exact_agree_where_only_hits_are_paid(group):
    drawn = draw_pace(table("N=16").codes, group=group, runs=4000, seed=1)
    exact = hits_pace(16, group)
    assert drawn.to_know == pytest.approx(exact.to_know, abs=4 * drawn.to_know_error)
    for episode in (1, 2, 5, 8, 16):
        assert drawn.bits_at(episode) == pytest.approx(exact.bits_at(episode), abs=4 * max(drawn.errors[: episode + 1]))


def test_uniform_guesses_hit_after_N_in_the_mean():
    """Or know the secret when all others are excluded, which takes one guess less in the mean."""
    assert hits_pace(16, None).to_know == pytest.approx(15, abs=1e-6)


@pytest.mark.parametrize("N", [16, 33, 64, 1000])
def test_log_distance_in_closed_form(N):
    found = table(f"N={N} reward_type=log_distance")
    bits = partition_bits(found.codes, np.arange(N), found.num_codes)
    assert bits == pytest.approx([log_distance_bits(N, guess) for guess in range(N)], abs=1e-9)
    assert bits.mean() == pytest.approx(log_distance_bits_of_any(N), abs=1e-9)
    if N % 2 == 0:
        assert log_distance_bits_of_any(N) == pytest.approx(log2(N) - (N - 2) / (2 * N), abs=1e-9)


@pytest.mark.parametrize(("bits", "expected"), [(4, 2.03), (6, 2.33), (8, 2.54), (10, 2.71), (12, 2.84)])
def test_a_sum_of_hits_in_closed_form(bits, expected):
    assert dense_sum_bits(bits) == pytest.approx(expected, abs=5e-3)
    if bits < 12:
        assert watch(f"N={2**bits} {NAMES['dense_sum']}", runs=20).first_bits == pytest.approx(dense_sum_bits(bits))


# --- the tables


def check_first(name: str, N: int) -> None:
    found = table(f"N={N} {NAMES[name]}")
    bits = partition_bits(found.codes, np.arange(N), found.num_codes)
    mean, best, levels = FIRST[name][SIZES.index(N)]
    assert bits.mean() == pytest.approx(mean, abs=5.1e-5)
    assert bits.max() == pytest.approx(best, abs=5.1e-5)
    assert found.num_codes == levels


@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("N", SIZES[:2])
def test_what_the_first_reward_says(name, N):
    check_first(name, N)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("N", SIZES[2:])
def test_what_the_first_reward_says_among_more_secrets(name, N):
    check_first(name, N)


def close(expected: float | None, found: float | None, error: float | None, size: float) -> bool:
    """Both were drawn, or rounded to a tenth or three digits; `None`: some runs never get there."""
    if expected is None or found is None:
        return expected is found
    rounding = 0.051 if size < 100 else 0.51
    return abs(expected - found) <= rounding + 4 * 1.5 * (error or 0.0)


def check_tables(name: str, N: int) -> None:
    found, place = watch(f"N={N} {NAMES[name]}"), SIZES.index(N)
    for strategy, expected in zip(STRATEGIES, TO_KNOW[name][place], strict=True):
        pace = found.paces[strategy]
        error = pace.to_know_error
        if name == "binary" and strategy != "greedy":
            error = expected / 1000**0.5  # of the table: it drew what is exact here
        if name == "dense_sum" and strategy == "greedy":
            error = 0.1  # of the table: 60 secrets
        if expected != 0:
            assert close(expected, pace.to_know, error, expected or 0), (strategy, expected, pace.to_know)
    if name in NINE_TENTHS:
        check_medians(found, NINE_TENTHS[name][place])


def check_medians(found: Observed, expected: tuple[float | None, ...]) -> None:
    for strategy, middle in zip(STRATEGIES, expected, strict=True):
        pace = found.paces[strategy]
        if middle is None:
            assert pace.to_nine_tenths is None
            continue
        spread = 0.12 * middle if strategy != "greedy" else 0.0
        assert pace.to_nine_tenths == pytest.approx(middle, abs=1 + spread), strategy


CHEAP = [(name, N) for name in TO_KNOW for N in SIZES[:2]] + [("B8", 1024), ("cont", 1024), ("binary", 1024)]


@pytest.mark.parametrize(("name", "N"), CHEAP)
def test_how_long_it_takes(name, N):
    check_tables(name, N)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "N"),
    [(name, N) for name, rows in TO_KNOW.items() for N, _ in zip(SIZES, rows, strict=False) if (name, N) not in CHEAP],
)
def test_how_long_it_takes_among_more_secrets(name, N):
    check_tables(name, N)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "B8" else pytest.mark.slow) for name in CURVES]
)
def test_bits_against_episodes(name):
    found = watch(f"N=1024 {NAMES[name]}")
    for strategy, expected in zip(("greedy", "uniform", "thompson"), CURVES[name], strict=True):
        for power, bits in enumerate(expected):
            # the table's own error: 2000 secrets, 1000 for binary, whose bits come all at once
            error = 0.0 if strategy == "greedy" else 4 * log2(1024) * (0.5 / 1000**0.5 if name == "binary" else 0.006)
            assert found.paces[strategy].bits_at(2**power) == pytest.approx(bits, abs=0.0051 + error), (strategy, power)


# --- other sizes and channels


@pytest.mark.parametrize(
    "words", ["N=10", "N=37 reward_type=higher_lower", "N=100 reward_type=binned_log_distance reward_bins=5"]
)
def test_greedy_is_as_the_law_of_small_trees_says(words):
    """Brute force: the bits behind two episodes, from the best first split and the best second ones."""
    found = table(words)
    N, pace = found.N, greedy_pace(found.codes, found.num_codes)
    first = partition_bits(found.codes, np.arange(N), found.num_codes)
    assert pace.bits[1] == pytest.approx(first.max())
    guess = next(g for g in range(N) if first[g] >= first.max() - 1e-9)
    parts = [np.flatnonzero(found.codes[guess] == code) for code in np.unique(found.codes[guess])]
    second = sum(len(part) / N * partition_bits(found.codes, part, found.num_codes).max() for part in parts)
    assert pace.bits[2] == pytest.approx(first.max() + second)


def test_one_true_bit_halves_what_is_left():
    assert watch("N=64 reward_type=higher_lower", runs=100).paces["greedy"].to_know == 6
    assert watch("N=64 reward_type=higher_lower", runs=100).paces["greedy"].bits[:7] == pytest.approx(range(7))


def test_shuffled_bins_say_as_much_as_bins():
    plain, shuffled = (f"N=64 reward_type={kind} reward_bins=8" for kind in ("binned_log_distance", "shuffled_bins"))
    exact = [watch(words, runs=100).paces["greedy"].bits for words in (plain, shuffled)]
    assert exact[0] == pytest.approx(exact[1], abs=1e-9)


def test_a_sequence_of_secrets_is_one_secret_of_many():
    assert watch("N=4 length=2").paces["greedy"] == watch("N=16").paces["greedy"]


@pytest.mark.parametrize("words", ["N=1", "N=2", "N=64 env_type=multi_step"])
def test_what_is_told_at_once(words):
    found = watch(words)
    assert {pace.to_know for pace in found.paces.values()} == {0 if words == "N=1" else 1}
    assert {pace.bits[-1] for pace in found.paces.values()} == {found.ceiling_bits}


def test_better_strategies_know_more():
    paces = watch("N=64 reward_type=binned_log_distance").paces
    for episode in (2, 3, 4, 6):
        greedy, thompson, group, uniform = (paces[name].bits_at(episode) for name in STRATEGIES)
        assert greedy >= thompson - 1e-9 > group - 0.1 >= uniform - 0.2


def test_coins_and_too_many_secrets_are_refused():
    with pytest.raises(ConfigError, match="flips a coin"):
        table("N=16 reward_type=noisy_binary")
    with pytest.raises(ConfigError, match="at most 4096"):
        table("N=5000")
    with pytest.raises(ConfigError, match="cannot be listed"):
        game_of(load_page(None, {"kind": "sum_digits"}).page)


def test_the_attempts_of_a_step_are_the_group():
    assert group_of(load_page(None, {"group_size": "8", "batch_size": "2"}).page) == 16
    assert group_of(load_page(None, {"group_size": "8", "batch_size": "2", "num_secrets": "2"}).page) == 8


def test_what_was_found_is_kept_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    game = game_of(load_page(None, {"N": "20", "reward_type": "higher_lower"}).page)
    first = observed(*game)
    monkeypatch.setattr(observer, "observe", lambda *_, **__: pytest.fail("made again"))
    assert observed(*game) == first
    with pytest.raises(pytest.fail.Exception):
        observed(*game, group=8)


@pytest.mark.slow
def test_a_thousand_secrets_in_seconds():
    begun = time.process_time()
    watch.__wrapped__("N=1024 reward_type=binned_log_distance reward_bins=8")
    assert time.process_time() - begun < 20
