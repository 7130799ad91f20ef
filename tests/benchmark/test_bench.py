from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from tests.benchmark.small_games import learner, quick, small_cell, small_form

from straw.benchmark.bench import bench
from straw.benchmark.entry import read_entry
from straw.errors import ConfigError


def test_a_bench_goes_on_where_it_stopped_and_keeps_rollouts_by_their_hash(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, said = small_form(monkeypatch, small_cell("bins8", secrets=2, most=16)), list[str]()
    out = tmp_path / "mine.json"
    first = bench(form, quick(), out, said.append, secrets=1, rollouts=tmp_path / "kept")
    assert not first.is_whole and not json.loads(out.read_text())["is_whole"]
    told = len(said)
    whole = bench(form, quick(), out, said.append, rollouts=tmp_path / "kept")
    (name,) = whole.runs
    assert whole.is_whole and whole.runs[name][0] == read_entry(out).runs[name][0] == first.runs[name][0]
    assert len([line for line in said[told:] if "of 2" in line]) == 1
    for run in whole.runs[name]:
        lines = (tmp_path / f"kept/{name}-{run.number}.jsonl").read_bytes()
        assert sha256(lines).hexdigest() == run.rollouts and lines.count(b"\n") >= 4


def test_the_file_of_another_bench_is_never_overwritten(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, out = small_form(monkeypatch, small_cell(secrets=1, most=4)), tmp_path / "mine.json"
    out.write_text("{}")
    with pytest.raises(ConfigError, match="overwrites nothing"):
        bench(form, quick(), out, lambda line: None)
    assert out.read_text() == "{}"


@pytest.mark.slow
def test_a_learner_that_fails_at_once_is_told_so(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = small_form(monkeypatch, small_cell(secrets=2, most=4))
    with pytest.raises(ConfigError, match=r"cannot play .* ValueError: no idea"):
        bench(form, learner(tmp_path, "Raises"), tmp_path / "out.json", lambda line: None)


def test_a_learner_that_could_not_play_leaves_no_file_in_the_way_of_the_mended_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, out = small_form(monkeypatch, small_cell(secrets=2, most=4)), tmp_path / "out.json"
    with pytest.raises(ConfigError, match="cannot play"):
        bench(form, learner(tmp_path, "NotThere"), out, lambda line: None)
    assert not out.exists()
