"""Whole runs with engine=tinker, on clients that compute and send nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.engines.tinker.fake_service import FakeService
from tests.small_runs import Listener, Parts, small_page

from straw.cli import main
from straw.config import Loaded
from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.in_transformers import in_transformers
from straw.errors import ConfigError, RunError
from straw.runs.reading import read_checkpoints, read_events, read_metrics
from straw.training.session import resume_run, run_page

pytest.importorskip("tinker")
PRICES = "prices=prefill=1,sample=2,train=3"
WORDS = f"engine=tinker base_url=http://127.0.0.1:9 lora_rank=2 warmup=none n_batches=6 eval_every=3 {PRICES}"


@cache
def warmed_up() -> LocalEngine:
    return Parts("lora_rank=0").engine


def make(rank: int, seed: int) -> LocalEngine:
    """The model that is served has learned the format; adapters are the local engine's."""
    base = warmed_up()
    model = deepcopy(base.model)
    if not rank:
        return LocalEngine(model, base.chat)
    adapted = add_lora(in_transformers(model), rank, 32, "all-linear", seed=seed)
    return LocalEngine(adapted.get_base_model(), base.chat, adapters=adapted)


@pytest.fixture
def service(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    found = FakeService(make, tmp_path / "service")
    monkeypatch.setattr("straw.engines.tinker.sdk.service", lambda base_url: found)
    yield found


def page(folder: Path, *words: str) -> Loaded:
    return small_page(WORDS, f"run_dir={folder}", *words)


def plain(folder: Path) -> list[dict[str, Any]]:
    """Rows without time, and without what was spent: a run that went on has paid for more."""
    rows = read_metrics(folder)
    return [{name: one for name, one in row.items() if "tinker" not in name and name != "time_s"} for row in rows]


def test_a_run_learns_counts_its_tokens_and_leaves_a_name_for_every_checkpoint(
    service: FakeService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = run_page(page(tmp_path / "run", "save_every=3"), Listener())
    assert finished.is_done and service.is_closed
    assert service.calls[0] == "create rank=2 seed=0 unembed=False"
    paths = [
        json.loads((tmp_path / "run" / row["folder"] / "tinker.json").read_text())["path"]
        for row in read_checkpoints(tmp_path / "run")
    ]
    assert len({*paths}) == 2 and all(path in service.states for path in paths)
    kept = json.loads((tmp_path / "run" / "start" / "tinker.json").read_text())
    assert kept["sampler_path"].split("/")[3] == "sampler_weights" and not kept["has_optimizer"]
    rows = read_metrics(tmp_path / "run")
    spent = [row["tinker/usd"] for row in rows]
    assert spent == sorted(spent) and spent[0] > 0
    last = rows[-1]
    by_hand = last["tinker/prefill_tokens"] + 0.2 * last["tinker/cached_tokens"]
    by_hand += 2 * last["tinker/sampled_tokens"] + 3 * last["tinker/trained_tokens"]
    assert last["tinker/usd"] == pytest.approx(by_hand / 1e6)
    assert main(["show", str(tmp_path / "run")]) == 0
    assert "tokens of the service" in capsys.readouterr().out
    assert {path for path in service.states if "straw-000000" in path} <= {kept["path"]}  # throwaways are gone


def test_a_run_that_goes_on_ends_as_one_that_never_stopped(service: FakeService, tmp_path: Path) -> None:
    class Stops(Listener):
        def update(self, step: int, row: dict[str, float]) -> bool:  # type: ignore[override]
            return step == 2

    run_page(page(tmp_path / "whole"), Listener())
    assert not run_page(page(tmp_path / "halves"), Stops()).is_done
    paid = read_metrics(tmp_path / "halves")[-1]["tinker/usd"]
    assert resume_run(tmp_path / "halves", Listener()).is_done
    assert plain(tmp_path / "halves") == plain(tmp_path / "whole")
    assert read_metrics(tmp_path / "halves")[-1]["tinker/usd"] > paid


@pytest.mark.slow
def test_a_budget_stops_the_run_behind_a_step_and_resuming_grants_it_again(
    service: FakeService, tmp_path: Path
) -> None:
    run_page(page(tmp_path / "free"), Listener())
    rows = read_metrics(tmp_path / "free")
    budget = rows[3]["tinker/usd"]  # behind the third step
    heard, folder = Listener(), tmp_path / "poor"
    assert not run_page(page(folder, f"budget_usd={budget!r}"), heard).is_done
    assert [row["step"] for row in read_checkpoints(folder)] == [3]
    assert any("straw resume" in line and "budget_usd" in line for line in heard.lines)
    assert "out_of_budget" in [event["event"] for event in read_events(folder)]
    assert read_metrics(folder)[-1]["tinker/usd"] == pytest.approx(budget)
    resume_run(folder, Listener())
    spent = json.loads((folder / "tinker.json").read_text())
    assert spent["usd"] > budget and spent["granted_from"] >= budget
    assert len(read_metrics(folder)) > 4


def test_a_kill_does_not_grant_the_budget_again(tmp_path: Path) -> None:
    from straw.engines.tinker.meter import Meter
    from straw.engines.tinker.prices import Price

    price = Price(prefill=1, sample=1, train=1, source="here")
    first = Meter(price, 2.0)
    first.keep_in(tmp_path)
    first.add(trained=1_500_000)
    first.write()
    second = Meter(price, 2.0)  # another process goes on
    second.keep_in(tmp_path)
    assert second.usd == 1.5 and not second.is_empty
    second.add(sampled=500_000)
    assert second.is_empty
    second.grant_again()
    third = Meter(price, 2.0)
    third.keep_in(tmp_path)
    assert third.usd == 2.0 and not third.is_empty


@pytest.mark.slow
def test_a_warm_up_is_kept_by_the_service_and_serves_the_next_run(service: FakeService, tmp_path: Path) -> None:
    words = "warmup=auto warmup_steps=3 warmup_mass=1e-6 warmup_distance=1 n_batches=1"
    first, second = Listener(), Listener()
    run_page(page(tmp_path / "first", words), first)
    taught = len([call for call in service.calls if call.startswith("forward_backward cross_entropy 16")])
    assert taught == 3
    run_page(page(tmp_path / "second", words, "secret_seed=5"), second)
    assert taught == len([call for call in service.calls if call.startswith("forward_backward cross_entropy 16")])
    assert any("the service has kept it" in line for line in second.lines)
    assert read_metrics(tmp_path / "second")[0]["ledger/kl_from_start_bits"] == 0.0


@pytest.mark.slow
def test_a_run_begins_from_a_checkpoint_of_the_service(service: FakeService, tmp_path: Path) -> None:
    run_page(page(tmp_path / "first"), Listener())
    row = read_checkpoints(tmp_path / "first")[-1]
    path = json.loads((tmp_path / "first" / row["folder"] / "tinker.json").read_text())["path"]
    known = read_metrics(tmp_path / "first")[-1]["bits_known"]
    run_page(page(tmp_path / "next", f"start={path} n_batches=1"), Listener())
    assert read_metrics(tmp_path / "next")[0]["bits_known"] == pytest.approx(known, abs=1e-5)


def test_a_model_that_is_not_served_is_refused_with_those_that_are(service: FakeService, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the service trains tiny-0\.2M; got model_name=tiny-1M"):
        run_page(page(tmp_path / "run", "model_name=tiny-1M base_url=https://thinkingmachines.dev"), Listener())
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_names_nothing_is_refused_in_one_line(tmp_path: Path) -> None:
    from straw.engines.tinker.checkpoint import read_saved

    for text in (None, "{", "{}", json.dumps({"path": "/etc", "sampler_path": None, "policy_version": 0,
                                              "is_published": True, "has_optimizer": True})):  # fmt: skip
        if text is not None:
            (tmp_path / "tinker.json").write_text(text)
        with pytest.raises(RunError) as caught:
            read_saved(tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        "env_type=multi_step N=4", "algorithm=reward_aware", pytest.param("algorithm=sft", marks=pytest.mark.slow),
        pytest.param("algorithm=grpo group_size=4", marks=pytest.mark.slow),
        pytest.param("updates_per_batch=2", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_pages_of_every_kind_run(words: str, service: FakeService, tmp_path: Path) -> None:
    finished = run_page(page(tmp_path / "run", words, "n_batches=2 silence=paid_form"), Listener())
    assert finished.is_done and read_metrics(tmp_path / "run")[-1]["step"] == 2


@pytest.mark.slow
def test_what_the_hosted_service_is_asked_is_one_request_a_prompt(service: FakeService, tmp_path: Path) -> None:
    run_page(page(tmp_path / "each", "n_batches=1"), Listener())
    assert "sample 4" not in service.calls and "sample 1" in service.calls
    service.calls.clear()
    run_page(page(tmp_path / "prompt", "n_batches=1 seeds_per=prompt"), Listener())
    assert "sample 4" in service.calls and "sample 1" not in service.calls
