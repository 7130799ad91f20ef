from __future__ import annotations

import builtins
import json
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.engines.local.kinds import trainable_parameters
from tests.engines.local.small_models import KINDS, make_small
from torch import nn
from transformers import PreTrainedModel

from straw.engines.local.adapters.lora import add_lora, check_size, load_adapter, save_adapter
from straw.errors import ConfigError, ModelError, RunError

TOKENS = torch.arange(10, 40).unsqueeze(0)


@torch.no_grad()
def logits(model: nn.Module) -> torch.Tensor:
    return model(TOKENS).logits


def trained(model: PreTrainedModel, seed: int = 0) -> nn.Module:
    """Adapters that are no longer zero."""
    adapted = add_lora(model, rank=2, alpha=4, seed=seed)
    with torch.no_grad():
        for index, parameter in enumerate(trainable_parameters(adapted)):
            parameter.add_(0.01 * (index + 1))
    return adapted


@pytest.mark.parametrize("kind", KINDS)
def test_fresh_adapters_change_nothing_and_train_alone(kind: str) -> None:
    model = make_small(kind)
    before, frozen = logits(model), {name for name, _ in model.named_parameters()}
    adapted = add_lora(model, rank=2)
    assert torch.equal(logits(model), before)
    assert adapted.get_base_model() is model  # put into the model in place
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert not frozen & set(names)
    assert len(names) == 2 * 7 * model.config.num_hidden_layers  # A and B at q k v o gate up down
    assert not any("lm_head" in name or "embed" in name for name in names)


def test_an_adapter_adds_its_share_of_b_times_a() -> None:
    layer = trained(make_small("llama")).get_base_model().model.layers[0].mlp.up_proj
    x = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = x @ layer.base_layer.weight.t() + 4 / 2 * (x @ a.t()) @ b.t()
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_adapters_are_a_function_of_the_seed_and_draw_nothing_from_others() -> None:
    first = add_lora(make_small("llama"), rank=2, seed=5)
    torch.rand(3)
    state = torch.random.get_rng_state()
    again = add_lora(make_small("llama"), rank=2, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)
    other = add_lora(make_small("llama"), rank=2, seed=6)
    pairs = list(zip(trainable_parameters(first), trainable_parameters(again), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(trainable_parameters(first)[0], trainable_parameters(other)[0])


def test_there_is_no_dropout() -> None:
    adapted = add_lora(make_small("llama"), rank=2)
    assert not any(isinstance(module, nn.Dropout) for module in adapted.modules())
    assert not any(module.training for module in adapted.modules())


def test_named_layers_alone_get_adapters() -> None:
    adapted = add_lora(make_small("llama"), rank=2, targets="q_proj, v_proj")
    names = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(names) == 2 * 2 * 2
    assert all(".q_proj." in name or ".v_proj." in name for name in names)


def test_without_adapters_every_weight_trains_once() -> None:
    model = make_small("qwen2")  # its head is its embedding
    assert sum(p.numel() for p in trainable_parameters(model)) == model.num_parameters()
    assert [id(p) for p in trainable_parameters(model)] == [id(p) for p in model.parameters()]


@pytest.mark.parametrize("kind", KINDS)
def test_saved_adapters_come_back_the_same(kind: str, tmp_path: Path) -> None:
    adapted = trained(make_small(kind))
    save_adapter(adapted, tmp_path / "adapter", base="the/base")
    state = torch.random.get_rng_state()
    again = load_adapter(make_small(kind), tmp_path / "adapter")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(logits(again), logits(adapted))
    assert all(
        torch.equal(a, b) for a, b in zip(trainable_parameters(adapted), trainable_parameters(again), strict=True)
    )


def test_the_folder_is_in_peft_s_own_form(tmp_path: Path) -> None:
    save_adapter(trained(make_small("llama")), tmp_path / "adapter", base="the/base")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 2, 4)
    assert config["base_model_name_or_path"] == "the/base"
    assert config["target_modules"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert tensors["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"].shape == (2, 32)


def test_adapters_on_disk_are_never_overwritten(tmp_path: Path) -> None:
    adapted = trained(make_small("llama"))
    save_adapter(adapted, tmp_path / "adapter", base="a")
    with pytest.raises(RunError, match="overwrites nothing"):
        save_adapter(adapted, tmp_path / "adapter", base="b")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapted = trained(make_small("llama"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("peft.peft_model.safe_save_file", full)
    with pytest.raises(RunError, match="is full"):
        save_adapter(adapted, tmp_path / "deep" / "adapter", base="a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("deeper", "where"), [("model", "model"), ("file", "file")])
def test_a_layer_that_only_one_of_both_has_is_named_with_its_place(deeper: str, where: str, tmp_path: Path) -> None:
    """Layers count from 0: the third is there in the model alone, or in the file alone."""

    def deep(num_layers: int) -> PreTrainedModel:
        model = make_small("llama")
        model.model.layers = nn.ModuleList(
            [model.model.layers[0]] + [deepcopy(model.model.layers[0]) for _ in range(num_layers - 1)]
        )
        return model

    in_file, in_model = (3, 2) if deeper == "file" else (2, 3)
    save_adapter(trained(deep(in_file)), tmp_path / "adapter", base="a")
    with pytest.raises(ModelError, match=rf"layers\.2\..* is only in the {where}"):
        load_adapter(deep(in_model), tmp_path / "adapter")


@pytest.mark.parametrize("kind", ["qwen2 of another width", "gemma3"])
def test_adapters_of_another_model_are_refused(kind: str, tmp_path: Path) -> None:
    """Gemma 3 has two layers more, which PEFT alone would fill with fresh adapters."""
    save_adapter(trained(make_small("llama")), tmp_path / "adapter", base="a")
    other = make_small("gemma3")
    if kind != "gemma3":
        other = make_small("qwen2")
        other.model.layers[0].mlp.up_proj = nn.Linear(32, 48, bias=False)
    with pytest.raises(ModelError, match="belong to another model") as caught:
        load_adapter(other, tmp_path / "adapter")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("adapter_model.safetensors", None, "has no adapter_model.safetensors"),
        ("adapter_model.safetensors", b"short", "has a broken adapter_model.safetensors"),
        ("adapter_config.json", b"{", "has a broken adapter_config.json"),
        ("adapter_config.json", b'{"peft_type": "FLYING"}', "has a broken adapter_config.json"),
        ("adapter_config.json", b'{"peft_type": "PROMPT_TUNING"}', "reads LoRA adapters"),
    ],
)
def test_a_broken_adapter_folder_is_one_line(file: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    save_adapter(trained(make_small("llama")), folder, base="a")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        load_adapter(make_small("llama"), folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rank", "alpha", "targets", "words"),
    [
        (0, 32.0, "all-linear", "a rank of at least 1; got lora_rank=0"),
        (4, 0.0, "all-linear", "lora_alpha is above 0"),
        (4, float("nan"), "all-linear", "lora_alpha is above 0"),
        (4, 32.0, "q_prj", "did you mean 'q_proj'"),
        (4, 32.0, "q_proj,flying_buttress", "known: down_proj, gate_proj, k_proj"),
        (4, 32.0, "lm_head", "got 'lm_head'"),
    ],
)
def test_adapters_that_make_no_sense_are_refused(rank: int, alpha: float, targets: str, words: str) -> None:
    model = make_small("llama")
    with pytest.raises(ConfigError, match=words):
        add_lora(model, rank, alpha, targets)
    assert all(parameter.requires_grad for parameter in model.parameters())  # nothing was touched


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_peft(name: str, *rest: object, **options: object) -> object:
        if name.split(".")[0] == "peft":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_peft)
    with pytest.raises(ConfigError, match=r"pip install 'straw\[peft\]'"):
        add_lora(make_small("llama"), rank=2)


@pytest.mark.parametrize(("rank", "alpha"), [(1, 1.0), (1, 0.25), (2, 0.5)])
def test_the_least_rank_and_an_alpha_below_one_are_sizes_too(rank: int, alpha: float) -> None:
    check_size(rank, alpha)
    with pytest.raises(ConfigError, match="a rank of at least 1; got lora_rank="):
        check_size(rank - 2, alpha)
