"""A run folder whose lines a stranger changed goes on or is refused in a line; it never falls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.small_runs import Listener, small_page
from tests.training.test_session import WORDS, Falling

from straw.errors import RunError
from straw.training.session import resume_run, run_page


@pytest.fixture
def cut(home: Path, tmp_path: Path) -> Path:
    """Fallen over at step 5, with a checkpoint behind it."""
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'cut'}", WORDS), Falling(5))
    return tmp_path / "cut"


@pytest.mark.parametrize("step", ['"a"', "[1]", "null", "-1", "{}", "1.5"])
def test_a_step_that_is_none_may_stand_for_a_day_and_nothing_begins_again_over_it(cut: Path, step: str) -> None:
    shutil.rmtree(cut / "checkpoints")
    (cut / "checkpoints.jsonl").write_text("")
    (cut / "events.jsonl").write_text("{}\n")  # which says nothing of itself
    (cut / "metrics.jsonl").write_text(f'{{"step":{step}}}\n')
    with pytest.raises(RunError, match="has a step, and one has none: restore it"):
        resume_run(cut, Listener())


def test_a_first_row_that_somebody_changed_ends_no_run_that_went_on(cut: Path) -> None:
    lines = (cut / "metrics.jsonl").read_text().splitlines(keepends=True)
    lines[0] = "{" + " " * (len(lines[0]) - 3) + "}\n"
    (cut / "metrics.jsonl").write_text("".join(lines))
    assert resume_run(cut, Listener()).is_done
