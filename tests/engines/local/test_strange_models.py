"""A model folder that somebody else made: only its own files are read, and only as far as plain weights go."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engines.local.adapters.test_lora import logits, trained
from tests.engines.local.small_models import make_small, save_small

from straw.engines.local.adapters.folder import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_config
from straw.engines.local.adapters.lora import load_adapter, save_adapter
from straw.engines.local.models.folder import INDEX, WEIGHTS, shortcoming, weight_files
from straw.engines.local.models.resolve import load_model
from straw.errors import ModelError

STEM = "base_model.model.model.layers.0.mlp.up_proj.lora_"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound model in shards, and another one beside it that nobody asked for."""
    place = tmp_path_factory.mktemp("models")
    save_small("llama", place / "model")
    (place / "model" / WEIGHTS).unlink()
    make_small("llama").save_pretrained(place / "model", max_shard_size="60KB")
    shutil.copyfile(next((place / "model").glob("*-of-*.safetensors")), place / "x.safetensors")
    return place


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "models")
    return tmp_path / "models" / "model"


@pytest.mark.parametrize(
    "name", ["num_hidden_layers", "hidden_size", "vocab_size", "intermediate_size", "head_dim", "num_attention_heads"]
)
def test_a_config_of_a_milliard_is_refused_before_any_of_it_is_made(name: str, model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {name: 10**9}))
    assert "take the config.json that belongs to it" in str(shortcoming(model))
    (model / "config.json").write_text(json.dumps({"model_type": "llama", "text_config": config | {name: 10**9}}))
    assert "1,000,000,000" in str(shortcoming(model))
    (model / "config.json").write_text(json.dumps(config | {name: "1"}))  # transformers says what that is
    assert shortcoming(model) is None


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(str(folder)).chat()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the index


def index(folder: Path, change: Callable[[str], str]) -> None:
    """Where the weights of the first shard are said to be."""
    facts = json.loads((folder / INDEX).read_text())
    first = min(facts["weight_map"].values())
    facts["weight_map"] = {key: change(file) if file == first else file for key, file in facts["weight_map"].items()}
    (folder / INDEX).write_text(json.dumps(facts))


class Pickled:
    """What runs a program when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "../model/../x.safetensors", "sub/x.safetensors", "..", "x.bin", ""]
)
def test_an_index_names_files_of_its_own_folder_and_of_one_kind(name: str, model: Path) -> None:
    (model / "sub").mkdir()
    for place in (model / "sub" / "x.safetensors", model / "x.bin"):
        shutil.copyfile(model.parent / "x.safetensors", place)
    index(model, lambda file: name)
    assert "shards are .safetensors files beside it" in refusal(model)


def test_an_index_with_a_whole_path_is_refused(model: Path) -> None:
    index(model, lambda file: str(model.parent / "x.safetensors"))
    assert "shards are .safetensors files beside it" in refusal(model)


def test_nothing_is_ever_unpickled(model: Path, tmp_path: Path) -> None:
    torch.save({"model.norm.weight": Pickled(tmp_path / "the-code-has-run")}, model / "x.bin")
    index(model, lambda file: "x.bin")
    assert "names 'x.bin'" in refusal(model)
    assert not (tmp_path / "the-code-has-run").exists()


@pytest.mark.parametrize("value", [1, None, ["a"], {"a": 1}])
def test_an_index_of_anything_but_names_cannot_be_read(value: Any, model: Path) -> None:
    index(model, lambda file: value)
    assert f"a {INDEX} that cannot be read" in refusal(model)


def test_a_link_out_of_the_folder_is_not_followed(model: Path) -> None:
    first = min(model.glob("*-of-*.safetensors"))
    first.unlink()
    first.symlink_to(model.parent / "x.safetensors")
    assert f"has a {first.name} that leads to another folder" in refusal(model)


def test_a_single_file_beside_an_index_is_looked_at_too_since_it_is_the_one_that_is_read(model: Path) -> None:
    (model / WEIGHTS).symlink_to(model.parent / "x.safetensors")
    assert f"has a {WEIGHTS} that leads to another folder" in refusal(model)
    (model / WEIGHTS).unlink()
    assert model / WEIGHTS not in weight_files(model)


def test_the_hub_s_cache_keeps_the_files_of_a_model_aside(model: Path, tmp_path: Path) -> None:
    """snapshots/REVISION/model.safetensors is a link to blobs/HASH, two folders up, and to nothing else."""
    home = tmp_path / "hub" / "models--org--name"
    (home / "snapshots").mkdir(parents=True)
    shutil.copytree(model, home / "snapshots" / "0123")
    first = min((home / "snapshots" / "0123").glob("*-of-*.safetensors"))
    (home / "blobs").mkdir()
    first.rename(home / "blobs" / "abcd")
    first.symlink_to("../../blobs/abcd")
    assert shortcoming(home / "snapshots" / "0123") is None
    first.unlink()
    first.symlink_to(model.parent / "x.safetensors")
    assert "leads to another folder" in str(shortcoming(home / "snapshots" / "0123"))


# --- the config


@pytest.mark.parametrize(
    "changes",
    [
        {"transformers_weights": "../x.safetensors"},
        {"transformers_weights": "model.safetensors"},
        {"attn_implementation": "evil/kernel"},
        {"text_config": {"_attn_implementation": "evil/kernel:run"}},
    ],
)
def test_a_config_does_not_name_other_files_or_code_of_the_hub(changes: dict[str, Any], model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | changes))
    assert "has a config.json that leads elsewhere" in refusal(model)


@pytest.mark.parametrize("name", ["config.json", INDEX, "tokenizer_config.json"])
def test_json_without_bottom_and_files_without_end_are_one_line(name: Any, model: Path) -> None:
    (model / name).write_text("[" * 100_000)
    assert str(model) in refusal(model)
    with (model / name).open("wb") as file:
        file.truncate(10 << 30)
    assert f"has a {name} of 10,737,418,240 bytes" in refusal(model)


def test_a_model_folder_with_adapters_in_it_does_not_send_transformers_to_another_model(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    shutil.copytree(model, tmp_path / "home" / "models" / "mine")
    (tmp_path / "home" / "models" / "mine" / ADAPTER_CONFIG).write_text(json.dumps({"base_model_name_or_path": "../x"}))
    with pytest.raises(ModelError, match=r"a model folder holds no adapters.*take it out"):
        load_model("mine")


@pytest.mark.parametrize("template", ["{% for i in range(10**9) %}{% endfor %}", "{{ 1 / 0 }}", "{{ messages[9].x }}"])
def test_a_chat_template_that_cannot_be_rendered_is_one_line(template: str, model: Path) -> None:
    (model / "chat_template.jinja").write_text(template)
    assert "the model's chat template cannot be rendered" in refusal(model)


# --- adapters


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    save_adapter(trained(make_small("llama")), tmp_path / "adapter", base="the/base")
    return tmp_path / "adapter"


def config(folder: Path, **changes: object) -> Path:
    facts = json.loads((folder / ADAPTER_CONFIG).read_text())
    (folder / ADAPTER_CONFIG).write_text(json.dumps(facts | changes))
    return folder


@pytest.mark.parametrize("pattern", [r"(.*)*(.*)*(.*)*x", r"(\w+\.?)+!", r".*up_proj|.*down_proj", "(", "up_proj"])
def test_a_pattern_for_layers_is_not_used_since_the_weights_say_which_there_are(pattern: str, adapter: Path) -> None:
    began = time.process_time()
    expected = logits(load_adapter(make_small("llama"), adapter))
    loaded = load_adapter(make_small("llama"), config(adapter, target_modules=pattern))
    assert torch.equal(logits(loaded), expected)
    assert time.process_time() - began < 10


HOSTILE = {
    "layer_replication": [[0, 2], [0, 2], [0, 1000000]],
    "rank_pattern": {r"(\w+\.?)+!": 8},
    "alpha_pattern": {"(.*)*(.*)*x": 8},
    "exclude_modules": r"(\w+\.?)+!",
    "layers_pattern": ["(.*)*x"],
    "modules_to_save": ["(.*)*x"],
    "target_parameters": ["(.*)*x"],
    "megatron_config": {"a": 1},
    "corda_config": {"cache_file": "evil.pt"},
    "eva_config": {"rho": 2.0},
    "loftq_config": {"loftq_bits": 4},
    "trainable_token_indices": [1, 2],
    "arrow_config": {"a": 1},
    "a_setting_of_tomorrow": True,
    "init_lora_weights": "pissa",
    "r": 10**9,
    "lora_alpha": 1e300,
    "layers_to_transform": [10**9],
    "bias": "everything",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_plain_lora_is_refused_by_its_name(name: Any, adapter: Path) -> None:
    with pytest.raises(ModelError, match=f"straw reads plain LoRA adapters, and those in .* have {name}=") as caught:
        load_adapter(make_small("llama"), config(adapter, **{name: HOSTILE[name]}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"rank_pattern": {"layers.0.mlp.up_proj": 2}, "alpha_pattern": {"^model.layers.1.mlp.up_proj": 4}},
        {"layers_to_transform": [0, 1], "layers_pattern": "layers"},
        {"modules_to_save": [], "exclude_modules": ["lm_head"], "megatron_core": "evil.module", "use_rslora": False},
        {"peft_version": "99", "auto_mapping": {"parent_library": "evil"}, "init_lora_weights": "gaussian"},
    ],
)
def test_plain_settings_of_others_are_read(changes: dict[str, Any], adapter: Path) -> None:
    expected = logits(load_adapter(make_small("llama"), adapter))
    assert torch.equal(logits(load_adapter(make_small("llama"), config(adapter, **changes))), expected)


@pytest.mark.parametrize("value", [{"target_modules": 3}, {"base_model_name_or_path": {"a": 1}}, {"peft_type": 3}])
def test_settings_of_another_kind_are_one_line(value: dict[str, Any], adapter: Path) -> None:
    with pytest.raises(ModelError) as caught:
        adapter_config(config(adapter, **value))
        load_model(str(adapter))
    assert "\n" not in str(caught.value)


def test_the_weights_of_adapters_lie_in_their_folder(adapter: Path, tmp_path: Path) -> None:
    (adapter / ADAPTER_WEIGHTS).rename(tmp_path / "elsewhere.safetensors")
    (adapter / ADAPTER_WEIGHTS).symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ModelError, match="is a link out of it"):
        load_adapter(make_small("llama"), adapter)


def test_adapters_that_name_each_other_have_no_model_beneath_them(adapter: Path) -> None:
    assert "lies beneath 4 adapters, which name each other" in refusal(
        config(adapter, base_model_name_or_path=str(adapter))
    )


def test_a_pattern_and_weights_of_other_layers_are_still_another_model_s(adapter: Path) -> None:
    tensors = load_file(adapter / ADAPTER_WEIGHTS)
    tensors = {name.replace("up_proj", "flying"): tensor for name, tensor in tensors.items()}
    save_file(tensors, adapter / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="belong to another model"):
        load_adapter(make_small("llama"), config(adapter, target_modules=".*"))
