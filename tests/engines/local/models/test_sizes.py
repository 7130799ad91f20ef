from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

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


def test_a_name_of_ours_means_the_weights_that_it_always_meant() -> None:
    """Checkpoints, warm-ups in the cache and golden curves are of these shapes."""
    models = {name: make_embedded(name, 0)[0] for name in SHAPES}
    assert {name: model.num_parameters() for name, model in models.items()} == {
        "tiny-0.2M": 183_040, "tiny-1M": 1_095_424, "tiny-5M": 4_985_344, "tiny-1M-numbers": 1_226_496,
        "tiny-1M-3digits": 1_236_224,
    }  # fmt: skip
    assert {model.config.max_position_embeddings for model in models.values()} == {2048}
    assert {name: model.config.num_attention_heads for name, model in models.items()} == {
        name: 8 if name == "tiny-5M" else 4 for name in SHAPES
    }


def config_of(**more: object) -> SimpleNamespace:
    return SimpleNamespace(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, vocab_size=10, tie_word_embeddings=False,
        model_type="llama", **more,
    )  # fmt: skip


def test_what_a_config_leaves_out_follows_from_the_rest() -> None:
    wanted = ModelSize(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3, head_dim=4,
        intermediate_size=48, vocab_size=10, tied=False, has_biases=False, is_plain=True,
    )  # fmt: skip
    nothing: dict[str, object] = {"num_key_value_heads": None, "head_dim": None, "intermediate_size": None}
    assert ModelSize.of(config_of()) == ModelSize.of(config_of(**nothing)) == wanted
    said = ModelSize.of(config_of(num_key_value_heads=1, head_dim=5, intermediate_size=7))
    assert (said.num_key_value_heads, said.head_dim, said.intermediate_size) == (1, 5, 7)


def test_parameters_and_adapters_are_counted_matrix_by_matrix() -> None:
    """Width 12, queries 15, keys 5, feed-forward 7."""
    size = ModelSize.of(config_of(num_key_value_heads=1, head_dim=5, intermediate_size=7))
    assert size.matrices == [(15, 12), (5, 12), (5, 12), (12, 15), (7, 12), (7, 12), (12, 7)]
    layer = 15 * 12 + 2 * 5 * 12 + 12 * 15 + 3 * 7 * 12 + 2 * 12
    assert size.parameters == 2 * 10 * 12 + 2 * layer + 12
    assert replace(size, tied=True).parameters == 10 * 12 + 2 * layer + 12
    assert replace(size, has_biases=True).parameters == size.parameters + 2 * (15 + 2 * 5)
    assert size.adapter_parameters(3) == 2 * 3 * (27 + 17 + 17 + 27 + 19 + 19 + 19)
    assert (size.query_width, size.key_width, size.embedding) == (15, 5, 120)
    unsaid = ModelSize(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=3, vocab_size=10, num_key_value_heads=3, head_dim=4,
        intermediate_size=48,
    )  # fmt: skip
    assert unsaid.tied and not unsaid.has_biases and not unsaid.is_plain


def test_qwen_has_biases_and_two_key_heads_and_the_others_say_what_they_have() -> None:
    qwen = PUBLISHED["Qwen/Qwen2.5-0.5B-Instruct"]
    assert (qwen.has_biases, qwen.tied, qwen.num_key_value_heads, qwen.head_dim) == (True, True, 2, 64)
    shapes = {
        name: (size.num_attention_heads, size.num_key_value_heads, size.head_dim) for name, size in PUBLISHED.items()
    }
    assert shapes == {
        "Qwen/Qwen2.5-0.5B-Instruct": (14, 2, 64), "Qwen/Qwen2.5-1.5B-Instruct": (12, 2, 128),
        "Qwen/Qwen2.5-3B-Instruct": (16, 2, 128), "meta-llama/Llama-3.2-1B-Instruct": (32, 8, 64),
        "tiiuae/Falcon3-1B-Instruct": (8, 4, 256), "HuggingFaceTB/SmolLM2-1.7B-Instruct": (32, 32, 64),
    }  # fmt: skip
