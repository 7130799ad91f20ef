"""What a sentence says of what was found: the words by themselves, for numbers that no run has to come to."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from tests.report.study.in_memory import cell_of, knowing, run_of

from straw.report.study.cells import Cell
from straw.report.study.law import Law
from straw.report.study.pairs import Apart
from straw.report.study.statistics.fits import LINEAR, LOG, POWER, Fit
from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import Median
from straw.report.study.verdicts import answer, capacity, compared, growth, ledger, levels, pace
from straw.report.study.verdicts.verdict import Verdict


def median(value: float, happened: int = 3, interval: Interval | None = None) -> Median:
    return Median(value=value, interval=interval, happened=happened, total=4, longest=900.0)


# --- growth ---------------------------------------------------------------------------------------


def grown(*aics: float, laws: Sequence[str] = (POWER, LOG, LINEAR), num_sizes: int = 3, **facts: Any) -> Any:
    fits = [Fit(law=law, a=1, b=1, sigma=1, aic=aic) for law, aic in zip(laws, aics, strict=True)]
    told = {"beta": 0.5, "exponent": Interval(0.25, 0.75), "p": 0.5, "bit": 40.0, "per_bit": Interval(38, 42), **facts}
    return SimpleNamespace(
        fits=fits, sizes=[16, 64, 256][:num_sizes], chance_of=lambda beta: told["p"] if beta == 1 else None,
        fit=lambda law: next(fit for fit in fits if fit.law == law),
        behind=lambda law: next(fit.aic for fit in fits if fit.law == law) - fits[0].aic, **told,
    )  # fmt: skip


def test_laws_are_close_up_to_two_of_aic_and_others_are_told_by_how_far_they_are() -> None:
    assert (
        growth.laws(grown(10, 12, 12.1)) == "a N^β has the lowest AIC, a log2 N is within 2 of it, 2.1 more for a N + b"
    )
    assert growth.laws(grown(10, 11, 12)) == "a N^β has the lowest AIC, a log2 N and a N + b are within 2 of it"
    far = growth.laws(grown(0, 5, 7.25, laws=(LOG, POWER, LINEAR)))
    assert far == "a log2 N has the lowest AIC, 5.0 of AIC behind for a N^β, 7.2 more for a N + b"
    assert growth.laws(grown(10, 20, 30, num_sizes=2)) == "two sizes of N cannot tell one law from another"


def test_a_log_law_is_told_in_its_words_where_it_is_more_than_two_ahead_of_both_others() -> None:
    first = (LOG, POWER, LINEAR)
    text = growth.grows(grown(0, 2.1, 9, laws=first), 0.05)
    assert text == (
        "are fitted best by a log2 N, 40 [38, 42] for each bit of N; "
        "as a power it is N^0.50 [0.25, 0.75], 2.1 of AIC behind"
    )
    for others in (
        grown(0, 2, 9, laws=first),
        grown(0, 2, 9, laws=(LOG, LINEAR, POWER)),
        grown(0, 9, 9, laws=first, num_sizes=2),
        grown(0, 9, 9),
    ):
        assert growth.grows(others, 0.05).startswith("scale as N^0.50 [0.25, 0.75], not told from N; ")


@pytest.mark.parametrize(
    ("beta", "p", "words"),
    [
        (0.5, 0.05, ", slower than N"),
        (1.5, 0.05, ", faster than N"),
        (1.0, 0.01, ", faster than N"),
        (0.5, 0.051, ", not told from N"),
        (0.5, None, ""),
    ],
)
def test_slower_or_faster_is_said_at_the_level_and_not_above_it(beta: float, p: float | None, words: str) -> None:
    assert growth.beside_N(grown(0, 1, 2, beta=beta, p=p), 0.05) == words


def test_of_many_series_the_ends_are_named() -> None:
    found = {name: grown(0, 1, 2, beta=beta, exponent=None) for name, beta in (("a", 0.7), ("b", 0.25), ("c", 1.2))}
    assert growth.ends(found) == "of 3 series scale as N^0.25 (b) to N^1.20 (c)"


# --- levels, capacity and equal episodes ----------------------------------------------------------


def series(*names: str) -> list[Cell]:
    return [cell_of(run_of(), label=name) for name in names]


def test_who_is_faster_than_whom_is_said_once_for_each_and_that_there_is_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = series("a", "b", "c")
    apart = [Apart(2, 0, 0.01), Apart(2, 1, 0.01)]
    assert levels.saved(cells, apart, [], 0.05) == "c is faster than a and b; no other two are told apart"
    assert levels.saved(cells, [*apart, Apart(0, 1, 0.01)], [], 0.05) == "a is faster than b; c is faster than a and b"
    for factor, words in (
        (None, "not even a factor of 10 would have been"),
        (1.5, "had one of them taken 1.5 times as long, "),
    ):
        monkeypatch.setattr(levels, "visible_factor", lambda samples, level: factor)  # noqa: B023
        assert levels.saved(cells, [], [], 0.05).startswith(f"No two of them are told apart; {words}")


@pytest.mark.parametrize(("p", "words"), [(0.001, "p = 0.001"), (0.00099, "p < 0.001"), (0.0456, "p = 0.046")])
def test_a_chance_is_told_with_two_digits_down_to_a_thousandth(p: float, words: str) -> None:
    assert capacity.chance(p) == words


def test_a_run_knew_nothing_where_no_bit_moved_before_its_hit() -> None:
    def run(*bits: float, hits: Sequence[float] = (0, 0, 1)) -> Any:
        at = [0, 4, 8]
        return run_of({"bits_known": (at[: len(bits)], bits), "hits": (at, hits)})

    assert capacity.knew_nothing(run(0.5, 0.5, 4)) and capacity.knew_nothing(run(0, 0.9e-6, 4))
    assert not capacity.knew_nothing(run(0, 1.2e-6, 4))
    assert capacity.knew_nothing(run(0, 3, 4, hits=(0, 1, 1)))  # the hit was at 4: only 0 lies before it
    assert not capacity.knew_nothing(run(0, 0, 0, hits=(1, 1, 1)))  # nothing was measured before it
    assert not capacity.knew_nothing(run_of({"bits_known": ([0, 4], [0, 0])}, algorithm="sft"))


def test_what_learns_matters_at_the_level_and_not_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named are the fastest and the slowest of three; of medians that are not reached, the one that fewer came to."""
    cells = [cell_of(run_of(model_name=name), label=name) for name in ("tiny-1M", "tiny-2M", "tiny-3M")]
    medians = [median(inf, 3), median(8), median(inf, 2)]
    study: Any = SimpleNamespace(
        times={cell.label: {"known": None} for cell in cells},
        medians={cell.label: {"known": one} for cell, one in zip(cells, medians, strict=True)},
    )
    monkeypatch.setattr(capacity, "unseen", lambda times, level: f"; unseen {len(times)}")
    ends = "tiny-2M, all weights 8 and tiny-3M, all weights not reached by half in 900 episodes"
    said = {}
    for p in (None, 0.05, 0.051):
        monkeypatch.setattr(capacity, "same_pace", lambda *times, unlikely: p)  # noqa: B023
        said[p] = capacity.difference(study, wait(*cells, what="known"), 0.05)
    assert said == {
        None: f"{ends}, and so few runs cannot tell them apart",
        0.05: f"it matters what learns (p = 0.05): {ends}",
        0.051: f"{ends}, not told apart (p = 0.051); unseen 3",
    }


def wait(*cells: Cell, what: str = "found") -> Any:
    return SimpleNamespace(what=what, cells=cells)


def test_a_wait_is_that_of_the_start_where_no_run_of_any_learner_knew_more() -> None:
    still, moved = (run_of({"bits_known": ([0, 4], [0, b]), "hits": ([0, 4, 8], [0, 0, 1])}) for b in (0, 1))
    assert capacity.is_wait(wait(cell_of(still), cell_of(still, still)))
    assert not capacity.is_wait(wait(cell_of(still), cell_of(still, moved)))
    assert not capacity.is_wait(wait(cell_of(still), what="known"))


def equal(names: Sequence[str], *, apart: int = 0, told: Sequence[str] = ()) -> Any:
    """Conditions by what they know: 4 bits, 3.9, 3.8 ..."""
    cells = [cell_of(knowing(0, 4 - place / 10), label=name) for place, name in enumerate([*names, *told])]
    return SimpleNamespace(
        fair=cells[: len(names)], told=cells[len(names) :], reward="binary", N=1024, episodes=1200.0,
        num_told_apart=lambda level: apart,
    )  # fmt: skip


def test_a_ranking_names_the_first_the_last_and_who_can_be_told_from_the_first() -> None:
    first, last = "a with 4 bits in the median", "c with 3.8 bits in the median"
    assert compared.ranking(equal("abc"), 0.05) == f"{first} to {last}, b between them, not told apart"
    assert compared.ranking(equal("ab"), 0.05) == f"{first} to b with 3.9 bits in the median, not told apart"
    ahead = f"{first} comes out ahead, {last} last"
    assert compared.ranking(equal("abc", apart=1), 0.05) == (
        f"{ahead}; b is not told from the first, the other 1 can be"
    )
    assert (
        compared.ranking(equal("abc", apart=2), 0.05) == f"{ahead}, and each of the others can be told from the first"
    )
    two = compared.ranking(equal("ab", apart=1), 0.05)
    assert two.endswith("b with 3.9 bits in the median last, and the other can be told from the first")
    assert "; b and c are not told from the first, the other 1 can be" in compared.ranking(equal("abcd", apart=1), 0.05)


def test_four_conditions_are_listed_and_of_more_it_is_said_how_many_there_are() -> None:
    many = equal("abcdef")
    assert compared.listed_cells(many.fair[:4], many) == "a, b, c and d"
    assert compared.listed_cells(many.fair, many) == "a, b, c and d and 2 more"


def test_where_conditions_are_compared_and_what_is_told_the_formula_are_said() -> None:
    one = equal("ab", told="c")
    assert compared.where(one) == "after 1,200 episodes of binary at N = 1,024"
    assert compared.beside(one) == " (c, told the formula of the reward: 3.8)" and compared.beside(equal("ab")) == ""


# --- the ledger -----------------------------------------------------------------------------------


def laws(*values: tuple[float, int]) -> dict[str, Law]:
    return {
        "abcdefgh"[place]: Law(value=value, p=0.5, num_secrets=count, episodes=1200.0)
        for place, (value, count) in enumerate(values)
    }


def test_a_kept_law_is_told_with_its_largest_mean_and_in_how_many_conditions() -> None:
    found = laws((0.25, 3), (0.5, 4), (2.0, 5))
    assert ledger.kept_words(found, ["a", "b"]) == (
        "is kept in 2 of 3 conditions: the largest mean is 0.5, b (4 secrets, after 1,200 episodes)"
    )
    assert ledger.kept_words(laws((0.25, 3)), ["a"]).startswith("is kept: the largest mean is 0.25, a (3 secrets")
    assert ledger.kept_words(found, []) == "cannot be judged by these runs"


def test_what_luck_could_make_is_told_the_largest_first_and_what_has_too_few_secrets_is_counted() -> None:
    assert ledger.untold_words(laws((0.5, 3)), ["a"]) == ""
    assert ledger.untold_words(laws((0.5, 3), (0.5, 2), (1.0, 1)), ["a"]) == (
        "; 2 conditions have too few secrets, below 3"
    )
    found = ledger.untold_words(laws((1.5, 3), (4.0, 5), (0.5, 2)), [])
    assert found == (
        "; not told for b (4 over 5 secrets, after 1,200 episodes); a (1.5 over 3 secrets, after 1,200 episodes), "
        "which luck could make; 1 condition has too few secrets, below 3"
    )
    many = ledger.untold_words(laws(*[(2.0 + place, 3) for place in range(6)]), [])
    assert "; c (4 over" in many and "b (3 over" not in many and " and 2 more, which luck could make" in many
    four = ledger.untold_words(laws(*[(2.0 + place, 3) for place in range(4)]), [])
    assert "; a (2 over" in four and "more" not in four


# --- pace and answers -----------------------------------------------------------------------------


def watched(median_: Median | None, episodes: float | None, group: int = 4) -> Any:
    paces = {"thompson_group": SimpleNamespace(to_nine_tenths=episodes)}
    return SimpleNamespace(
        medians={"a": {} if median_ is None else {"known": median_}},
        observers={"a": SimpleNamespace(paces=paces, group=group)},
    )


def test_an_observer_is_told_in_whole_groups_and_a_median_as_so_many_times_its_own() -> None:
    (cell,) = series("a")
    study = watched(median(24, interval=Interval(12, 60)), 9)
    assert pace.ideal_of(study, cell) == 12 and pace.times_ideal(study, cell) == "2 [1, 5]"
    assert [pace.ideal_of(watched(None, at), cell) for at in (8, 8.5, None)] == [8, 12, None]
    assert pace.times_ideal(watched(median(24, interval=Interval(12, 60, is_range=True)), 9), cell) == "2 (1 to 5)"
    assert pace.times_ideal(watched(median(24), 9), cell) == "2"
    for nothing in (watched(None, 9), watched(median(inf), 9), watched(median(24), None)):
        assert pace.times_ideal(nothing, cell) == ""
    assert pace.ideal_of(SimpleNamespace(observers={}), cell) is None  # type: ignore[arg-type]


def test_the_size_that_most_conditions_have_is_taken_and_of_equals_the_largest() -> None:
    def size(**counts: int) -> int | None:
        by_size = {int(name[1:]): count for name, count in counts.items()}
        return pace.common_size(SimpleNamespace(sizes=sorted(by_size), of_size=lambda N: [0] * by_size[N]))  # type: ignore[arg-type]

    assert (size(N16=3, N64=2, N256=1), size(N16=2, N64=2, N256=1), size()) == (16, 64, None)


def test_sentences_are_joined_into_one_that_begins_with_a_capital() -> None:
    one, other = Verdict("eight bins: 4 bits.", "equal"), Verdict("Two bins: 1 bit (3 runs).", "levels")
    assert answer.joined([one, other]) == Verdict("Eight bins: 4 bits; Two bins: 1 bit (3 runs).", "equal")
    assert answer.joined([]) is None


@pytest.mark.parametrize(("count", "more"), [(6, ""), (8, "; and 2 more conditions")])
def test_six_conditions_are_told_and_more_are_counted(count: int, more: str) -> None:
    cells = [cell_of(knowing(0, 4), label=f"c{place}") for place in range(count)]
    control = cell_of(knowing(0, 0, reward_type="random"), label="coin")
    study: Any = SimpleNamespace(
        with_bits=[*cells, control], medians={cell.label: {"known": median(4)} for cell in cells}
    )
    found = answer.by_time(study, 0.05)
    told = "; ".join(f"c{place} 4, 3 of 4 got there" for place in range(6))
    assert found is not None and found.about == "bits"
    assert found.text.startswith(f"Episodes to 0.9 of the bits: {told}{more} (N = 16, ") and "coin" not in found.text
    assert answer.by_time(SimpleNamespace(with_bits=[control]), 0.05) is None  # type: ignore[arg-type]
