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
    """Computes the last bit otherwise when there are many rows, as some devices do."""

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        factor = 1 + 2**-23 if num_samples * len(prompts) > 50 else 1.0
        replies = super().sample(prompts, num_samples, params, seeds)
        return [[replace(one, logprobs=tuple(factor * lp for lp in one.logprobs)) for one in row] for row in replies]


def test_rows_that_depend_on_their_neighbours_are_noticed() -> None:
    engine = make_engine("embedded")
    assert not rows_are_independent(Crowded(engine.model, engine.chat, LocalSettings()))
