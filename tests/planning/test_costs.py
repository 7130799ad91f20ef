"""Costs: kept as JSON, said over, and refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.planning.made_costs import costs

from straw.errors import ConfigError
from straw.planning.costs import HELP, NEEDED, TILE, costs_from, read_costs, write_costs


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    file, made = tmp_path / "c.json", costs(row_s=1.5e-5, replies=((3, 4), (5,)), about={"model": "tiny-1M"})
    file.write_text(write_costs(made))
    assert read_costs(file) == made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is JSON"),
        ("[1]", "no calibration"),
        ('{"token_s": 1}', "no calibration"),
        ('{"format": "straw calibration 1", "token_s": 1}', "missing"),
        ('{"format": "straw calibration 1", "tokens_s": 1}', "did you mean 'token_s'"),
        ('{"format": "straw calibration 1", "token_s": "x", "train_s": 1, "replies": [[1]]}', "token_s is a number"),
        ('{"format": "straw calibration 1", "token_s": -1, "train_s": 1, "replies": [[1]]}', "from 0 on"),
        ('{"format": "straw calibration 1", "token_s": 1, "train_s": 1, "replies": []}', "how long replies are"),
        ('{"format": "straw calibration 1", "token_s": 1, "train_s": 1, "replies": [[0]]}', "how long replies are"),
        ('{"format": "straw calibration 1", "token_s": NaN, "train_s": 1, "replies": [[1]]}', "is a number"),
    ],
)
def test_what_is_no_calibration_is_refused_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words) as error:
        read_costs(file)
    assert "\n" not in str(error.value)


def test_a_calibration_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--measure calibration=FILE"):
        read_costs(tmp_path / "none.json")
    with pytest.raises(ConfigError, match=r"token_s, reply_tokens cannot be left out"):
        costs_from(None, {"train_s": 1.0}, None)


def test_figures_win_over_what_was_measured() -> None:
    made = costs_from(costs(), {"token_s": 0.5}, 64.0)
    assert made == replace(costs(), token_s=0.5, replies=((64,),))
    alone = costs_from(None, {"token_s": 0.5, "train_s": 1.0}, 8.0)
    assert (alone.token_s, alone.mean_tokens, alone.crowding) == (0.5, 8.0, 1.0)


def test_a_figure_without_a_default_has_to_be_there() -> None:
    assert NEEDED == ("token_s", "train_s")
    assert all(len(text) < 80 for text in HELP.values())


def test_what_a_piece_of_work_costs() -> None:
    made = costs(call_s=1.0, prompt_s=2.0, token_s=3.0, row_s=4.0)
    assert made.decoding(5, 6, 7) == 1 + 10 + 18 + 28
    assert made.scaled(("call_s", "row_s"), 0.5).decoding(5, 6, 7) == 0.5 + 10 + 18 + 14


def test_few_rows_cost_what_a_tile_costs_as_the_engine_has_it() -> None:
    from straw.engines.local.forward.attention import ROW_TILE

    assert TILE == ROW_TILE


def test_a_calibration_is_for_people_to_read() -> None:
    found = json.loads(write_costs(costs()))
    assert found["token_s"] == 0.1 and found["format"].startswith("straw")
