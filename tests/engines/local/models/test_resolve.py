from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from tests.engines.local.small_gguf import dequantised, matrices, save_small_gguf
from tests.engines.local.small_models import KINDS, make_small, save_small
from transformers import PreTrainedModel

from straw.engines.local.adapters.lora import add_lora, save_adapter
from straw.engines.local.models.folder import INDEX, WEIGHTS
from straw.engines.local.models.resolve import load_model
from straw.errors import ModelError
from straw.types import Message

TOKENS = torch.arange(10, 50).unsqueeze(0)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small("llama", tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(autouse=True)
def an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "straw" / "models").mkdir(parents=True)
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "straw"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@torch.no_grad()
def logits(model: PreTrainedModel) -> torch.Tensor:
    return model(TOKENS).logits


def refusal(name: str | Path) -> str:
    """What is said about a model that cannot be loaded: one line."""
    with pytest.raises(ModelError) as caught:
        load_model(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- embedded --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"), [("tiny-0.2M", 183_040), ("tiny-1M", 1_095_424), ("tiny-5M", 4_985_344)]
)
def test_an_embedded_model_is_about_as_large_as_its_name_says(name: str, parameters: int) -> None:
    model = load_model(name).model
    assert model.num_parameters() == parameters
    assert parameters == pytest.approx(float(name[5:-1]) * 1e6, rel=0.1)
    assert model.config.max_position_embeddings >= 1024


def test_the_seed_alone_makes_an_embedded_model() -> None:
    first = load_model("tiny-0.2M", seed=3).model
    torch.rand(7)
    again, other = load_model("tiny-0.2M", seed=3).model, load_model("tiny-0.2M", seed=4).model
    assert torch.equal(logits(first), logits(again))
    assert not torch.equal(logits(first), logits(other))


# --- folders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_comes_back_the_same(kind: str, tmp_path: Path) -> None:
    loaded = load_model(str(save_small(kind, tmp_path / kind)))
    assert torch.equal(logits(loaded.model), logits(make_small(kind)))
    assert loaded.chat().decode(loaded.chat().encode_reply("7 é")) == "7 é"
    assert loaded.source == str(tmp_path / kind)


def test_changing_a_loaded_model_leaves_the_file_alone(tmp_path: Path, llama: Path) -> None:
    folder = copy_of(llama, tmp_path)
    before = (folder / WEIGHTS).read_bytes()
    with torch.no_grad():
        for parameter in load_model(str(folder)).model.parameters():
            parameter.mul_(2)
    assert (folder / WEIGHTS).read_bytes() == before


def test_weights_are_float32_whatever_the_file_holds(tmp_path: Path, llama: Path) -> None:
    folder = copy_of(llama, tmp_path)
    make_small("llama").to(torch.bfloat16).save_pretrained(folder)
    model = load_model(str(folder)).model
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_dropout_never_acts(tmp_path: Path, llama: Path) -> None:
    model = load_model(str(with_config(copy_of(llama, tmp_path), attention_dropout=0.5))).model
    assert not any(module.training for module in model.modules())
    assert torch.equal(logits(model), logits(make_small("llama")))


def test_weights_in_shards_are_read(tmp_path: Path, llama: Path) -> None:
    assert torch.equal(logits(load_model(str(in_shards(copy_of(llama, tmp_path)))).model), logits(make_small("llama")))


def test_the_end_tokens_of_the_generation_config_close_a_reply(tmp_path: Path, llama: Path) -> None:
    folder = copy_of(llama, tmp_path)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 9]}))
    chat = load_model(str(folder)).chat()
    assert (chat.end, chat.closes) == (1, {1, 9})


def test_straw_s_cache_goes_before_a_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = save_small("llama", tmp_path / "straw" / "models" / "mine")
    save_small("qwen2", tmp_path / "here" / "mine")
    monkeypatch.chdir(tmp_path / "here")
    assert load_model("mine").source == str(cached)
    shutil.rmtree(cached)
    assert load_model("mine").model.config.model_type == "qwen2"


def test_weights_that_nobody_reads_are_told_of(tmp_path: Path, llama: Path) -> None:
    with pytest.warns(UserWarning, match=r"9 weights that the model ignores: model.layers.1.input_layernorm"):
        load_model(str(with_config(copy_of(llama, tmp_path), num_hidden_layers=1)))


# --- GGUF, adapters, the hub -----------------------------------------------------------------


def test_a_gguf_file_is_unpacked_and_survives_saving(tmp_path: Path) -> None:
    loaded = load_model(str(save_small_gguf(tmp_path / "small.gguf")))
    up = loaded.model.model.layers[1].mlp.up_proj.weight.detach().numpy()
    assert (up == dequantised(matrices()["blk.1.ffn_up.weight"])).all()
    loaded.model.save_pretrained(tmp_path / "saved")
    loaded.tokenizer.save_pretrained(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"))
    assert torch.equal(logits(again.model), logits(loaded.model))
    messages = [Message("user", "37 é?")]
    assert again.chat().opening(messages) == loaded.chat().opening(messages)
    assert again.tokenizer.convert_ids_to_tokens(again.chat().encode_reply("37")) == ["37", "<|im_end|>"]


@pytest.mark.parametrize("damage", ["cut short", "no GGUF", "empty", "missing"])
def test_a_broken_gguf_file_is_one_line(damage: str, tmp_path: Path) -> None:
    file = save_small_gguf(tmp_path / "small.gguf")
    data = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes({"cut short": data[:9000], "no GGUF": b"hello" * 100, "empty": b""}[damage])
    assert str(file) in refusal(file)


def test_an_adapter_folder_is_its_base_with_the_adapters_in_it(tmp_path: Path, llama: Path) -> None:
    adapted = add_lora(load_model(str(llama)).model, rank=2, seed=1)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.01)
    save_adapter(adapted, tmp_path / "adapter", base=str(llama))
    loaded = load_model(str(tmp_path / "adapter"))
    assert not torch.allclose(logits(loaded.model), logits(make_small("llama")), atol=1e-3)
    assert torch.allclose(logits(loaded.model), logits(adapted), atol=1e-4)
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.source == f"{llama} with {tmp_path / 'adapter'}"


def test_a_lost_base_is_named(tmp_path: Path, llama: Path) -> None:
    base = copy_of(llama, tmp_path)
    save_adapter(add_lora(load_model(str(base)).model, rank=2), tmp_path / "adapter", base=str(base))
    shutil.rmtree(base)
    assert f"there is no folder {str(base)!r}" in refusal(tmp_path / "adapter")


def test_a_hub_model_that_was_fetched_before_needs_no_network(tmp_path: Path) -> None:
    repository, commit = tmp_path / "hub" / "models--org--name", "0123456789abcdef0123456789abcdef01234567"
    save_small("llama", repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    assert load_model("org/name").source == "org/name@0123456789ab"
    assert load_model("org/name", trust_remote_code=True).source == "org/name@0123456789ab"


def test_a_hub_model_out_of_reach_names_the_ways_out() -> None:
    assert refusal("org/name") == (
        "'org/name' is no folder here, and the hub cannot be reached for it: give the path of a model folder "
        "or .gguf file, or run `straw models add smollm2` and write smollm2"
    )


# --- what is no model ------------------------------------------------------------------------


def copy_of(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def with_config(folder: Path, **changes: object) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


def in_shards(folder: Path) -> Path:
    (folder / WEIGHTS).unlink()
    make_small("llama").save_pretrained(folder, max_shard_size="60KB")
    return folder


def lose_a_weight(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def lose_a_shard(folder: Path) -> None:
    sorted(in_shards(folder).glob("*.safetensors"))[1].unlink()


def cut(folder: Path, name: str, num_bytes: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:num_bytes])


def bring_code(folder: Path) -> None:
    (folder / "code.py").write_text("raise SystemExit('this code must not run')")
    with_config(folder, model_type="own", auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"})


def bring_a_stranger_s_tokenizer(folder: Path) -> None:
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["vocab"] = {token: 1000 + i for token, i in tokenizer["model"]["vocab"].items()}
    tokenizer["added_tokens"] = []
    file.write_text(json.dumps(tokenizer))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "config cut short": (lambda f: cut(f, "config.json", 9), "a config.json that cannot be read"),
    "config of another program": (lambda f: (f / "config.json").write_text("[]"), "without a model_type"),
    "unknown architecture": (lambda f: with_config(f, model_type="flying"), "model type `flying`"),
    "no language model": (lambda f: with_config(f, model_type="t5"), "AutoModelForCausalLM"),
    "quantised": (lambda f: with_config(f, quantization_config={}), "take the unquantised model or a GGUF file"),
    "code of its own": (bring_code, "write trust_remote_code=true"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), f"has no {WEIGHTS}"),
    "pickled weights": (lambda f: (f / WEIGHTS).rename(f / "pytorch_model.bin"), "reads no pickled .bin files"),
    "weights cut short": (lambda f: cut(f, WEIGHTS, 20_000), f"has a broken {WEIGHTS}"),
    "empty weights": (lambda f: cut(f, WEIGHTS, 0), f"has a broken {WEIGHTS}"),
    "a shard is missing": (lose_a_shard, "has no model-00002-of-00003.safetensors"),
    "index cut short": (lambda f: cut(in_shards(f), INDEX, 9), f"a {INDEX} that cannot be read"),
    "a weight is missing": (lose_a_weight, "lacks 1: model.layers.0.mlp.up_proj.weight"),
    "weights of a shallower model": (lambda f: with_config(f, num_hidden_layers=3), "lacks 9: model.layers.2"),
    "weights of a narrower model": (lambda f: with_config(f, intermediate_size=80), "is (32, 64), not (32, 80)"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer (tokenizer.json)"),
    "tokenizer cut short": (lambda f: cut(f, "tokenizer.json", 900), "the tokenizer of"),
    "tokenizer of another model": (bring_a_stranger_s_tokenizer, "below the model's vocabulary of 357"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_folder_that_is_no_model_says_what_it_lacks(damage: str, tmp_path: Path, llama: Path) -> None:
    folder = copy_of(llama, tmp_path)
    break_it, words = BROKEN[damage]
    break_it(folder)
    said = refusal(folder)
    assert words in said
    assert str(folder) in said


def test_a_folder_with_a_gguf_file_points_at_the_file(tmp_path: Path) -> None:
    file = save_small_gguf(tmp_path / "small.gguf")
    assert f"for its GGUF file write {file}" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tiny-2M", "there is no model 'tiny-2M' (did you mean 'tiny-0.2M'?)"),
        ("smolm2", "did you mean 'smollm2'?"),
        ("smollm2", "run `straw models add smollm2`"),
        ("gpt9", "known: smollm2, tiny-0.2M, tiny-1M, tiny-1M-3digits, tiny-1M-numbers, tiny-5M"),
        ("", "there is no model ''"),
        ("/no/such/folder", "there is no folder '/no/such/folder'"),
        ("runs/first/model", "there is no folder 'runs/first/model'"),
        pytest.param(__file__, "is another file", id="a file of Python"),
        ("x" * 300, "there is no model 'xxx"),
        ("x" * 300 + ".gguf", "there is no file xxx"),
        ("~nobody/model", "there is no folder '~nobody/model'"),
        ("nul\0nul", "there is no model"),
    ],
)
def test_an_unknown_name_is_told_its_neighbour_and_the_ways_out(name: str, words: str) -> None:
    assert words in refusal(name)
