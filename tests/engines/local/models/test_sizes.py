from __future__ import annotations

import pytest
from transformers import Qwen2Config, Qwen2ForCausalLM

from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.models.sizes import PUBLISHED, ModelSize
from straw.engines.local.models.tiny import SHAPES, make_embedded


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1_543_714_304),
        ("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688),
        ("meta-llama/Llama-3.2-1B-Instruct", 1_235_814_400),
        ("tiiuae/Falcon3-1B-Instruct", 1_669_408_768),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1_711_376_384),
    ],
)
def test_the_table_counts_the_published_parameters(name: str, parameters: int) -> None:
    assert PUBLISHED[name].parameters == parameters


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_model_that_is_here_has_as_many_as_its_config_says(name: str) -> None:
    model, _ = make_embedded(name, 0)
    assert ModelSize.of(model.config).parameters == model.num_parameters()


def test_a_config_that_leaves_out_what_follows_from_the_rest_is_counted_too() -> None:
    """As Qwen2's does head_dim."""
    config = Qwen2Config(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=100,
        vocab_size=90, tie_word_embeddings=False,
    )  # fmt: skip
    assert not hasattr(config, "head_dim")
    assert ModelSize.of(config).parameters == Qwen2ForCausalLM(config).num_parameters()


def test_adapters_are_counted_on_every_linear_layer() -> None:
    model, _ = make_embedded("tiny-0.2M", 0)
    size = ModelSize.of(model.config)
    adapted = add_lora(model, 4)
    assert size.adapter_parameters(4) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
