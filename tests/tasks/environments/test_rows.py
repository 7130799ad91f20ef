"""Rows that episodes begin with: which are trained on, in which order, and what they ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from straw.errors import DataError
from straw.seeds import uniform_for
from straw.tasks.environments.rows import EMPTY, Rows, asked_in, key_of, rows_of, text_of
from straw.types import Message


def data_at(path: Path, count: int, first: int = 0) -> str:
    path.write_text("\n".join(json.dumps({"prompt": f"at {number}"}) for number in range(first, first + count)))
    return str(path)


def test_a_tenth_is_held_out_by_a_hash_of_its_text(tmp_path: Path) -> None:
    trained, asked = Rows(path=data_at(tmp_path / "a.jsonl", 400)).sides
    assert len(trained) + len(asked) == 400 and 25 < len(asked) < 60
    assert all(uniform_for("environment rows", text_of(row)) < 0.1 for row in asked)
    assert all(uniform_for("environment rows", text_of(row)) >= 0.1 for row in trained)


def test_held_out_rows_of_a_file_of_their_own_take_none_away(tmp_path: Path) -> None:
    path, other = data_at(tmp_path / "a.jsonl", 30), data_at(tmp_path / "b.jsonl", 4, first=100)
    rows = Rows(path=path, eval_path=other, limit=20)
    assert (rows.num_trained, len(rows.sides[1])) == (20, 4)
    assert [rows.asked(index)["prompt"] for index in range(5)] == ["at 100", "at 101", "at 102", "at 103", "at 100"]
    assert Rows(path=path, eval_path=other).num_trained == 30


def test_a_limit_counts_rows_that_are_trained_on(tmp_path: Path) -> None:
    path = data_at(tmp_path / "a.jsonl", 400)
    assert Rows(path=path, limit=50).num_trained == 50
    assert Rows(path=path, limit=50).sides[1] == Rows(path=path).sides[1]


def test_rows_that_are_all_alike_are_trained_on_and_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "go"}\n' * 5)
    trained, asked = Rows(path=str(path), limit=3).sides
    assert (len(trained), len(asked)) == (3, 5)


def test_every_pass_has_every_row_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    rows = Rows(path=data_at(tmp_path / "a.jsonl", 40), eval_path=data_at(tmp_path / "b.jsonl", 1), seed=5)
    passes = [[str(rows.trained(turn * 40 + place)["prompt"]) for place in range(40)] for turn in range(3)]
    assert all(sorted(one) == sorted(passes[0]) for one in passes) and len({tuple(one) for one in passes}) == 3
    other = Rows(path=rows.path, eval_path=rows.eval_path, seed=6)
    assert [str(other.trained(place)["prompt"]) for place in range(40)] != passes[0]


def test_without_data_there_is_one_empty_row_and_problems_never_end() -> None:
    rows = Rows()
    assert rows.num_trained is None and rows.trained(7) is EMPTY and rows.asked(3) is EMPTY
    assert key_of("game", EMPTY) == "game"


def test_a_row_is_known_by_all_that_it_says() -> None:
    assert key_of("game", {"a": 1, "b": 2}) == key_of("game", {"b": 2, "a": 1}) != key_of("game", {"a": 1, "b": 3})
    assert len(key_of("game", {"a": 1})) == len("game-") + 12
    assert text_of({"ü": "é", "a": 1}) == '{"a": 1, "ü": "é"}'  # by its hash a row is held out, or not


def test_a_prompt_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "go"}\n{"prompt": 7}\n')
    with pytest.raises(
        DataError, match=r"a.jsonl:2: a prompt is a text or a list of messages, got 7. Mend or remove it"
    ):
        _ = Rows(path=str(path)).read


def test_a_row_without_a_prompt_asks_nothing() -> None:
    assert asked_in({"level": 3}) == (Message("user", ""),)
    assert asked_in({"prompt": "go"}) == (Message("user", "go"),)


def test_half_of_a_character_in_a_row_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n{"prompt": "b", "names": ["\\ud800"]}\n')
    with pytest.raises(DataError, match=r"rows.jsonl:2: a text of it has half of a character"):
        rows_of(str(tmp_path / "rows.jsonl"), "train")
