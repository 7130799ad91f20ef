"""What has no way on the wire is refused by name, before anybody is asked; and what an error of the SDK becomes."""

from __future__ import annotations

import pytest
from tests.small_runs import small_plan

from straw.engines.tinker.prices import Price, Tokens, price_of
from straw.engines.tinker.sdk import address, is_hosted, sdk, told
from straw.errors import ConfigError, EngineFailed, EngineLost, StrawError, TrainingError

HOSTED = "engine=tinker model_name=Qwen/Qwen3-8B"


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINKER_BASE_URL", raising=False)


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        ("entropy_coef=0.1", "Write entropy_coef=0"),
        ("temperature=0.7", "Write temperature=1"),
        ("max_lag=2", "Write max_lag=0"),
        ("max_lag=1 pace=free", "Write max_lag=0"),
        ("weights=pushed", "got weights=pushed"),
        ("device=cpu", "device says how this machine computes"),
        ("dtype=bfloat16", "dtype says"),
        ("gradient_checkpointing=true", "gradient_checkpointing says"),
        ("tokens_per_microbatch=64", "tokens_per_microbatch says"),
        ("rows_at_once=64", "rows_at_once says"),
        ("lora_alpha=16", "got lora_alpha=16"),
        ("lora_targets=q_proj", "train_unembed=true adds the head"),
        ("lora_rank=0", "Write lora_rank=32"),
        ("from_checkpoint=runs/first", "Write start=tinker://"),
        ("use_ir=elliptical encoder=policy", "encoder=minilm"),
        ("prices=prefill=1", "Write prices=prefill=0.13,sample=0.40,train=0.40"),
        ("prices=prefill=1,sample=2,train=nan", "got prices=prefill=1,sample=2,train=nan"),
    ],
)
def test_what_cannot_map_is_refused_with_a_way_out(words: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        small_plan(HOSTED, words)
    assert way_out in str(caught.value) and "\n" not in str(caught.value)


def test_a_budget_takes_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="none is known here for org/name"):
        small_plan("engine=tinker model_name=org/name budget_usd=2")
    small_plan("engine=tinker model_name=org/name budget_usd=2 prices=prefill=1,sample=1,train=1")
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:8000")
    small_plan("engine=tinker model_name=org/name budget_usd=2 lora_rank=0")  # one's own server trains all weights too


@pytest.mark.parametrize("words", ["base_url=http://127.0.0.1:8000", "budget_usd=2", "train_unembed=true"])
@pytest.mark.parametrize("engine", ["local", "monarch"])
def test_options_of_a_server_are_refused_where_there_is_none(words: str, engine: str) -> None:
    with pytest.raises(ConfigError, match=r"Write engine=tinker\."):
        small_plan(f"engine={engine}", words)


def test_what_was_tuned_with_an_entropy_bonus_runs_without_one() -> None:
    page = small_plan(HOSTED, "reward_type=binned_log_distance").page
    assert page.algorithm.entropy_coef == 0 and page.model.lora_rank == 32
    assert (page.model.device, page.model.dtype) == ("auto", "auto")


def test_where_tokens_cost_money(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_hosted(None) and is_hosted("https://tinker.thinkingmachines.dev/services/tinker-prod")
    assert not is_hosted("http://127.0.0.1:8000") and not is_hosted("https://thinkingmachines.dev.example")
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:8000")
    assert (
        not is_hosted(None) and address(None) == "http://127.0.0.1:8000" and is_hosted("https://thinkingmachines.dev")
    )


def test_dollars_by_hand() -> None:
    price = Price(prefill=0.13, sample=0.40, train=0.40, source="here")
    tokens = Tokens(prefill=1_000_000, cached=500_000, sampled=250_000, trained=2_000_000)
    assert price.usd(tokens) == pytest.approx(0.13 * (1 + 0.2 * 0.5) + 0.10 + 0.80)
    free = price_of("tiny-1M", (), is_hosted=False)
    assert free is not None and free.usd(tokens) == 0 and price_of("tiny-1M", (), is_hosted=True) is None


class BillingError(Exception): ...


class AuthenticationError(Exception): ...


class APIConnectionError(Exception): ...


class RequestFailedError(Exception): ...


class BadRequestError(Exception): ...


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AuthenticationError("no such key\nat all"), ConfigError),
        (BillingError("pay"), EngineFailed),
        (APIConnectionError("refused"), EngineLost),
        (RequestFailedError("NaN"), TrainingError),
        (BadRequestError("too long"), EngineFailed),
        (KeyError("x"), EngineFailed),
    ],
)
def test_an_error_of_the_sdk_becomes_one_line_that_says_what_to_do(error: Exception, kind: type[StrawError]) -> None:
    found = told(error)
    assert type(found) is kind and "\n" not in str(found)


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tinker", None)
    with pytest.raises(ConfigError, match=r"pip install 'straw\[tinker\]'"):
        sdk()
