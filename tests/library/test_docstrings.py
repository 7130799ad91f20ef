"""The public names are documented, typed, and their examples run as they are written."""

from __future__ import annotations

import doctest
import inspect
import pathlib
from pathlib import Path

import pytest

import straw

EXAMPLES = [test for name in straw.__all__ for test in doctest.DocTestFinder().find(getattr(straw, name), name)]
WITH_EXAMPLES = {test.name.partition(".")[0] for test in EXAMPLES if test.examples}


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.examples], ids=lambda one: one.name)
def test_an_example_says_what_comes_out(
    example: doctest.DocTest, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example.globs.update(straw=straw, pathlib=pathlib)
    assert doctest.DocTestRunner().run(example).failed == 0


def test_every_public_name_is_explained_and_most_by_an_example() -> None:
    for name in straw.__all__:
        assert inspect.getdoc(getattr(straw, name)), name
    errors = {name for name in straw.__all__ if name.endswith("Error")}
    assert {*straw.__all__} - errors - WITH_EXAMPLES == {"Engine", "Sweep"}  # which `engine` and `sweep` show


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(straw.__file__).parent / "py.typed").is_file()
