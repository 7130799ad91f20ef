"""Entries that are not what they say: forged, edited, left early, short of runs, or made for their own secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.benchmark.small_games import learner, quick, small_cell, small_form

from straw.benchmark.bench import bench
from straw.benchmark.check import RARE, Finding, chance_of, check, compared, read_over, together
from straw.benchmark.entry import Entry, read_entry
from straw.benchmark.play import Played
from straw.benchmark.submission import Submission
from straw.benchmark.wall.opening import in_the_open
from straw.errors import ConfigError

SALT = "0123456789abcdef"
CELL = small_cell("bins8", secrets=2, most=32)


def run(number: int = 0, episodes: int = 8, known: bool = True, **more: Any) -> Played:
    bits = ((0, 0.0), (episodes, 2.9 if known else 1.0))
    facts = {
        "updates": 3, "unpaid_draws": 40, "cpu_s": 0.2, "start": "a" * 16, "rollouts": "b" * 64, "bits": bits, **more
    }  # fmt: skip
    return Played(number=number, episodes=episodes, known=known, **facts)


def made_up(patch: pytest.MonkeyPatch, *runs: Played, submission: Submission | None = None) -> Entry:
    """An entry as somebody might write it, with the scores that its runs would have."""
    form = small_form(patch, CELL)
    entry = Entry.begun(form, submission or quick())
    entry.runs[CELL.name] = [*runs]
    entry.scores, entry.total = entry.scored()
    return entry


def refused(found: list[Finding]) -> str:
    return "; ".join(one.text for one in found if one.refuses)


@pytest.fixture
def no_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong on paper is refused before anything is run for it."""

    def play(*_: Any) -> None:
        raise AssertionError("nothing of it is to be run")

    monkeypatch.setattr("straw.benchmark.check.one_by_one", play)


def test_an_entry_that_is_right_on_paper_has_nothing_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = made_up(monkeypatch, run(0), run(1, 32, known=False))
    assert [*read_over(entry)] == []


EDITS: dict[str, tuple[Callable[[Entry], Any], str]] = {
    "a score": (lambda entry: entry.scores[CELL.name].update(median=4.0), "not that of its runs"),
    "the total": (lambda entry: setattr(entry, "total", {"ratio": 1.0, "at_least": False}), "file says otherwise"),
    "fewer runs": (lambda entry: entry.runs[CELL.name].pop(), "there are 1"),
    "one run twice": (lambda entry: entry.runs[CELL.name].__setitem__(1, run(0)), "each with its secret"),
    "no cell": (lambda entry: entry.runs.clear(), "cells are missing"),
    "another cell": (lambda entry: entry.runs.update({"easy-N2": [run(0)]}), "has no cells easy-N2"),
    "left early": (lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, 8, known=False)), "left after 8 episodes"),
    "no whole groups": (lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, 7)), "no count of groups"),
    "over the cap": (lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, 64)), "no count of groups"),
    "its curve": (
        lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, bits=((0, 0.0), (8, 1.0)))), "does not end where",
    ),
    "more bits than there are": (
        lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, bits=((0, 0.0), (8, 3.1)))), "more than its 3 bits",
    ),
    "a way that had been at its end": (
        lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, bits=((0, 0.0), (4, 2.9), (8, 2.9)))),
        "over before the end",
    ),
    "failed and known": (
        lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, failed="no idea")), "failed, and came to know",
    ),
    "time that was given back": (
        lambda entry: entry.runs[CELL.name].__setitem__(1, run(1, cpu_s=-40.0)), "less than no time",
    ),
    "what it knows": (
        lambda entry: setattr(entry, "submission", replace(entry.submission, knows="nothing")), "otherwise in its code",
    ),
    "a game's option": (
        lambda entry: setattr(entry, "submission", replace(entry.submission, options={"N": 2})), "learner's to choose",
    ),
    "other games": (lambda entry: setattr(entry, "table", "c" * 64), "other games"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_file_is_refused_without_playing(
    home: Path, monkeypatch: pytest.MonkeyPatch, no_plays: None, edit: str
) -> None:
    entry = made_up(monkeypatch, run(0), run(1))
    change, why = EDITS[edit]
    change(entry)
    assert why in refused(check(entry, lambda line: None, salt=SALT))


@pytest.mark.parametrize("what", [{"rollouts": "c" * 64}, {"updates": 2}, {"unpaid_draws": 0}, {"episodes": 12}])
def test_a_run_that_comes_out_otherwise_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: dict[str, Any]
) -> None:
    """Forged: somebody wrote better runs by hand, consistent in every number."""
    entry = made_up(monkeypatch, run(0), run(1))
    monkeypatch.setattr("straw.benchmark.check.one_by_one", lambda draws, *_: [run(d.number, **what) for d in draws])
    found = check(entry, lambda line: None, salt=SALT, replays=2)
    assert "does not replay" in refused(found) and next(iter(what)) in refused(found)


@pytest.mark.slow
def test_forged_runs_do_not_replay(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = made_up(monkeypatch, run(0, 4), run(1, 4))
    found = check(entry, lambda line: None, salt=SALT, replays=1)
    assert "does not replay" in refused(found) and "rollouts" in refused(found)


@pytest.mark.slow
def test_an_honest_entry_replays_and_stands_with_secrets_that_nobody_knew(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = small_form(monkeypatch, CELL)
    bench(form, quick(), tmp_path / "mine.json", lambda line: None)
    entry = read_entry(tmp_path / "mine.json")
    assert entry.is_whole and all(one.known for one in entry.runs[CELL.name])
    found = check(entry, lambda line: None, salt=SALT, replays=2, salted=3)
    assert refused(found) == "" and "2 of 2 runs replay bit for bit" in [one.text for one in found]
    one = entry.runs[CELL.name][0]
    entry.runs[CELL.name][0] = replace(one, rollouts="0" * 64)
    assert "other rollouts" in refused(check(entry, lambda line: None, salt=SALT, replays=2, salted=0))
    elsewhere = replace(one, rollouts="0" * 64)
    entry.runs[CELL.name][0], entry.machine = elsewhere, {**entry.machine, "processor": "another one"}
    told = check(entry, lambda line: None, salt=SALT, replays=2, salted=0)
    assert refused(told) == "" and any("bits cannot be judged" in one.text for one in told)


@pytest.mark.slow
def test_a_learner_that_works_out_its_secrets_is_found_out_by_the_salt(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replays bit for bit, since it is a function of its code; only what nobody could know tells."""
    form = small_form(monkeypatch, replace(CELL, secrets=6))
    cheat = learner(tmp_path, "Computes")
    entry = bench(form, cheat, tmp_path / "cheat.json", lambda line: None)
    assert [one.known for one in entry.runs[CELL.name]] == [True] * 6
    entry.scores, entry.total = entry.scored()
    monkeypatch.setattr("straw.outside.said", set())
    with pytest.raises(ConfigError, match="trust_code="):
        check(entry, lambda line: None, salt=SALT, open=in_the_open)
    monkeypatch.setattr("straw.outside.check_trust", lambda mark, name: None)
    found = check(entry, lambda line: None, salt=SALT, replays=2, salted=6)
    assert "outside its own interval" in refused(found)
    assert "2 of 2 runs replay bit for bit" in [one.text for one in found]


def test_only_who_is_slower_than_it_says_is_refused() -> None:
    told = [run(number, 4 * (number + 1)) for number in range(8)]  # the 1st to the 7th: 4 to 28
    same = compared(CELL, told, [run(number, 28) for number in range(8)])
    slower = compared(CELL, told, [run(number, 32) for number in range(8)])
    faster = compared(CELL, told, [run(number, 4) for number in range(8)])
    lost = compared(CELL, told, [run(number, 32, known=False) for number in range(8)])
    assert [one.refuses for one in (same, slower, faster, lost)] == [False, True, False, True]


def test_one_that_knew_some_of_its_secrets_is_found_over_all_cells_together() -> None:
    """Each cell alone may be luck: 5 of 8 secrets were known, the others are like the salted ones."""
    honest = [run(number, 4 * (10 + number)) for number in range(8)]
    partly = [run(number, 4 if number < 5 else 4 * (8 + number)) for number in range(8)]
    assert not compared(CELL, partly, honest).refuses
    assert [together([(partly, honest)] * cells).refuses for cells in (1, 3)] == [False, True]
    assert chance_of([(honest, honest)] * 3) == pytest.approx(0.5, abs=0.05)


def test_where_a_game_has_two_secrets_one_game_refuses_nobody_and_three_find_who_knew_them() -> None:
    """Two honest runs are faster than eight others once in 45: luck, in one of so many games."""
    told, salted = [run(0, 4), run(1, 8)], [run(number, 40) for number in range(8)]
    assert not compared(CELL, told, salted).refuses
    assert chance_of([(told, salted)]) == pytest.approx(1 / 45, abs=0.005)
    assert [together([(told, salted)] * cells).refuses for cells in (1, 3)] == [False, True]


def test_the_chance_is_that_of_scipy_where_there_is_one_cell_without_ties() -> None:
    from scipy.stats import mannwhitneyu

    told, runs = [run(0, 4), run(1, 12), run(2, 20), run(3, 28)], [run(0, 8), run(1, 24), run(2, 32), run(3, 36)]
    times = [[one.episodes for one in some] for some in (told, runs)]
    exact = mannwhitneyu(*times, alternative="less", method="exact").pvalue
    assert chance_of([(told, runs)]) == pytest.approx(exact, abs=0.01)


def test_honest_entries_are_refused_once_in_a_thousand_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: both sides from the same law, with a cap."""
    chance, refusals = np.random.default_rng(1), 0
    for _ in range(120):
        draws = [[float(one) for one in chance.geometric(1 / 20, 8)] for _ in range(6)]
        some = [[run(n, int(4 * min(t, 64)), known=t <= 64) for n, t in enumerate(row)] for row in draws]
        pairs = [(some[2 * cell], some[2 * cell + 1]) for cell in range(3)]
        refusals += chance_of(pairs, shuffles=1999) < RARE or any(compared(CELL, *pair).refuses for pair in pairs)
    assert refusals <= 2  # of 120, where 0.4 are to be expected; 3 or more happen in 0.7% of such trials


BOARD = Path(__file__).parents[2] / "benchmarks" / "board"


@pytest.mark.parametrize("path", sorted(BOARD.glob("*.json")), ids=lambda path: path.stem)
def test_the_entries_of_the_board_are_whole_and_right_on_paper(home: Path, path: Path) -> None:
    entry = read_entry(path)
    assert entry.is_whole and refused([*read_over(entry)]) == ""
    assert path.stem == f"{entry.submission.learner}-{entry.form}"


def test_the_file_is_the_entry(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = made_up(monkeypatch, run(0), run(1, 32, known=False))
    entry.write(tmp_path / "e.json")
    again = read_entry(tmp_path / "e.json")
    assert (again.runs, again.scores, dict(again.total)) == (entry.runs, entry.scores, dict(entry.total))
    assert again.submission == entry.submission and again.is_of_this_machine
    assert json.loads((tmp_path / "e.json").read_text())["is_whole"]
