"""What a tenant saves is what PEFT loads, to the same logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tests.engines.local.small_models import KINDS, make_small
from tests.engines.tenants.made import CHAT, engine_of, perturbed
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from straw.engines.local.adapters.lora import add_lora, save_adapter
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Shape
from straw.errors import ConfigError

TOKENS = torch.arange(10, 40)


def small_gpt2() -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=len(CHAT.tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4)
        ).eval()


def make(kind: str) -> PreTrainedModel:
    return small_gpt2() if kind == "gpt2" else make_small(kind)


@torch.no_grad()
def logits(engine: TenantEngine, tokens: torch.Tensor) -> torch.Tensor:
    from straw.engines.local.forward.packing import Pack

    pack = Pack([len(tokens)], [[]], engine.device)
    with engine.acting(engine.tenants.find("a").adapter):
        return engine.head.logits(engine.reader.hidden(tokens, pack.positions, pack))


@pytest.mark.parametrize("kind", [*KINDS, "gpt2"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_peft_loads_it_with_the_same_logits(kind: str, tmp_path: Path) -> None:
    engine = TenantEngine(make(kind), CHAT, name="base/model")
    perturbed(engine, "a", Shape(rank=3, seed=1))
    engine.save("a", tmp_path / "saved", optimizer=False)
    theirs = PeftModel.from_pretrained(make(kind), str(tmp_path / "saved"))
    assert set(load_file(tmp_path / "saved" / "adapter_model.safetensors")) == {
        name.replace(".default", "") for name, _ in theirs.named_parameters() if "lora" in name
    }
    mine = logits(engine, TOKENS)
    with torch.no_grad():
        assert (theirs(TOKENS.unsqueeze(0)).logits[0] - mine).abs().max() < 1e-4
        assert (make(kind)(TOKENS.unsqueeze(0)).logits[0] - mine).abs().max() > 1e-2  # the adapters do say something
    assert theirs.peft_config["default"].base_model_name_or_path == "base/model"


def test_what_peft_saved_is_read(tmp_path: Path) -> None:
    adapted = add_lora(make_small("llama"), 2, alpha=6, targets="q_proj,up_proj", seed=4)
    with torch.no_grad():
        for p in adapted.parameters():
            if p.requires_grad:
                p.add_(0.05)
        expected = adapted(TOKENS.unsqueeze(0)).logits[0]
    save_adapter(adapted, tmp_path / "theirs", "llama")
    engine = engine_of()
    shape = engine.load("a", tmp_path / "theirs", optimizer=False)
    assert shape == Shape(rank=2, alpha=6.0, unembed=False)
    assert (logits(engine, TOKENS) - expected).abs().max() < 1e-4


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_layers_with_one_last_name_are_told_apart(tmp_path: Path) -> None:
    """GPT-2 has a c_proj in its attention and one in its mlp."""
    engine = TenantEngine(small_gpt2(), CHAT)
    perturbed(engine, "a", Shape(rank=3, seed=1, mlp=False))
    engine.save("a", tmp_path / "saved", optimizer=False)
    theirs = PeftModel.from_pretrained(small_gpt2(), str(tmp_path / "saved"))
    assert len([name for name, _ in theirs.named_parameters() if "lora" in name]) == 2 * (2 * 2 + 1)


def without_half(folder: Path, settings: dict[str, Any]) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.pop("base_model.model.lm_head.lora_B.weight")
    save_file(tensors, file)


def another_layer(folder: Path, settings: dict[str, Any]) -> None:
    save_file({"base_model.model.model.x.lora_A.weight": torch.zeros(2, 2)}, folder / "adapter_model.safetensors")


def damaged(folder: Path, settings: dict[str, Any]) -> None:
    (folder / "adapter_model.safetensors").write_bytes(b"no safetensors at all")


def gone(folder: Path, settings: dict[str, Any]) -> None:
    (folder / "adapter_model.safetensors").unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_half, "those of lm_head do not fit"),
        (another_layer, "no linear layer 'model.x'"),
        (damaged, "broken adapter_model"),
        (gone, "has no adapter_model"),
        (lambda folder, settings: settings.update(r=4), "rank 4 by its config"),
        (lambda folder, settings: settings.update(r=True), "r='True'"),
        (lambda folder, settings: settings.update(use_rslora=True), "use_rslora='True'"),
        (lambda folder, settings: settings.update(rank_pattern={"q_proj": 4}), "rank_pattern"),
        (lambda folder, settings: settings.update(peft_type="VERA"), "holds VERA"),
        (lambda folder, settings: settings.update(lora_alpha=0), "lora_alpha"),
        (lambda folder, settings: settings.clear(), "names no peft_type"),
    ],
)
def test_a_folder_that_is_wrong_is_one_line_without_its_path(change: Any, message: str, tmp_path: Path) -> None:
    engine = engine_of()
    perturbed(engine, "a", Shape(rank=3, seed=1))
    engine.save("a", tmp_path / "bad", optimizer=True)
    settings = json.loads((tmp_path / "bad" / "adapter_config.json").read_text())
    change(tmp_path / "bad", settings)
    (tmp_path / "bad" / "adapter_config.json").write_text(json.dumps(settings))
    for act in (
        lambda: engine.load("b", tmp_path / "bad", optimizer=True),
        lambda: engine.load_snapshot("s", tmp_path / "bad"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            act()
        assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)
    assert "b" not in engine.tenants and "s" not in engine.snapshots
