"""Values that were tuned change on purpose, and for the pages that were meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sandbox.needs import reason
from tests.training.resolve.defaults import TABLE, line_of, pages, write_rows

KEPT = dict(line.split(": ", 1) for line in TABLE.read_text().splitlines())


def test_every_page_has_a_line() -> None:
    assert len(KEPT) > 150
    assert {" ".join(words.split()) for words in pages()} == set(KEPT)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rows")
    write_rows(place)
    return place


@pytest.mark.parametrize("words", KEPT)
def test_a_page_that_says_little_gets_what_it_got(words: str, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another default? `python -m tests.training.resolve.defaults` writes the table anew; read the difference."""
    if words.partition(" ")[0] in ("task=code", "task=one_line") and (why := reason()):
        pytest.skip(why)
    monkeypatch.chdir(rows)
    assert line_of(words) == f"{words}: {KEPT[words]}"
