"""What is asked of torch before a model is put on a card; whether a card keeps it, only a card can tell."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from tests.small_runs import small_plan

from straw.engines.local import build


@pytest.mark.parametrize(("device", "is_asked"), [("cpu", False), ("cuda:1", True)])
def test_a_card_is_asked_to_repeat_itself(monkeypatch: pytest.MonkeyPatch, device: str, is_asked: bool) -> None:
    asked: list[tuple[Any, ...]] = []
    page = small_plan("warmup=none").page
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *how, **more: asked.append((how, more)))
    monkeypatch.setattr(build, "LocalEngine", lambda *parts, **more: None)
    object.__setattr__(page.model, "device", device)
    build.load_engine(page)
    assert asked == ([((True,), {"warn_only": True})] if is_asked else [])
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if is_asked else None)
