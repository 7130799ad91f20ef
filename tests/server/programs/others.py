"""Programs that nobody here wrote, run by environment and arguments alone; where they are is said by the environment:

    STRAW_COOKBOOK=PYTHON     an interpreter that has tinker-cookbook (this one, where it has it)
    STRAW_TUTORIALS=FOLDER    the cookbook's `tutorials`, which its wheel leaves out; they want marimo and matplotlib
    STRAW_STUDY=FOLDER        the secret-game study's repository, beside STRAW_STUDY_PYTHON, which has cookbook 0.1.0

Their data sets come from the hub. Here they are folders of the same names in the working directory, which `datasets`
takes first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.server.running import ENVIRONMENT, Server, running

RECIPES = "tinker_cookbook.recipes"
CHAT = [
    {"messages": [
        {"role": "user", "content": f"What is {a} and {b}?"}, {"role": "assistant", "content": f"It is {a + b}."},
    ]}
    for a in range(8) for b in range(8)
]  # fmt: skip
SUMS = [{"question": f"{a} and {b} more?", "answer": f"{a}+{b}\n#### {a + b}"} for a in range(8) for b in range(8)]
MAIN = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: train.jsonl}
  - {split: test, path: test.jsonl}
---
"""


def cookbook() -> str:
    python = os.environ.get("STRAW_COOKBOOK", sys.executable)
    if subprocess.run([python, "-c", "import tinker_cookbook"], capture_output=True, cwd="/").returncode:
        pytest.skip("tinker-cookbook is not installed: STRAW_COOKBOOK names a Python that has it")
    return python


def folder_of(name: str) -> Path:
    if name not in os.environ:
        pytest.skip(f"{name} names no folder")
    return Path(os.environ[name])


def lines(file: Path, rows: list[dict[str, object]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@dataclass
class Desk:
    """A server, and a folder where programs run."""

    server: Server
    folder: Path

    def environment(self) -> dict[str, str]:
        """What `straw serve` prints to paste."""
        return {
            **{name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"},
            "TINKER_BASE_URL": self.server.url, "TINKER_API_KEY": "tml-test",
            "HF_ENDPOINT": self.server.url, "HF_HOME": str(self.folder / "hub"),
        }  # fmt: skip

    def run(
        self, python: str, *words: str, cwd: Path | None = None, ends: bool = True, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        found = subprocess.run(
            [python, *words], capture_output=True, text=True, timeout=timeout, cwd=cwd or self.folder,
            env=self.environment(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not ends or found.returncode == 0, f"{words}\n{found.stdout[-3000:]}\n{found.stderr[-6000:]}"
        return found

    def steps(self, python: str, *words: str, cwd: Path, num_steps: int, name: str, within_s: float = 900) -> None:
        """Run until so many steps are told in the folder of this name, and then end it."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            made = subprocess.Popen(
                [python, *words], cwd=cwd, env=self.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        until, metrics = monotonic() + within_s, self.folder / name / "metrics.jsonl"
        try:
            while monotonic() < until and (not metrics.exists() or len(self.metrics(name)) < num_steps):
                assert made.poll() is None, log.read_text()[-6000:]
                sleep(0.5)
        finally:
            made.kill()
            made.wait()
        assert metrics.exists() and len(self.metrics(name)) >= num_steps, log.read_text()[-3000:]

    def metrics(self, name: str) -> list[Mapping[str, float]]:
        whole = (self.folder / name / "metrics.jsonl").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def desk(folder: Path, *words: str) -> Iterator[Desk]:
    work = folder / "work"
    for split in ("train", "test"):  # of sl_basic two batches, which are of 128
        lines(work / "HuggingFaceH4" / "no_robots" / f"{split}.jsonl", CHAT * 4)
        lines(work / "openai" / "gsm8k" / f"{split}.jsonl", SUMS * 4)
    (work / "openai" / "gsm8k" / "README.md").write_text(MAIN)
    with running(folder, "model=tiny-1M", "as=*", *words) as server:
        yield Desk(server, work)
