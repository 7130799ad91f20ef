"""Tokens and dollars of a run on a service, by hand: characters are tokens, a prompt has 3 more around its text, and a
reply is a digit and its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.small_runs import small_page, small_plan

from straw.engines.tinker.prices import Tokens
from straw.training.resolve.dry_run import print_forecast
from straw.training.resolve.service_forecast import service_forecast

P = len("Name the secret in [0, 8). Number only.") + 3
WHOLE = P + 1  # the end token is predicted and not read
WORDS = (
    "engine=tinker group_size=4 batch_size=2 n_batches=10 eval_every=4 warmup=none prices=prefill=1,sample=2,train=3"
)


@pytest.fixture(autouse=True)
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINKER_BASE_URL", raising=False)


def test_a_run_by_hand() -> None:
    found = service_forecast(small_plan(WORDS))
    assert found.parts == {
        "sampling": Tokens(prefill=10 * 2 * P, cached=10 * 2 * 3 * P, sampled=10 * 8 * 2),
        "training": Tokens(trained=10 * 8 * WHOLE),
        "evaluation": Tokens(trained=4 * 8 * WHOLE),  # before step 1, behind steps 4, 8 and 10; eight answers
    }
    assert found.price is not None
    wanted = 20 * P + 0.2 * 60 * P + 2 * 160 + 3 * (80 + 32) * WHOLE
    assert found.price.usd(found.total) == pytest.approx(wanted / 1e6)


def test_many_answers_are_asked_of_the_sampler() -> None:
    assert service_forecast(small_plan(WORDS, "N=64")).evaluation() == Tokens(prefill=64 * (P + 1 + 3), sampled=64)


def test_a_kl_penalty_reads_twice_and_asks_the_start() -> None:
    found = service_forecast(small_plan(WORDS, "kl_coef=0.1"))
    assert found.training() == Tokens(trained=2 * 8 * WHOLE, prefill=8 * (WHOLE + 1), sampled=8)


def test_turns_bring_their_prefix_with_them() -> None:
    found = service_forecast(small_plan(WORDS, "env_type=multi_step N=4"))
    first, second = found.lengths.prefixes
    assert found.drawn(1, 4) == Tokens(prefill=first + 4 * second, cached=3 * first, sampled=4 * 2 * 2)
    assert second - first == 2 + len("Bit 2?") + 3


def test_a_warm_up_is_counted_at_its_longest() -> None:
    found = service_forecast(small_plan(WORDS, "warmup=auto warmup_steps=100 warmup_batch=16"))
    assert found.warmup() == Tokens(trained=100 * 16 * WHOLE + 2 * 8 * WHOLE)
    assert service_forecast(small_plan(WORDS, "warmup=auto start=tinker://a/weights/b")).warmup() == Tokens()


def test_supervised_learning_samples_nothing() -> None:
    assert "sampling" not in service_forecast(small_plan(WORDS, "algorithm=sft")).parts


def test_what_is_printed_is_a_page_and_names_the_dollars(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    print_forecast(small_page(WORDS, "budget_usd=2", f"run_dir={tmp_path / 'run'}"))
    printed = capsys.readouterr().out
    assert "# dollars   at most $0.0" in printed and "budget_usd=2 stops the run" in printed
    assert 'engine = "tinker"' in printed and not (tmp_path / "run").exists()
