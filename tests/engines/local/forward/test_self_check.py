"""Models that cannot be read with shared prefixes are refused, and machines that bend samples are noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tests.engines.local.kinds import KINDS, SMOLLM2, make_engine
from tests.engines.local.test_gradients import TINY, other_model
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto import CONFIG_MAPPING

from straw.engines.base import Reply, SamplingParams, Tokens
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.forward import self_check
from straw.engines.local.forward.hf_reader import NAME, layers_of
from straw.engines.local.forward.self_check import check_reading, rows_are_independent
from straw.errors import ConfigError, ModelError

UNREADABLE = {
    "mamba": {},  # remembers in a state
    "lfm2": {"layer_types": ["conv", "full_attention"]},  # half of it does
    "jamba": {"num_experts": 2},
    "bloom": {"n_head": 4, "n_layer": 2},  # attention of its own
    "falcon": {},
    "gpt_oss": {"head_dim": 4, "num_local_experts": 2, "num_experts_per_tok": 1},  # attention sinks
}


def tiny(kind: str) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**{**TINY, **UNREADABLE[kind]}))


def refusal(model: PreTrainedModel) -> str:
    with pytest.raises(ModelError) as caught:
        LocalEngine(model, make_engine("embedded").chat)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_model_that_cannot_share_a_prefix_is_refused_by_name_with_a_way_out(kind: str) -> None:
    assert f"cannot read a {kind} model" in (said := refusal(tiny(kind)))
    assert "choose a model like Llama" in said


def test_the_reason_is_said() -> None:
    assert "attention sinks" in refusal(tiny("gpt_oss"))
    assert "nats away" in refusal(tiny("mamba"))


def test_weights_that_are_not_finite_are_refused() -> None:
    model = other_model("mistral")
    with torch.no_grad():
        model.get_input_embeddings().weight[3] = float("nan")
    assert "nan nats away" in refusal(model)


def test_a_reading_that_is_slightly_wrong_is_refused() -> None:
    engine = make_engine("llama")
    check_reading(engine.model, engine.reader, engine.head)
    for wrong in (replace(engine.head, multiplier=1.01), replace(engine.head, softcap=20.0)):
        with pytest.raises(ModelError, match="nats away"):
            check_reading(engine.model, engine.reader, wrong)


def test_the_hand_written_llama_is_checked_too() -> None:
    engine = make_engine("llama")
    engine.reader.eps = 1e-2  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="nats away"):
        check_reading(engine.model, engine.reader, engine.head)


def test_a_check_leaves_the_model_as_straw_reads_it() -> None:
    model = make_engine("gemma3").model
    assert model.config._attn_implementation == NAME
    assert not model.training


def test_a_model_without_marked_layers_cannot_be_checkpointed_and_says_so() -> None:
    with pytest.raises(ConfigError, match="gradient_checkpointing=false"):
        layers_of(nn.Linear(2, 2))


@pytest.mark.parametrize(("gaps", "refused"), [((1e-3, 0.0), False), ((1.1e-3, 0.0), True), ((0.0, 1.1e-3), True)])
def test_a_thousandth_of_a_nat_apart_is_the_limit_for_either_reply(
    gaps: tuple[float, float], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, left = make_engine("embedded"), list(gaps)
    read: list[list[int]] = []

    def apart(logits_of: object, tokens: object, logprobs: object, positions: torch.Tensor) -> float:
        read.append(positions.tolist())
        return left.pop(0)

    monkeypatch.setattr(self_check, "apart", apart)
    if refused:
        with pytest.raises(ModelError, match=r"come out 0\.0011 nats away from its own"):
            check_reading(engine.model, engine.reader, engine.head)
    else:
        check_reading(engine.model, engine.reader, engine.head)
    assert read == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 7, 8]], "a prompt of four, replies of three and of two"


def test_what_goes_wrong_is_said_in_the_model_s_name_and_a_setting_as_it_is() -> None:
    model = make_engine("embedded").model
    said = r"straw cannot read a llama model \('no such thing'\): choose a model like Llama"
    with pytest.raises(ModelError, match=said), self_check.refusing(model):
        raise KeyError("no such thing")
    with pytest.raises(ConfigError, match=r"^write another$"), self_check.refusing(model):
        raise ConfigError("write another")


# --- rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, SMOLLM2])
def test_rows_are_independent_on_one_thread(kind: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert rows_are_independent(make_engine(kind))
    finally:
        torch.set_num_threads(threads)


class Crowded(LocalEngine):
    """Computes the last bit otherwise when there are more rows than so many, as some devices do."""

    most = 50

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        factor = 1 + 2**-23 if num_samples * len(prompts) > self.most else 1.0
        replies = super().sample(prompts, num_samples, params, seeds)
        return [[replace(one, logprobs=tuple(factor * lp for lp in one.logprobs)) for one in row] for row in replies]


def test_rows_that_depend_on_their_neighbours_are_noticed() -> None:
    engine = make_engine("embedded")
    crowded = Crowded(engine.model, engine.chat, LocalSettings())
    for most, alike in ((1, False), (19, False), (20, False), (79, False), (80, True)):
        crowded.most = most
        assert rows_are_independent(crowded) is alike
