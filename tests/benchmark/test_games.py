from __future__ import annotations

from dataclasses import replace
from math import log2
from pathlib import Path

import pytest

from straw.benchmark import games
from straw.benchmark.draws import Draw
from straw.benchmark.games import CHANNELS, FORMS, ORDERED, SPELLINGS, WORDS, Cell, cells_of, table_mark
from straw.benchmark.play import options_here, options_there
from straw.benchmark.reference import reference_of
from straw.benchmark.submission import submitted
from straw.config import load_page
from straw.errors import ConfigError


def test_the_forms_are_what_they_are_said_to_be() -> None:
    short, broad, words, full = (FORMS[name] for name in ("short", "broad", "words", "full"))
    assert [(cell.channel, cell.N, cell.spelling, cell.secrets) for cell in short] == [
        ("binary", 64, "digits", 8), ("bins8", 64, "digits", 8), ("distance", 64, "digits", 8),
    ]  # fmt: skip
    assert len(full) == 57 and {cell.secrets for cell in full} == {32} and {cell.N for cell in full} == {64, 256, 1024}
    assert {cell.channel for cell in full} == set(CHANNELS) and {cell.spelling for cell in full} == set(SPELLINGS)
    alike = {(cell.name, cell.most_episodes) for cell in full}
    assert {(cell.name, cell.most_episodes) for cell in (*broad, *words)} <= alike and len(broad) == 46
    assert {cell.secrets for cell in broad} == {2} and {cell.secrets for cell in words} == {8}
    assert {(cell.channel, cell.N, cell.spelling) for cell in words} == {
        ("words", N, spelling) for N in (64,) for spelling in ("digits", "one_token", "three_digits")
    }
    for form in FORMS.values():
        assert len({cell.name for cell in form}) == len(form)
        assert all(cell.most_episodes % games.GROUP == 0 and cell.words for cell in form)
    assert {*CHANNELS, *SPELLINGS} == set(WORDS)


@pytest.mark.parametrize("cell", dict.fromkeys([*FORMS["full"], *FORMS["smollm2"]]), ids=lambda cell: cell.name)
def test_every_cell_is_a_page_on_both_sides_of_the_wall_that_differs_in_the_secret_alone(cell: Cell) -> None:
    draw, grpo = Draw(cell, 3, "mark", "salt"), submitted("grpo", {})
    here, there = load_page(None, options_here(draw)).page, load_page(None, options_there(draw, grpo)).page
    assert (here.task.fixed_secret, there.task.fixed_secret) == (draw.secret, None)  # type: ignore[attr-defined]
    assert there.task.secret_seed == 0  # type: ignore[attr-defined]
    assert replace(here.task, fixed_secret=None, secret_seed=0) == there.task  # type: ignore[call-arg]
    assert (here.model, here.reward, here.sampling, here.warmup) == (
        there.model,
        there.reward,
        there.sampling,
        there.warmup,
    )
    assert here.run.seed == there.run.seed and here.algorithm.group_size == there.algorithm.group_size == games.GROUP
    assert there.algorithm.algorithm == "grpo" and cell.enough_bits == 0.9 * log2(cell.N)


def test_entries_of_old_forms_stand() -> None:
    assert table_mark("short").startswith("3e35747d92f823b0") and table_mark("smollm2").startswith("d456aa14")


def test_what_a_game_of_words_says_is_about_numbers_that_are_spelled_as_they_are() -> None:
    """Higher and lower of a permuted number would be read as if they were said of another."""
    assert "permuted" not in ORDERED.split() and {*ORDERED.split()} < {*SPELLINGS}


def test_every_cell_of_the_broad_form_can_be_known_within_its_cap(home: Path) -> None:
    """Of few runs at a cap below the observer's median nothing could be told."""
    medians = (reference_of(replace(cell, secrets=8)) for cell in FORMS["broad"])
    assert all(median < cell.most_episodes for median, cell in zip(medians, FORMS["broad"], strict=True))


def test_another_table_has_another_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    before = table_mark("short")
    assert before == table_mark("short") and before != table_mark("full")
    changed = (replace(FORMS["short"][0], most_episodes=260), *FORMS["short"][1:])
    monkeypatch.setitem(games.FORMS, "short", changed)  # type: ignore[arg-type]
    assert table_mark("short") != before


def test_a_form_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'short'"):
        cells_of("shrt")
