from __future__ import annotations

from pathlib import Path

import pytest

from straw.benchmark.submission import PLAIN, chosen_options, hash_of_ours, submitted
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
