from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from straw.benchmark.submission import (
    MOST_CODE,
    PLAIN,
    Submission,
    chosen_options,
    hash_of_ours,
    submitted,
    what_is_wrong,
)
from straw.errors import ConfigError

MINE = 'class Mine:\n    knows = "the alphabet"\n    knows_formula = True\n\nraise SystemExit("nobody runs me here")\n'


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_a_file_is_read_and_not_run(mine: Path) -> None:
    found = submitted(f"{mine}:Mine", {})
    assert (found.knows, found.knows_formula, found.title) == ("the alphabet", True, "Mine")
    assert found.code == {str(mine): MINE} and found.ours == ""
    assert submitted(f"{mine}:Other", {}).knows == PLAIN


def test_code_name_and_options_make_the_mark(mine: Path) -> None:
    marks = {submitted(f"{mine}:Mine", {}).mark, submitted(f"{mine}:Other", {}).mark}
    marks |= {submitted(f"{mine}:Mine", {"kl_coef": "0"}).mark}
    before = submitted(f"{mine}:Mine", {}).mark
    mine.write_text(MINE + "\n")
    assert len(marks) == 3 and submitted(f"{mine}:Mine", {}).mark != before
    assert submitted("grpo", {}).mark != submitted("reinforce", {}).mark
    assert submitted("grpo", {}).ours == hash_of_ours()


def test_the_record_is_the_submission(mine: Path) -> None:
    found = submitted(f"{mine}:Mine", {"kl_coef": "0"})
    assert type(found).from_record(found.record()) == found


@pytest.mark.parametrize(
    "word", ["N=8", "group_size=16", "model_name=smollm2", "reward_type=dense", "samples_per_step=8"]
)
def test_the_games_are_not_a_learner_s_to_choose(mine: Path, word: str) -> None:
    for learner in ("grpo", f"{mine}:Mine"):
        with pytest.raises(ConfigError, match="not the learner's to choose"):
            chosen_options(learner, [word])


def test_options_of_the_algorithm_are(mine: Path) -> None:
    assert chosen_options("grpo", ["lr=1e-4", "kl_coef=0"]) == {"kl_coef": "0", "learning_rate": "1e-4"}
    assert chosen_options("surrogate", ["pool=64"]) == {"pool": "64"}
    assert chosen_options(f"{mine}:Mine", ["lr=1e-4", "--depth=3"]) == {"depth": "3", "learning_rate": "1e-4"}
    with pytest.raises(ConfigError, match="one file"):
        chosen_options(f"{mine}:Mine", ["baseline=other.py:f"])
    with pytest.raises(ConfigError, match="key=value"):
        chosen_options(f"{mine}:Mine", ["depth"])


@pytest.mark.parametrize(
    ("learner", "why"),
    [("grpoo", "did you mean 'grpo'"), ("my_lab.learners:Mine", "one file"), ("nowhere.py:Mine", "cannot be read")],
)
def test_what_is_no_learner_is_refused(learner: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        submitted(learner, {})


@pytest.mark.parametrize("text", ["class", "a " * 50_000, "-" * 50_000 + "1"])
def test_a_file_that_is_no_python_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match="no Python"):
        submitted(f"{tmp_path / 'mine.py'}:Mine", {})


@pytest.mark.parametrize(
    ("body", "why"), [(b"# caf\xe9\nclass Mine: ...\n", "UTF-8"), (b"#" * (MOST_CODE + 1), "at most 1,048,576 bytes")]
)
def test_a_file_that_no_entry_could_hold_is_refused_before_it_plays(body: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_bytes(body)
    with pytest.raises(ConfigError, match=why):
        submitted(f"{tmp_path / 'mine.py'}:Mine", {})


def test_a_mark_of_byte_order_is_no_fault_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_bytes(b"\xef\xbb\xbf" + MINE.encode())
    assert submitted(f"{tmp_path / 'mine.py'}:Mine", {}).knows == "the alphabet"


def test_rows_that_read_the_highest_pay_say_so() -> None:
    told = {name: submitted(name, {}).knows for name in ("surrogate", "regress", "optimistic", "grpo")}
    assert [name for name, knows in told.items() if "how much full reward is" in knows] == [*told][:3]


def test_what_bench_wrote_has_nothing_wrong(mine: Path) -> None:
    for found in (submitted(f"{mine}:Mine", {"kl_coef": "0"}), submitted("surrogate", {"pool": "64"})):
        assert what_is_wrong(found) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"knows_formula": False}, "otherwise in its code"),
        ({"knows": "nothing at all"}, "otherwise in its code"),
        ({"code": {}}, "the code of mine.py is not in it alone"),
        ({"code": {"other.py": MINE}}, "the code of mine.py is not in it alone"),
        ({"code": {"mine.py": MINE, "more.py": ""}}, "the code of mine.py is not in it alone"),
        ({"code": {"mine.py": "class"}}, "no Python"),
        ({"options": {"N": 2}}, "not the learner's to choose"),
        ({"options": {"group_size": "64"}}, "not the learner's to choose"),
        ({"options": {"loss_fn": "other.py:f"}}, "one file"),
        ({"learner": "my_lab.learners:Mine", "code": {}}, "one file"),
        ({"learner": "grpoo", "code": {}}, "did you mean 'grpo'"),
        ({"learner": "grpo"}, "needs no code"),
        ({"learner": "grpo", "code": {}, "knows": PLAIN, "knows_formula": False}, "hash of straw's code is not in it"),
    ],
)
def test_what_bench_would_not_have_written_is_told(change: dict[str, Any], why: str) -> None:
    whole = Submission(learner="mine.py:Mine", code={"mine.py": MINE}, knows="the alphabet", knows_formula=True)
    assert why in what_is_wrong(replace(whole, **change))
