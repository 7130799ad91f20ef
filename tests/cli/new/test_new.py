"""straw new: what it writes works, is short, and stands in nobody's way."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from straw.cli import main
from straw.cli.new.new import KINDS
from straw.runs.reading import read_config, read_metrics

SMALL = ["model_name=tiny-0.2M", "warmup=none", "n_batches=2", "group_size=4", "batch_size=1", "--quiet"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if name.startswith("own_"):
            del sys.modules[name]


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes_passes_its_test_and_trains(kind: str, place: Path) -> None:
    name = f"own_{kind}"
    assert main(["new", kind, name, "folder=mine"]) == 0
    files = {path.name for path in (place / "mine").iterdir()}
    assert {f"{name}.py", f"test_{name}.py", f"{name}.toml"} <= files
    assert all(len(path.read_text().splitlines()) < 60 for path in (place / "mine").iterdir())
    written = runpy.run_path(str(place / f"mine/test_{name}.py"))
    tests = [test for called, test in written.items() if called.startswith("test_")]
    assert tests
    for test in tests:
        test()
    assert main(["train", f"mine/{name}.toml", *SMALL, "run_dir=run"]) == 0
    assert len(read_metrics("run")) == 3
    assert f"mine/{name}.py:" in str(read_config("run"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_the_written_test_passes_as_a_person_runs_it(kind: str, place: Path) -> None:
    assert main(["new", kind, "own_one"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own_one.py"], capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "straw", "train", "own_one.toml", *SMALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nothing_that_is_there_is_overwritten(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "own_test.toml").write_text("# mine\n")
    assert main(["new", "task", "own_test"]) == 2
    assert "straw new overwrites nothing, and own_test.toml is there" in capsys.readouterr().err
    assert [path.name for path in place.iterdir()] == ["own_test.toml"]
    (place / "own_link.py").symlink_to(place / "elsewhere.py")
    assert main(["new", "task", "own_link"]) == 2
    assert not (place / "elsewhere.py").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task"], "takes a kind and a name"),
        (["model", "x"], "makes task, reward, algorithm, learner, grader"),
        (["task", "Riddles"], "small letters"),
        (["task", "../riddles"], "small letters"),
        (["task", "class"], "small letters"),
        (["task", "random"], "would hide the module random"),
        (["task", "numpy"], "would hide the module numpy"),
        (["task", "own_one", 'folder=a"b'], "a folder has none of"),
    ],
)
def test_a_name_that_would_do_harm_is_refused(
    words: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(place.iterdir()) == []


def test_after_an_edit_the_code_is_named_once_and_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "reward", "own_pay"]) == 0
    code = Path("own_pay.py")
    code.write_text(code.read_text().replace("/ 100", "/ 50"))
    assert main(["train", "own_pay.toml", *SMALL, "run_dir=a"]) == 2
    assert "trust_code=" in capsys.readouterr().err
    named = next(line for line in Path("own_pay.toml").read_text().splitlines() if "after an edit" in line).split()[-1]
    assert main(["train", "own_pay.toml", named, *SMALL, "run_dir=a"]) == 0
    assert main(["train", "own_pay.toml", *SMALL, "run_dir=b"]) == 0
