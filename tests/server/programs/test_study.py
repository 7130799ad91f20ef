"""The secret-game study's train.py, as it is, with all its defaults: its checkpoints are folders of ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.programs.others import Desk, desk, folder_of
from tests.server.running import program

pytestmark = pytest.mark.slow
THEIRS = "tinker://61ffdf2c-c9ae-52f1-8b0a-d5757c68bee8:train:0/weights/final"  # the default of train.py
FIRST = Path(__file__).parents[3] / "examples" / "tinker_first.py"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("study")) as made:
        yield made


def its_python() -> str:
    return os.environ.get("STRAW_STUDY_PYTHON", sys.executable)


def known_as_theirs(one: Desk) -> None:
    """A checkpoint of ours takes the place of theirs: the server is started again with an alias."""
    path = program(one.server, FIRST, "tiny-1M").removeprefix("tinker://")
    folder = one.server.folder / "checkpoints" / path
    assert one.server.end() == 0
    one.server.words = (*one.server.words, "checkpoint", f"{THEIRS}={folder}")
    one.server.begin()


def test_a_checkpoint_of_the_service_that_nobody_aliased_is_told_with_the_way_out(one: Desk) -> None:
    found = one.run(
        its_python(), "train.py", f"log_path={one.folder / 'none'}", cwd=folder_of("STRAW_STUDY"), ends=False
    )
    assert found.returncode and THEIRS in found.stderr and "checkpoint PATH=FOLDER" in found.stderr


@pytest.mark.parametrize("kind", ["single_step", "multi_step"])
def test_it_starts_and_steps_with_all_its_defaults(one: Desk, kind: str) -> None:
    """1,000 batches are too many here: it is stopped once it has stepped."""
    if "checkpoint" not in one.server.words:
        known_as_theirs(one)
    words = ["train.py", f"env_type={kind}", f"log_path={one.folder / kind}"]
    one.steps(its_python(), *words, cwd=folder_of("STRAW_STUDY"), num_steps=2, name=kind)
