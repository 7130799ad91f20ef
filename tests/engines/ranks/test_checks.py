"""A page that ranks cannot run is refused in a line, before a model is loaded and in a dry run too."""

from __future__ import annotations

import pytest
import torch
from tests.engines.local.small_models import make_small
from tests.engines.ranks.ranks_here import page_of
from tests.small_runs import small_plan, small_words
from torch import nn

from straw.cli import main
from straw.engines.ranks import checks
from straw.engines.ranks.divided import check_divisible
from straw.errors import ConfigError, ModelError


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "cores", lambda: 4)


def test_who_names_ranks_gets_their_engine() -> None:
    plan = small_plan("trainer_ranks=2")
    assert plan.page.engine.engine == "ranks" and plan.origins["engine"] == "trainer_ranks"
    assert small_plan("engine=ranks").page.engine.trainer_ranks == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("trainer_ranks=5", r"each rank has a core of its own, got trainer_ranks=5 on 4\. Write trainer_ranks=4"),
        ("trainer_ranks=3 threads=2", r"of 2 threads on 4\. Write trainer_ranks=2"),
        ("trainer_ranks=2 engine=local", r"divided by engine=ranks, got trainer_ranks=2 with engine=local"),
        ("trainer_ranks=2 engine=monarch", r"divided by engine=ranks, got trainer_ranks=2 with engine=monarch"),
        ("trainer_ranks=2 hosts=tls://a:26100", r"share memory on one machine, got trainer_ranks=2 with hosts=tls://a"),
        ("trainer_ranks=2 num_generators=2", r"a trainer that is one process \(engine=monarch\)"),
        ("engine=ranks num_generators=4", r"num_generators is about generators, got num_generators=4 with"),
        ("engine=ranks max_lag=1", r"nobody samples while the ranks train; got max_lag=1"),
        ("engine=ranks weights=pushed", r"weights is about generators, got weights=pushed with engine=ranks"),
        ("engine=ranks budget_usd=2", r"budget_usd is about a Tinker server, got budget_usd=2.0 with engine=ranks"),
        ("engine=ranks trust_remote_code=true", r"makes its model from a config"),
        ("engine=ranks algorithm=es", r"the verb noisy and add_noise, which engine=ranks lacks"),
        ("trainer_ranks=0", r"has to be >= 1; got trainer_ranks=0"),
    ],
)
def test_what_ranks_cannot_do_is_refused(words: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        small_plan(words)


def test_each_rank_has_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    page = page_of(ranks=3)
    page = type(page)(model=type(page.model)(device="cuda"), engine=page.engine)
    assert next(checks.complaints(page)).startswith(
        "each rank has a card of its own, got trainer_ranks=3 with 2. Write"
    )


def test_a_dry_run_refuses_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "secret", *small_words("trainer_ranks=5"), "--dry-run"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "trainer_ranks=4" in said.err


def test_a_dry_run_tells_what_each_process_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "secret", *small_words("trainer_ranks=2", "warmup=none"), "--dry-run"]) == 0
    assert "for each of 2 ranks" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma3"])
def test_families_of_transformers_can_be_divided(kind: str) -> None:
    check_divisible(make_small(kind))


def test_a_model_that_cannot_be_divided_is_refused() -> None:
    model = make_small("llama")
    model.get_decoder().layers = nn.ModuleList([nn.Identity()])
    with pytest.raises(ModelError, match="marks none"):
        check_divisible(model)
    shared = make_small("llama")
    shared.get_decoder().layers[1].mlp = shared.get_decoder().layers[0].mlp
    with pytest.raises(ModelError, match="share their weights"):
        check_divisible(shared)
    model = make_small("llama")
    model.scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ModelError, match="without rows of float32 numbers, scale"):
        check_divisible(model)
    own = type("Own", (type(model),), {"__module__": "somebodys"})
    model = make_small("llama")
    model.__class__ = own
    with pytest.raises(ModelError, match="a class of its own"):
        check_divisible(model)


def test_a_page_that_is_fine_has_no_complaint() -> None:
    assert list(checks.complaints(page_of(ranks=4))) == []
