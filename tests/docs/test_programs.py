"""Programs on the pages and in the notebook are run: each page's from top to bottom, in a process of its own."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import PAGES, ROOT, blocks
from tests.sandbox.needs import reason

import straw

NOTEBOOK = ROOT / "examples" / "tutorial.ipynb"
IN_PROCESS_S = 900


def programs(page: Path) -> list[str]:
    """What a reader may copy; signatures and files that are shown as they are have tests of their own."""
    return [block for block in blocks(page, "python") if page.name != "api.md" and not block.startswith("--8<--")]


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def notebook_program() -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells("code"))


SOURCES = {page.name: "\n\n".join(programs(page)) for page in PAGES if programs(page)} | {
    NOTEBOOK.name: notebook_program()
}


def missing(source: str) -> list[str]:
    """Names of straw's library that a program uses and this version has not."""
    used = re.findall(r"\bstraw\.([a-z]\w*)", source) if "import straw" in source else []
    return sorted({name for name in used if name not in getattr(straw, "__all__", ())})


@pytest.mark.parametrize("name", SOURCES)
def test_programs_use_names_that_the_library_has(name: str) -> None:
    ast.parse(SOURCES[name])
    if not getattr(straw, "__all__", ()):
        pytest.skip("this version's library has no public names")
    assert missing(SOURCES[name]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_programs_run(name: str, tmp_path: Path, home: Path) -> None:
    if "straw.sandbox" in SOURCES[name] and (why := reason()):
        pytest.skip(why)
    if lacking := missing(SOURCES[name]):
        pytest.skip(f"this version's library has no straw.{', straw.'.join(lacking)}")
    run_program(SOURCES[name], tmp_path)


def run_program(source: str, folder: Path) -> str:
    """In a fresh process, as a reader would."""
    program = folder / "program.py"
    program.write_text(source)
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(Path(straw.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, str(program)], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=IN_PROCESS_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.slow
def test_the_notebook_runs_in_a_kernel(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("nbclient") is None or find_spec("ipykernel") is None:
        pytest.skip("nbclient and ipykernel are not installed; its cells are run by test_programs_run")
    if lacking := missing(notebook_program()):
        pytest.skip(f"this version's library has no straw.{', straw.'.join(lacking)}")
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(Path(straw.__file__).parents[1]))
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(book, timeout=IN_PROCESS_S, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in book.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)


def test_the_notebook_was_cleared_and_every_cell_has_a_number() -> None:
    book = json.loads(NOTEBOOK.read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert [cell for cell in cells("code") if cell["outputs"] or cell["execution_count"] is not None] == []
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])


def test_the_notebook_s_lines_are_short_and_lead_to_no_other_host() -> None:
    lines = [line for cell in json.loads(NOTEBOOK.read_text())["cells"] for line in cell["source"]]
    assert [line for line in lines if len(line.rstrip()) > 120 or "://" in line] == []
