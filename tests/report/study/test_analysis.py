from __future__ import annotations

import tomllib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.small_runs import small_plan

from straw.config import dump
from straw.report.study import analysis


@pytest.mark.parametrize(
    ("secrets", "patient", "is_computed"), [(8, False, True), (4096, False, False), (4096, True, True)]
)
def test_an_observer_of_many_secrets_is_computed_on_request(
    monkeypatch: pytest.MonkeyPatch, secrets: int, patient: bool, is_computed: bool
) -> None:
    config = tomllib.loads(dump(small_plan(f"N={secrets}").page))
    run = SimpleNamespace(config=config, is_sft=False)
    cell: Any = SimpleNamespace(label="mine", N=secrets, ceiling_bits=3.0, runs=[run])
    monkeypatch.setattr(analysis, "observed", lambda *game, group: "an observer")
    monkeypatch.setattr(analysis, "cached_at", lambda *game: SimpleNamespace(exists=lambda: False))
    found, waiting = analysis.observers_of([cell], patient)
    assert (found, waiting) == (({"mine": "an observer"}, []) if is_computed else ({}, ["mine"]))
