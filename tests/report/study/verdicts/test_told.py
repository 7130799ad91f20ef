"""Which sentences are said, for studies that are made of a few numbers: warnings, growth by series, the answer."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import Any

import pytest
from tests.report.study.in_memory import cell_of, knowing, run_of

from straw.report.study.cells import Cell
from straw.report.study.law import Law
from straw.report.study.statistics.intervals import Interval
from straw.report.study.statistics.survival import Median
from straw.report.study.verdicts import Verdict, answer, cautions, growth, ledger, level_of, levels, outcomes, said_of
from straw.report.study.verdicts import capacity as learners


def median(value: float, happened: int = 3, total: int = 4) -> Median:
    return Median(value=value, interval=None, happened=happened, total=total, longest=900.0)


def study_of(*cells: Cell, **facts: Any) -> Any:
    """With a median that one of four runs did not come to for every condition, unless another is given."""
    series: dict[str, list[Cell]] = {}
    for cell in cells:
        series.setdefault(cell.series, []).append(cell)
    made: dict[str, Any] = {
        "cells": cells, "with_bits": list(cells), "series": series, "sizes": sorted({cell.N for cell in cells}),
        "medians": {cell.label: {"known": median(40)} for cell in cells}, "identifiable": {}, "scalings": {},
    }  # fmt: skip
    return SimpleNamespace(**{**made, **facts})


def condition(label: str, *, N: int = 16, series: str = "", **options: Any) -> Cell:
    """Two runs: one knows after eight episodes, one never within twelve."""
    runs = [knowing(0, 0, 4, 4, secret=0, N=N, **options), knowing(0, 1, 1, 1, secret=1, N=N, **options)]
    return cell_of(*runs, label=label, series=series)


# --- censored runs --------------------------------------------------------------------------------


def test_up_to_four_conditions_with_censored_runs_have_a_sentence_each() -> None:
    cells = [condition(f"c{place}") for place in range(4)]
    found = list(cautions.censored(study_of(*cells)))
    assert [one.text[:2] for one in found] == ["C0", "C1", "C2", "C3"]
    assert found[0] == Verdict(
        "C0: 1 of 4 runs did not know 0.9 of the bits within 12 episodes; they are kept as censored, and the median is "
        "reached without them (N = 16, all weights, reinforce, 2 runs).",
        "bits", True,
    )  # fmt: skip


def test_five_share_a_sentence_that_names_the_medians_that_are_not_reached() -> None:
    cells = [condition(f"c{place}") for place in range(6)]
    medians = {cell.label: {"known": median(inf if cell.label in ("c1", "c4") else 40)} for cell in cells}
    medians["c5"] = {"known": median(40, happened=4)}
    (found,) = cautions.censored(study_of(*cells, medians=medians))
    assert found.text == (
        "In 5 of 6 conditions some runs did not know 0.9 of the bits when they ended; they are kept as censored; the "
        "medians of c1 and c4 are not reached."
    )
    assert (found.about, found.is_warning) == ("bits", True)
    (found,) = cautions.censored(study_of(*cells[:5]))
    assert found.text.endswith("they are kept as censored.")


def test_a_reward_that_tells_too_little_has_its_own_sentence_beside_the_others() -> None:
    cells = [condition(f"c{place}") for place in range(6)]
    found = list(cautions.censored(study_of(*cells, identifiable={"c2": 3.5, "c3": 3.7})))
    assert len(found) == 2 and found[1].text.startswith("In 5 of 6 conditions")
    assert "C2: 1 of 4 runs" in found[0].text
    assert ", and its reward tells at most 3.5 of the 4 bits apart (" in found[0].text


def test_what_all_runs_knew_or_a_control_is_not_warned_of_and_sizes_belong_to_growth() -> None:
    control, fine = condition("coin", reward_type="random"), condition("fine")
    assert list(cautions.censored(study_of(control))) == []
    assert list(cautions.censored(study_of(fine, medians={"fine": {"known": median(4, happened=4)}}))) == []
    assert list(cautions.censored(study_of(fine, medians={"fine": {}}))) == []
    two = study_of(condition("a"), condition("b", N=64))
    assert {one.about for one in cautions.censored(two)} == {"scaling"}
    never = study_of(fine, medians={"fine": {"known": median(inf)}})
    assert "; its median is not reached (" in next(cautions.censored(never)).text


# --- other warnings -------------------------------------------------------------------------------


@pytest.mark.parametrize(("secrets", "warned"), [([200, 99], True), ([100, 300], False), ([1], True)])
def test_fewer_than_a_hundred_secrets_at_any_N_are_warned_of(secrets: list[int], warned: bool) -> None:
    few = SimpleNamespace(secrets=secrets)
    for what in ("known", "found"):
        study = study_of(condition("a"), scalings={"a": {what: few}})
        found = list(cautions.secrets(study))
        assert len(found) == warned
        assert not warned or found[0].text.startswith(f"A: {min(secrets)} secret")
    assert list(cautions.secrets(study_of(condition("a"), scalings={"a": {"settled": few}}))) == []
    for reward, there in (("noisy_binary", warned), ("log_distance", False)):
        study = study_of(condition("a", reward_type=reward), scalings={"a": {"known": few}})
        assert bool(list(cautions.secrets(study))) == there


def test_an_exponent_of_knowing_stands_before_one_of_finding() -> None:
    scalings = {"a": {"found": SimpleNamespace(secrets=[200]), "known": SimpleNamespace(secrets=[7])}}
    (found,) = cautions.secrets(study_of(condition("a"), scalings=scalings))
    assert "7 secrets at each N behind the exponent" in found.text and found.is_warning


@pytest.mark.parametrize("shared", [True, False])
def test_learners_that_share_a_secret_with_its_seed_are_warned_of(shared: bool) -> None:
    """The second and the third share one; or the same secrets have other seeds."""
    cells = [
        cell_of(*[run_of(N=16, model_name=f"tiny-{place + 1}M", secret_seed=secret, seed=secret + 10 * seeds)
                  for secret in (place, place + 1)], label=f"m{place}")
        for place, seeds in enumerate((0, 1, 1 if shared else 2))
    ]  # fmt: skip
    found = list(cautions.shared_draws(study_of(*cells)))
    assert len(found) == shared
    if shared:
        assert found[0].text.startswith("The learners of binary at N = 16 share seeds") and found[0].about == "capacity"


def test_runs_that_were_over_early_are_counted_among_all() -> None:
    over = run_of({"p_secret": ([0, 4], [0, 0.95])}, stop_at=0.9)
    (found,) = cautions.ended(study_of(cell_of(over, over, run_of(), label="a"), cell_of(run_of(), label="b")))
    assert found.text.startswith("2 of 4 runs were over as soon as they knew enough (stop_at)") and found.is_warning
    assert list(cautions.ended(study_of(cell_of(run_of(), label="a")))) == []


# --- growth ---------------------------------------------------------------------------------------


def scaled(beta: float) -> Any:
    return SimpleNamespace(beta=beta, exponent=Interval(beta - 0.1, beta + 0.1))


def test_the_first_hit_is_told_apart_from_what_follows_it_at_the_largest_N() -> None:
    small, large = condition("small", series="s"), condition("large", N=1024, series="s")
    medians = {"small": {"settled": median(4)}, "large": {"settled": median(80)}}
    scalings = {"s": {"found": scaled(1.0), "settled": scaled(0.25)}}
    (found,) = growth.discovery(study_of(small, large, medians=medians, scalings=scalings))
    assert found.text.startswith(
        "S: the first hit alone scales as N^1.00 [0.90, 1.10]; from there to 0.9 of the bits at N = 1,024: "
        "80 episodes, which scales as N^0.25 [0.15, 0.35] (N = 16 to 1,024, "
    )
    del scalings["s"]["settled"]
    (found,) = growth.discovery(study_of(small, large, medians=medians, scalings=scalings))
    assert "N = 1,024: 80 episodes (N = 16" in found.text
    assert list(growth.discovery(study_of(small, large, medians={"small": {}, "large": {}}, scalings=scalings))) == []
    assert list(growth.discovery(study_of(small, large, medians=medians, scalings={"s": {}}))) == []


@pytest.mark.parametrize("count", [6, 7])
def test_six_series_are_told_one_by_one_and_seven_by_their_ends(count: int) -> None:
    cells = [condition(f"c{place}") for place in range(count)]
    scalings = {
        f"c{place}": {"known": scaled(1 + place / 10), "found": scaled(1 + place / 10)} for place in range(count)
    }
    medians = {cell.label: {"settled": median(4)} for cell in cells}
    study = study_of(*cells, scalings=scalings, medians=medians)
    asked, many, hits = growth.questions(study), list(growth.many(study)), list(growth.discovery(study))
    assert (len(asked), len(many), len(hits)) == ((6, 0, 6) if count == 6 else (0, 1, 1))
    if count == 7:
        ends = "of 7 series scale as N^1.00 [0.90, 1.10] (c0) to N^1.60 [1.50, 1.70] (c6)"
        assert many[0].text.startswith(f"Episodes to 0.9 of the bits {ends} (")
        assert hits[0].text.startswith(f"The first hit alone: episodes {ends} (")


# --- questions, and the answer ----------------------------------------------------------------------


def test_three_numbers_of_levels_with_two_runs_each_are_a_question() -> None:
    def study(*bins: int, runs: int = 2) -> Any:
        cells = [condition(f"b{bins_}", reward_type="binned_log_distance", reward_bins=bins_) for bins_ in bins] + [
            condition("binary"),
            condition("coin", reward_type="random"),
        ]
        times = {cell.label: {"known": SimpleNamespace(runs=[0] * runs)} for cell in cells}
        return study_of(*cells, times=times, of_size=lambda N: [cell for cell in cells if cell.N == N])

    assert levels.questions(study(8, 4)) == [16] and levels.questions(study(8)) == []
    assert levels.questions(study(8, 8)) == [] and levels.questions(study(8, 4, runs=1)) == []
    assert [cell.label for cell in levels.graded_cells(study(8, 4), 16)] == ["binary", "b4", "b8"]


def test_two_learners_with_two_times_each_are_a_question_and_what_is_not_measured_is_left_out() -> None:
    cells = [condition(f"m{place}", model_name=f"tiny-{place + 1}M") for place in range(3)]
    medians = {"m0": {"known": 1, "found": 1}, "m1": {"known": 1, "found": 1}, "m2": {"known": 1}}

    def asked(count: int) -> list[tuple[str, list[str]]]:
        times = {cell.label: dict.fromkeys(learners.PARTS, SimpleNamespace(runs=[0] * count)) for cell in cells}
        found = learners.questions(study_of(*cells, medians=medians, times=times))
        return [(one.what, [cell.label for cell in one.cells]) for one in found]

    assert asked(2) == [("found", ["m0", "m1"]), ("known", ["m0", "m1", "m2"])] and asked(1) == []


def test_the_chance_to_be_wrong_is_shared_by_all_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = study_of(condition("a"), scalings={}, gathered=None)
    monkeypatch.setattr("straw.report.study.verdicts.PARTS", (growth.SCALING, outcomes.COINS))
    assert level_of(nothing) == 0.05
    coins = [condition(f"coin {place}", reward_type="random") for place in range(3)]
    assert level_of(study_of(*coins, scalings={"a": {"known": 1}})) == pytest.approx(0.05 / 4)


def test_the_answer_comes_first_and_warnings_last(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [Verdict("w", "a", True), Verdict("one", "b"), Verdict("the answer", "c"), Verdict("two", "a")]
    monkeypatch.setattr("straw.report.study.verdicts.PARTS", (lambda study: iter(said),))
    monkeypatch.setattr("straw.report.study.verdicts.answer_of", lambda study, level: said[2])

    class Hashed:
        pass

    found = said_of(Hashed())  # type: ignore[arg-type]
    assert found.answer == said[2] and [one.text for one in found.verdicts] == ["one", "two", "w"]


def test_the_first_kind_of_answer_that_there_is_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: Any = [lambda study, level: None, lambda study, level: "second", lambda study, level: "third"]
    monkeypatch.setattr(answer, "ANSWERS", kinds)
    nobody: Any = None
    assert answer.answer_of(nobody, 0.05) == "second"  # type: ignore[comparison-overlap]


def test_of_a_capacity_what_follows_the_hit_is_asked_first_and_all_of_it_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = ["found", "settled", "known", "settled"]
    monkeypatch.setattr(answer.capacity, "questions", lambda study: [SimpleNamespace(what=what) for what in kinds])
    monkeypatch.setattr(answer.capacity, "capacity", lambda study, one, level: Verdict(f"{one.what}.", "capacity"))
    nobody: Any = None
    assert answer.by_capacity(nobody, 0.05) == Verdict("Settled; settled.", "capacity")
    kinds[:] = ["found", "known"]
    assert answer.by_capacity(nobody, 0.05) == Verdict("Known.", "capacity")
    kinds[:] = ["found"]
    assert answer.by_capacity(nobody, 0.05) is None


# --- the ledger -----------------------------------------------------------------------------------


def law(p: float, value: float = 0.5) -> Law:
    return Law(value=value, p=p, num_secrets=3, episodes=400)


def test_a_law_is_broken_where_any_condition_breaks_it_with_its_part_of_the_chance() -> None:
    """Two conditions, each against what was offered and what was received: a quarter of the level."""
    cells = [condition("a"), condition("b")]
    nobody: Any = None
    fine = {"a": law(1.0), "b": law(0.0126)}
    assert "is kept: the largest mean is 0.5" in ledger.judged(nobody, ledger.Held(cells, fine, fine), 0.05).text
    broken = {"a": law(1.0), "b": law(0.0125, 9.0)}
    found = ledger.judged(nobody, ledger.Held(cells, fine, broken), 0.05)
    assert found.is_warning and "2^(absorbed − received) over secrets" in found.text
    assert "does not hold for b (9 over 3 secrets, after 400 episodes)." in found.text
    both = ledger.judged(nobody, ledger.Held(cells, broken, broken), 0.05)
    assert "2^(absorbed − offered)" in both.text and both.is_warning
