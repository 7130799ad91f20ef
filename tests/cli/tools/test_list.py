from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from straw import registry
from straw.cli import main
from straw.cli.tools.kinds import KINDS, Named, line_in, named

ROOT = Path(__file__).parents[3]
OF_REGISTRY = [kind for kind in KINDS if kind in registry.REGISTRY]


def test_every_kind_of_the_registry_is_a_kind_here() -> None:
    assert set(registry.REGISTRY) <= set(KINDS)


@pytest.mark.parametrize("kind", [*OF_REGISTRY, "alarms"])
def test_every_name_of_ours_says_what_it_is_in_one_line(kind: str) -> None:
    rows = named(kind)
    assert kind == "alarms" or {row.name for row in rows} >= set(registry.table(kind))
    for row in rows:
        assert 5 <= len(row.what) <= 130 and "\n" not in row.what, row


def test_a_kind_is_listed_and_its_singular_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "reward"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[0] == "binary" and "1 when every turn" in line for line in lines)
    assert main(["list", "rewardz"]) == 2
    assert "did you mean 'rewards'?" in capsys.readouterr().err


def test_recipes_are_listed_by_their_first_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = "Three bits an episode at most: how near, in eight steps."
    for place in (ROOT, tmp_path):
        monkeypatch.chdir(place)
        assert main(["list", "recipes", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert (rows["secret_bins"]["what"], rows["secret_bins"]["source"]) == (wanted, "straw")
        assert all(row["what"] for row in rows.values())
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/secret_bins.toml").write_text("# Mine.\nN = 8\n")
    assert Named("recipes", "secret_bins", "Mine.", "this folder") in named("recipes")


def test_a_plug_in_is_marked_and_none_of_its_code_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Package:
        name, version, metadata = "my-lab", "1.2", {"Summary": "Rewards\x1b[2J of our lab"}

    class Point:
        value, dist = "my_lab.nowhere:quiz", Package

        def load(self) -> None:
            raise AssertionError("code of others was run")

    monkeypatch.setattr(registry, "declared", lambda kind: {"quiz": Point()} if kind == "rewards" else {})
    assert Named("rewards", "quiz", "Rewards\x1b[2J of our lab", "my-lab 1.2") in named("rewards")
    assert main(["list", "rewards"]) == 0
    shown = capsys.readouterr().out
    assert "* quiz" in shown and "* from my-lab 1.2" in shown and "\x1b" not in shown


def test_a_row_of_a_docstring_is_found_by_its_name_alone() -> None:
    text = "table:\n\n    knn, knn+    a memory\n    group        r - m\n    ema          mean     told twice\n"
    assert line_in(text, "knn+") == "a memory" and line_in(text, "knn") == "a memory"
    assert line_in(text, "ema") == "mean" and line_in(text, "roup") == "" and line_in(text, "table:") == ""


def test_to_list_names_takes_no_torch() -> None:
    program = """
import sys
from straw.cli import main
for kind in ("tasks", "rewards", "losses", "learners", "encoders", "engines"):
    assert main(["list", kind]) == 0
assert not {"torch", "transformers"} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
