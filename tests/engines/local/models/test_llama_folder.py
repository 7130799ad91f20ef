"""A Llama's folder read without transformers, beside transformers' own reading of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from straw.engines.local.models.cache import models_folder
from straw.engines.local.models.llama_folder import bare_llama, filled, sizes_in, weights_in
from straw.text.chat.character_tokenizer import character_tokenizer

SIZES: dict[str, Any] = {
    "vocab_size": 400, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
    "intermediate_size": 80, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "pad_token_id": 0,
    "eos_token_id": 1, "bos_token_id": 3,
}  # fmt: skip


def a_folder(folder: Path, **sizes: Any) -> Path:
    torch.manual_seed(5)
    model = LlamaForCausalLM(LlamaConfig(**{**SIZES, **sizes}))
    model.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    return folder


KINDS: list[dict[str, Any]] = [
    {"tie_word_embeddings": True}, {"tie_word_embeddings": False}, {"head_dim": 16}, {"num_key_value_heads": 6},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 50_000.0}}, {"pad_token_id": None},
    {"eos_token_id": [1, 2]},
]  # fmt: skip


@pytest.mark.parametrize("sizes", KINDS, ids=str)
@torch.no_grad()
def test_names_weights_and_logits_are_those_that_transformers_reads(tmp_path: Path, sizes: dict[str, Any]) -> None:
    folder = a_folder(tmp_path / "model", **sizes)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    mine = bare_llama(str(folder))
    assert mine is not None and not mine.training
    assert [name for name, _ in mine.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    for (name, one), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other) and one.requires_grad, name
    assert torch.equal(mine.model.rotary_emb.inv_freq, theirs.model.rotary_emb.inv_freq)
    assert mine.model.embed_tokens.padding_idx == theirs.model.embed_tokens.padding_idx
    assert (mine.lm_head.weight is mine.model.embed_tokens.weight) == theirs.config.tie_word_embeddings
    tokens = torch.arange(1, 60)
    wanted = theirs(tokens.unsqueeze(0)).logits[0]
    assert torch.allclose(mine(tokens), wanted, atol=2e-6) and float(wanted.abs().max()) > 0.1


CHANGED: list[tuple[str, Any]] = [
    ("model_type", "mistral"), ("hidden_act", "gelu"), ("attention_bias", True), ("mlp_bias", True),
    ("pretraining_tp", 2), ("rope_parameters", {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}),
    ("rope_parameters", {"rope_type": "linear", "rope_theta": 1e4}), ("something_new", 1), ("rope_interleaved", True),
    ("rope_scaling", {"type": "linear", "factor": 2.0}), ("vocab_size", None), ("sliding_window", 64),
    ("partial_rotary_factor", 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), CHANGED, ids=str)
def test_what_is_not_plain_is_left_to_transformers(tmp_path: Path, name: str, value: Any) -> None:
    folder = a_folder(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    assert sizes_in(config) is not None
    config[name] = value
    assert sizes_in(config) is None


def test_a_config_of_older_days_says_the_same(tmp_path: Path) -> None:
    config = json.loads((a_folder(tmp_path / "model") / "config.json").read_text())
    theta = config.pop("rope_parameters")["rope_theta"]
    old = {**config, "rope_theta": theta, "rope_scaling": None, "torch_dtype": "float32"}
    found = sizes_in(old)
    assert found is not None and found.rope_theta == theta


def test_files_that_lack_a_weight_or_have_another_are_left_to_transformers(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "model")
    whole, sizes = weights_in(folder), sizes_in(json.loads((folder / "config.json").read_text()))
    assert sizes is not None and filled(sizes, whole) is not None
    assert filled(sizes, {name: one for name, one in whole.items() if name != "model.norm.weight"}) is None
    assert filled(sizes, {**whole, "model.more.weight": torch.ones(1)}) is None
    assert filled(sizes, {**whole, "model.norm.weight": torch.ones(47)}) is None


def test_other_names_and_other_models_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_folder(tmp_path / "tiny-1M")
    monkeypatch.chdir(tmp_path)
    assert bare_llama("tiny-1M") is None  # the embedded one, whatever lies here
    assert bare_llama("nowhere") is None and bare_llama("org/name") is None
    Qwen2ForCausalLM(Qwen2Config(**{**SIZES, "num_attention_heads": 6})).save_pretrained(tmp_path / "qwen")
    character_tokenizer().save_pretrained(tmp_path / "qwen")
    assert bare_llama(str(tmp_path / "qwen")) is None


def test_half_precision_in_the_file_is_float32_here_and_what_is_mapped_may_be_written(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "model")
    file = folder / "model.safetensors"
    before = load_file(file)
    mine = bare_llama(str(folder))
    assert mine is not None
    mine.model.norm.weight.data.fill_(7.0)
    assert torch.equal(load_file(file)["model.norm.weight"], before["model.norm.weight"])
    save_file({name: one.bfloat16() for name, one in before.items()}, file, {"format": "pt"})
    again = bare_llama(str(folder))
    assert again is not None and {one.dtype for one in again.parameters()} == {torch.float32}


WORKER = """
import sys
from straw.config import load_page
from straw.engines.local.build import load_worker
page = load_page(None, {"model_name": sys.argv[1], "engine": "monarch", "dtype": "float32", "device": "cpu"}).page
engine = load_worker(page)
print(engine.embed_tokens([(5, 6, 7)])[0][:2], "transformers" in sys.modules, "peft" in sys.modules)
"""


def test_a_worker_imports_nothing_of_transformers_and_has_the_bits_of_one_that_does(tmp_path: Path) -> None:
    from straw.config import load_page
    from straw.engines.local.build import load_engine

    folder = a_folder(tmp_path / "model")
    done = subprocess.run([sys.executable, "-c", WORKER, str(folder)], capture_output=True, text=True, check=True)
    page = load_page(None, {"model_name": str(folder), "engine": "monarch", "dtype": "float32", "device": "cpu"}).page
    (whole,) = load_engine(page).embed_tokens([(5, 6, 7)])
    assert done.stdout.strip() == f"{whole[:2]} False False"


@pytest.mark.skipif(not (models_folder() / "smollm2").is_dir(), reason="SmolLM2 is not there: straw models add smollm2")
def test_smollm2_is_plain() -> None:
    sizes = sizes_in(json.loads((models_folder() / "smollm2" / "config.json").read_text()))
    assert sizes is not None and (sizes.num_key_value_heads, sizes.rope_theta) == (3, 100_000.0)
