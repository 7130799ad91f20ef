"""What a setting of an adapter may be: both sides of every bound."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from straw.engines.local.adapters.folder import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    CHECKS,
    MOST_NAMES,
    adapter_config,
    are_counts,
    are_names,
    by_name,
    is_name,
    is_rank,
    is_scale,
    layers_of,
    plain_settings,
    written_settings,
)
from straw.errors import ModelError

UP = "base_model.model.model.layers.{}.mlp.up_proj.lora_{}.weight"


def test_ranks_are_whole_numbers_from_1_to_4096() -> None:
    assert all(map(is_rank, (1, 2, 4096)))
    assert not any(map(is_rank, (0, -1, 4097, True, 1.0, "1", None)))


def test_scales_are_finite_and_below_a_milliard() -> None:
    assert all(map(is_scale, (0, 0.0, -3, 16, 32.5, 999_999_999.0, -999_999_999)))
    assert not any(map(is_scale, (1e9, -1e9, 10**9, inf, -inf, nan, True, "1", None)))


def test_names_are_plain_words_with_dots_of_256_characters_at_most() -> None:
    assert all(map(is_name, ("a", "^model.layers.0.up_proj", "A_9", "x" * 256)))
    assert not any(map(is_name, ("", "^", "a*", "a b", "(a)", "x" * 257, 3, None, ["a"])))


def test_a_list_has_ten_thousand_names_or_counts_at_most() -> None:
    assert MOST_NAMES == 10_000
    assert are_names("a") and are_names([]) and are_names(["a", "b.c"]) and are_names(["a"] * 10_000)
    assert not are_names(["a"] * 10_001) and not are_names(["a", "b*"]) and not are_names({"a": 1})
    assert are_counts(0) and are_counts([]) and are_counts([0, 3, 9_999]) and are_counts([0] * 10_000)
    assert not are_counts([0] * 10_001) and not are_counts([10_000]) and not are_counts([-1, 3])
    assert not are_counts("3") and not are_counts([1.0]) and not are_counts(-1)


def test_by_name_every_name_and_every_value_counts() -> None:
    assert by_name({}, is_rank) and by_name({"a": 1, "b.c": 2}, is_rank)
    assert not by_name({"a*": 1}, is_rank) and not by_name({"a": 0}, is_rank) and not by_name({"a": 1, "b": 0}, is_rank)
    assert not by_name([("a", 1)], is_rank) and not by_name("a", is_rank)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("base_model_name_or_path", ["", "the/base"], [3, {"a": 1}]),
        ("task_type", ["CAUSAL_LM"], [3]),
        ("fan_in_fan_out", [True, False], [1, "yes"]),
        ("use_rslora", [True, False], [0]),
        ("use_dora", [True, False], [0]),
        ("lora_bias", [True, False], [0]),
        ("r", [8], [0]),
        ("lora_alpha", [8, 0.5], [1e9]),
        ("lora_dropout", [0.0, 0.1], ["0.1"]),
        ("target_modules", ["all-linear", "(.*)*", ["a", "b"]], [3, ["a*"], {}]),
        ("exclude_modules", ["a", ["a"]], ["a*", 3]),
        ("modules_to_save", [["a"], "a"], [["a*"]]),
        ("layers_pattern", ["layers"], ["a*"]),
        ("layers_to_transform", [3, [0, 1]], [-1, "3"]),
        ("rank_pattern", [{"a": 4}], [{"a": 0.5}, {"a*": 4}, 3]),
        ("alpha_pattern", [{"a": 0.5}], [{"a": "x"}, {"a*": 4}]),
        ("bias", ["none", "all", "lora_only"], ["some", None, True]),
        ("init_lora_weights", [True, False, "gaussian"], ["pissa", "olora", "eva"]),
    ],
)
def test_each_setting_that_plain_lora_has_is_checked(name: str, good: list[Any], bad: list[Any]) -> None:
    assert [bool(CHECKS[name](value)) for value in good] == [True] * len(good)
    assert [bool(CHECKS[name](value)) for value in bad] == [False] * len(bad)


def test_what_is_left_out_or_empty_is_plain_and_what_does_not_matter_is_passed_over() -> None:
    settings: dict[str, Any] = {
        "r": 4, "bias": None, "auto_mapping": {"evil": 1}, "peft_version": "99", "megatron_config": None,
        "loftq_config": {}, "arrow_config": False, "target_modules": "x",
    }  # fmt: skip
    assert plain_settings(Path("there"), settings) == {"r": 4, "target_modules": "x"}
    for name, value in (("megatron_config", {"a": 1}), ("tomorrow", True), ("r", 0)):
        with pytest.raises(ModelError, match=rf"^straw reads plain LoRA adapters, and those in there have {name}="):
            plain_settings(Path("there"), {**settings, name: value})


# --- the files


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["up_proj"]}
    (tmp_path / ADAPTER_CONFIG).write_text(json.dumps(config))
    tensors = {UP.format(layer, which): torch.zeros(2, 2) for layer in (1, 0) for which in "AB"}
    save_file({**tensors, "base_model.model.lm_head.weight": torch.zeros(1)}, tmp_path / ADAPTER_WEIGHTS)
    return tmp_path


def test_layers_are_named_once_in_order_and_what_is_no_adapter_is_none() -> None:
    names = {UP.format(layer, which) for layer in (1, 0) for which in "AB"} | {"base_model.model.lm_head.weight"}
    assert layers_of(names) == ["model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"]
    assert layers_of({"base_model.model.lm_head.lora_A.weight"}) == ["lm_head"] and layers_of(set()) == []


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        ("all-linear", "all-linear"),
        (["up_proj"], {"up_proj"}),
        ("(.*)*", {"model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"}),
        ("up_proj", {"model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"}),
    ],
)
def test_a_pattern_gives_way_to_the_layers_that_have_weights_and_a_list_does_not(
    targets: Any, chosen: Any, adapter: Path
) -> None:
    config = json.loads((adapter / ADAPTER_CONFIG).read_text()) | {"target_modules": targets}
    (adapter / ADAPTER_CONFIG).write_text(json.dumps(config))
    assert adapter_config(adapter).target_modules == chosen


@pytest.mark.parametrize("text", ["[]", "{}", '{"peft_type": 3}', '{"peft_type": null}', "3"])
def test_settings_without_a_kind_are_broken(text: str, tmp_path: Path) -> None:
    (tmp_path / ADAPTER_CONFIG).write_text(text)
    with pytest.raises(ModelError, match=r"has a broken adapter_config\.json \(it names no peft_type\): copy it again"):
        written_settings(tmp_path)


def test_settings_of_a_mebibyte_are_read_and_none_that_are_larger(tmp_path: Path) -> None:
    (tmp_path / ADAPTER_CONFIG).write_text('{"peft_type": "LORA"}'.ljust(2**20))
    assert written_settings(tmp_path) == {"peft_type": "LORA"}
    (tmp_path / ADAPTER_CONFIG).write_text('{"peft_type": "LORA"}'.ljust(2**20 + 1))
    with pytest.raises(ModelError, match="at most 1,048,576 are read"):
        written_settings(tmp_path)
