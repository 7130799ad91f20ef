"""One study for these tests: two rewards, one of a stranger whose every word is an attack."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_studies import make_accuracy_run, make_study

from straw.report.figures.all import figures_of
from straw.report.figures.drawing.figure import Figure
from straw.report.study.analysis import Study, studied
from straw.report.study.load_runs import gathered

HOSTILE = "](http://evil) <img src=x> `a` $x$ | *b* @c www.evil.com \u202e\u4e2d # \\ ) Tj"


@pytest.fixture(autouse=True)
def own_cache(home: Path) -> None:
    """Observers are kept where the tests are."""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Study:
    folder = tmp_path_factory.mktemp("study")
    make_study(folder, {16: [30, 40, 50, 60, 70, 80, 90]}, cap=300, question=f"Does {HOSTILE}?")
    make_accuracy_run(folder / HOSTILE.replace("/", ":"), 0.5, question=f"Does {HOSTILE}?")
    (folder / "binary-N-16-6" / "config.toml").write_text("x =")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        return studied(gathered([folder]))


@pytest.fixture(scope="session")
def figures(study: Study) -> list[Figure]:
    return figures_of(study)
