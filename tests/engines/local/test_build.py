"""From a page to an engine, and back to how a run began."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.utils.deterministic
from tests.small_runs import small_plan

from straw.engines.local.build import (
    be_deterministic,
    load_engine,
    may_be_bare,
    save_start,
    starting_again,
    with_adapters,
)
from straw.engines.local.engine import LocalSettings
from straw.engines.local.models.tiny import make_bare
from straw.errors import RunError


@pytest.mark.parametrize("words", ["warmup=none", "warmup=none lora_rank=2"])
def test_a_run_begins_again_from_the_weights_that_it_kept(words: str, tmp_path: Path) -> None:
    page = small_plan(words).page
    engine = with_adapters(load_engine(page), page.model)
    engine.add_noise([3], [0.1])
    engine.publish()
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match=r"keeps the weights that it began with in start, and .*run has none: restore"):
        starting_again(page, tmp_path / "run")
    save_start(engine, tmp_path / "run" / "start")
    again = starting_again(page, tmp_path / "run")
    assert all((again.trained[name] == p).all() for name, p in engine.trained.items())
    assert (again.adapters is not None) is ("lora_rank" in words)


@pytest.mark.parametrize(
    ("words", "bare"),
    [
        ("", True),
        ("engine=monarch", True),
        ("fast_llama=false", False),
        ("lora_rank=1", False),
        ("generator=transformers", False),
    ],
)
def test_an_embedded_model_comes_bare_where_nothing_asks_for_transformers_classes(words: str, bare: bool) -> None:
    page = small_plan("warmup=none", words).page
    assert may_be_bare(page) is bare
    assert may_be_bare(replace(page, engine=replace(page.engine, engine="tinker"))) is False


def test_a_page_s_settings_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    page = small_plan(
        "warmup=none",
        "tokens_per_microbatch=77 gradient_checkpointing=true dtype=bfloat16 rows_at_once=32 model_seed=5",
    ).page
    engine = load_engine(page)
    assert engine.settings == LocalSettings(
        device="cpu", dtype="bfloat16", tokens_per_microbatch=77, gradient_checkpointing=True, fast_llama=True,
        rows_at_once=32, generator="straw",
    )  # fmt: skip
    assert engine.is_made and engine.tokens_at_once == 77 and engine.reader.checkpointing  # type: ignore[attr-defined]
    wanted = make_bare(page.model.model_name, 5)[0]
    assert all(torch.equal(a, b) for a, b in zip(engine.model.parameters(), wanted.parameters(), strict=True))
    assert torch.get_num_threads() == page.model.threads


def test_adapters_are_those_of_the_page_and_leave_a_model_without_any_alone() -> None:
    page = small_plan("warmup=none", "lora_rank=3 lora_alpha=5 lora_targets=q_proj").page
    plain = load_engine(page)
    assert with_adapters(plain, replace(page.model, lora_rank=0)) is plain
    adapted = with_adapters(plain, page.model)
    assert adapted.adapters is not None and adapted.is_made and adapted.settings is plain.settings
    config = adapted.adapters.peft_config["default"]
    assert (config.r, config.lora_alpha, set(config.target_modules)) == (3, 5.0, {"q_proj"})


def test_where_a_card_repeats_itself_memory_is_not_filled_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *how, **more: asked.append((how, more)))
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    with warnings.catch_warnings():
        be_deterministic()
    assert asked == [((True,), {"warn_only": True})]
    assert torch.utils.deterministic.fill_uninitialized_memory is False  # type: ignore[attr-defined]
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"  # who set it, knows why
