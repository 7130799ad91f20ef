"""Bad data is named by its place, with a way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder, word_problem, write_lines

from straw.errors import DataError
from straw.tasks.word_problems.data_loading import Source, files_of, first_line, splits_of
from straw.tasks.word_problems.fields import question_of

GOOD = json.dumps(word_problem(1)).encode()


def rows(path: Path, split: str = "train") -> list[tuple[str, dict]]:
    return list(Source(path=str(path)).rows(split))


def test_lines_have_their_number_and_blank_ones_count(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n\n   \n" + GOOD)
    assert [place for place, _ in rows(file)] == [f"{file}:1", f"{file}:4"]
    assert rows(file)[0][1] == word_problem(1)


def test_a_line_ends_where_a_file_says_so_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"question": "one\u2028two\x85three"}\n{"question": "b"}\n', encoding="utf-8")
    assert [row["question"] for _, row in rows(file)] == ["one\u2028two\x85three", "b"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"question": "a', "2 is not JSON: Unterminated string starting at character 14"),
        (b"{'question': 1}", "2 is not JSON: Expecting property name"),
        (b"[1, 2]", "2 is to be an object with named fields, got list"),
        (b'"text"', "2 is to be an object with named fields, got str"),
        (b'{"question": "\xff"}', "2 is not UTF-8 \\(byte 15\\)"),
        (
            b'{"question": "a", "answer": "1", "question": "b"}',
            "2 is not JSON that can be used: the field 'question' is",
        ),
        (b"[" * 100_000, "2 is not JSON that can be used"),
        (b'{"answer": ' + b"9" * 5000 + b"}", "2 is not JSON that can be used"),
        (GOOD + GOOD, "2 is not JSON: Extra data"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any, fault: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD)
    with pytest.raises(DataError, match=rf"bad\.jsonl:{fault}") as caught:
        rows(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.json"])
def test_an_empty_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("" if name.endswith("l") else "[]")
    with pytest.raises(DataError, match=rf"{name} has no row for the split 'train': it is empty"):
        rows(tmp_path / name)


def test_a_list_of_objects_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps([{"a": 1}, {"a": 2}]))
    assert rows(tmp_path) == [(f"{tmp_path}/train.json:1", {"a": 1}), (f"{tmp_path}/train.json:2", {"a": 2})]
    (tmp_path / "train.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"train\.json is to hold a list of objects, got dict"):
        rows(tmp_path)


def test_parquet_is_read_by_row(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([{"question": "a", "choices": ["x", "y"]}, {"question": "b", "choices": []}])
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    assert [(place[-2:], row["question"], row["choices"]) for place, row in rows(tmp_path)] == [
        (":1", "a", ["x", "y"]),
        (":2", "b", []),
    ]
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"bad\.parquet:1 is not parquet"):
        rows(tmp_path / "bad.parquet")


def test_a_folder_has_a_file_or_a_folder_for_each_split(tmp_path: Path) -> None:
    write_lines(tmp_path / "main" / "train-00000-of-00002.jsonl", [{"a": 1}])
    write_lines(tmp_path / "main" / "train-00001-of-00002.jsonl", [{"a": 2}])
    write_lines(tmp_path / "test" / "part.jsonl", [{"a": 3}])
    assert [row["a"] for _, row in rows(tmp_path)] == [1, 2]
    assert [row["a"] for _, row in rows(tmp_path, "test")] == [3]


def test_an_unknown_split_is_told_the_known_ones(tmp_path: Path) -> None:
    gsm8k_folder(tmp_path)
    with pytest.raises(
        DataError, match=r"there is no split 'tests' in .*: did you mean 'test'\. Write train_split and"
    ):
        rows(tmp_path, "tests")
    with pytest.raises(DataError, match=r"there is no split 'x' in .*: known: test, train"):
        rows(tmp_path, "x")


def test_a_split_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    for config in ("main", "socratic"):
        write_lines(tmp_path / config / "train.jsonl", [{"a": 1}])
    with pytest.raises(DataError, match=r"more than once: main/train\.jsonl, socratic/train\.jsonl\. Name one"):
        rows(tmp_path)


def test_paths_that_lead_nowhere_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*/nothing\. Check path"):
        rows(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no file in it ends in \.jsonl, \.json, \.parquet"):
        rows(tmp_path)
    (tmp_path / "train.xlsx").write_text("a,b")
    with pytest.raises(DataError, match=r"data ends in \.jsonl, \.json, \.parquet, \.csv; got .*train\.xlsx"):
        rows(tmp_path / "train.xlsx")


def test_without_a_hub_the_error_names_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach 'openai/gsm8k' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match=r"openai/gsm8k, split 'train', cannot be had from the hub .* Write path=FILE"):
        list(Source(hub="openai/gsm8k", hub_config="main").rows("train"))


def test_rows_of_the_hub_have_places_too(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.append((a, k)) or [word_problem(1)])
    assert list(Source(hub="a/b", hub_config="main").rows("test")) == [("a/b/test:1", word_problem(1))]
    assert asked == [(("a/b", "main"), {"split": "test"})]


def test_the_parts_of_a_question_are_one_text_without_the_blanks_around_them() -> None:
    row = {"body": "  Ann has 3 apples \n", "more": " She eats one. ", "question": " How many are left? "}
    assert question_of(row, ["body", "more", "question"]) == "Ann has 3 apples. She eats one. How many are left?"


def test_a_source_is_named_by_its_path_or_its_hub_and_its_split_where_it_has_several(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"a": 1}])
    file, folder, hub = Source(path=str(tmp_path / "a.jsonl")), Source(path=str(tmp_path)), Source(hub="a/b")
    assert (file.has_splits, folder.has_splits, hub.has_splits) == (False, True, True)
    assert file.named("train") == str(tmp_path / "a.jsonl") and folder.named("train") == f"{tmp_path} (train)"
    assert hub.named("test") == "a/b (test)" and Source().named("test") == "the rows that were given (test)"
    (tmp_path / "dataset_info.json").write_text("{}")
    assert not folder.has_splits  # one split, saved to disk


def test_rows_of_a_table_stand_at_their_lines_and_have_every_field(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text('\ufeffa,b\n1,"two\nlines"\n3,4\n', encoding="utf-8")
    assert [row for _, row in rows(tmp_path)] == [{"a": "1", "b": "two\nlines"}, {"a": "3", "b": "4"}]
    for bad in ("a,b\n1,2,3\n", "a,b\n1\n"):
        file.write_text(bad)
        with pytest.raises(DataError, match=r"train\.csv:2 has another number of fields than the first line"):
            rows(tmp_path)


def test_a_file_belongs_to_the_split_of_its_name_and_of_its_folder(tmp_path: Path) -> None:
    assert splits_of(tmp_path / "train-00000-of-00002.parquet", tmp_path) == {"train"}
    assert splits_of(tmp_path / "test" / "part.jsonl", tmp_path) == {"test", "part"}


def test_data_that_nobody_named_is_asked_for_and_an_error_without_words_is_its_kind() -> None:
    with pytest.raises(DataError, match="this task has no data of its own: write path=FILE"):
        list(Source().rows("train"))
    assert first_line(ValueError("one.\ntwo")) == "one" and first_line(RecursionError()) == "RecursionError"


def test_data_of_a_folder_are_files_of_a_kind_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "train.md").write_text("about the data\n")  # a file of another kind
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "more.jsonl").mkdir()  # a folder with the name of one
    assert files_of(tmp_path, "train") == [tmp_path / "train.jsonl"]
