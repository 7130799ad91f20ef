from __future__ import annotations

import pytest

from straw.engines.local.embedded import SHAPES, make_embedded
from straw.engines.local.lora import add_lora
from straw.engines.local.published import PUBLISHED, ModelSize


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
def test_the_table_counts_the_published_parameters(name: str, parameters: int):
    assert PUBLISHED[name].parameters == parameters


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_model_that_is_here_has_as_many_as_its_config_says(name: str):
    model, _ = make_embedded(name, 0)
    assert ModelSize.of(model.config).parameters == model.num_parameters()


def test_adapters_are_counted_on_every_linear_layer():
    model, _ = make_embedded("tiny-0.2M", 0)
    size = ModelSize.of(model.config)
    adapted = add_lora(model, 4)
    assert size.adapter_parameters(4) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
