"""Questions on two sides, out of rows made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from straw.errors import DataError
from straw.tasks.prompting.gold import Worked
from straw.tasks.word_problems.splits import Question, Questions, held_out, plain, question_at, shown


@dataclass(frozen=True)
class Rows:
    """In place of files: a text of each row by its split."""

    splits: tuple[tuple[str, tuple[str, ...]], ...]
    has_splits: bool = True
    path: str = "rows.jsonl"
    hub: str = ""

    def rows(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, text in enumerate(dict(self.splits)[split], 1):
            yield f"{split} {number}", {"text": text}


def read(row: Mapping[str, Any]) -> tuple[str, Worked]:
    if row["text"].startswith("bad"):
        raise ValueError(f"{row['text']} cannot be asked")
    return row["text"], Worked("5", "because")


def rows(**splits: list[str]) -> Rows:
    return Rows(tuple((name, tuple(texts)) for name, texts in splits.items()))


def questions(source: Rows, eval_source: Rows | None = None, **how: Any) -> Questions:
    told = {"train_split": "train", "eval_split": "test", **how}
    return Questions(source=source, eval_source=eval_source or source, read=read, **told)  # type: ignore[arg-type]


def texts(some: tuple[Question, ...]) -> list[str]:
    return [one.text for one in some]


def test_each_side_has_a_split_of_its_own_and_a_twin_is_left_out_of_training() -> None:
    found = questions(rows(train=["One?", "Two?", "Three?"], test=["two?", "Four?"]))
    assert not found.is_divided and texts(found.asked) == ["two?", "Four?"]
    assert texts(found.trained) == ["One?", "Three?"]
    assert found.remarks == ["left out of training, since they are asked too: train 2 is test 1"]


def test_one_split_is_divided_and_so_is_a_source_without_splits() -> None:
    many = [f"What is {number}?" for number in range(100)]
    for found in (
        questions(rows(train=many), eval_split="train"),
        questions(Rows((("train", tuple(many)), ("test", tuple(many))), has_splits=False)),
    ):
        assert found.is_divided and found.twins == [] and found.remarks == []
        assert texts(found.asked) == [text for text in many if held_out(text, 0.1)] and 3 < len(found.asked) < 25
        assert sorted(texts(found.asked) + texts(found.trained)) == sorted(many)
    elsewhere = questions(rows(train=many), rows(train=["Other?"]), eval_split="train")
    assert not elsewhere.is_divided and texts(elsewhere.asked) == ["Other?"] and len(elsewhere.trained) == 100


def test_without_a_training_split_everything_is_asked() -> None:
    found = questions(rows(test=["One?", "Two?"]), train_split=None)
    assert not found.is_divided and texts(found.asked) == ["One?", "Two?"] and found.twins == []
    with pytest.raises(DataError, match="train_split=none leaves nothing to train on"):
        found.trained  # noqa: B018


def test_a_side_without_a_question_is_refused() -> None:
    source = rows(train=["One?"], test=["one?"])
    with pytest.raises(DataError, match=r"^each of the 1 questions to train on is asked too, .* eval_share holds some"):
        questions(source).trained  # noqa: B018
    with pytest.raises(DataError, match=r"of 1 questions in rows\.jsonl none is trained on, with eval_share=1"):
        questions(rows(train=["One?"]), eval_split="train", eval_share=1).trained  # noqa: B018
    with pytest.raises(DataError, match="none is held out, with eval_share=0"):
        questions(rows(train=["One?"]), eval_split="train", eval_share=0).asked  # noqa: B018


def test_a_limit_keeps_the_first_questions_of_training() -> None:
    assert texts(questions(rows(train=["1?", "2?", "3?"], test=["4?"]), limit=2).trained) == ["1?", "2?"]


def test_a_row_that_cannot_be_asked_is_refused_by_its_place_or_skipped_and_told() -> None:
    source = rows(train=["bad a", "One?", "bad b"], test=["Two?"])
    with pytest.raises(DataError, match=r"train 1: bad a cannot be asked\. Mend or remove it, or write bad_rows=skip"):
        questions(source).trained  # noqa: B018
    skipping = questions(source, skips_bad=True)
    assert texts(skipping.trained) == ["One?"]
    assert skipping.remarks == ["skipped, 2 rows: train 1: bad a cannot be asked; train 3: bad b cannot be asked"]
    with pytest.raises(DataError, match=r"no row of the split 'test' can be asked: test 1: bad c"):
        questions(rows(train=["One?"], test=["bad c"]), skips_bad=True).asked  # noqa: B018


def test_five_lines_are_shown_and_the_others_counted() -> None:
    assert shown(list("abcde"), ", ") == "a, b, c, d, e" and shown(list("abcdefg"), ", ") == "a, b, c, d, e and 2 more"
    assert shown(["a"], ", ") == "a"


def test_a_question_knows_its_row_and_has_a_key_that_does_not() -> None:
    row = {"text": "One?"}
    found = question_at("train 1", row, read)
    assert found == Question("train 1", "One?", "5", "because", row)
    assert found.key == found._replace(place="test 9", solution="", row={}).key and len(found.key) == 16
    assert found.key != found._replace(gold="6").key
    with pytest.raises(DataError, match="train 1: it holds half a character"):
        question_at("train 1", {"text": "\ud800"}, read)


def test_twins_have_one_hash_whatever_their_case_and_blanks() -> None:
    assert plain("  What IS\n it? ") == "what is it?"
    assert held_out("What is it?", 0.5) == held_out(" what  IS it?", 0.5)
    assert held_out("x", 1.0) and not held_out("x", 0.0)
