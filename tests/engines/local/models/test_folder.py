"""What a model's folder lacks, by headers of files that are next to empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from straw.engines.local.models.folder import (
    INDEX,
    LARGEST,
    TOKENIZERS,
    WEIGHTS,
    belongs,
    config_shortcoming,
    count_weights,
    elsewhere,
    first_line,
    shortcoming,
    size_bytes,
    size_shortcoming,
    tokenizer_shortcoming,
    weight_files,
    weights_shortcoming,
)
from straw.files import MIB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound one, of five numbers in two shards."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text('{"model_type": "llama"}')
    (made / "tokenizer.json").write_text("{}")
    save_file({"a": torch.zeros(2), "scalar": torch.zeros(())}, made / "one.safetensors")
    save_file({"b": torch.zeros(2, 1)}, made / "two.safetensors")
    index(made, {"a": "one.safetensors", "scalar": "one.safetensors", "b": "two.safetensors"})
    return made


def index(folder: Path, weight_map: dict[str, Any]) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))


def config(folder: Path, **settings: object) -> str | None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | settings))
    return config_shortcoming(folder)


def test_a_sound_folder_lacks_nothing_and_has_the_weights_of_all_its_shards(folder: Path) -> None:
    assert shortcoming(folder) is None
    assert weight_files(folder) == [folder / "one.safetensors", folder / "two.safetensors"]
    assert count_weights(folder) == 2 + 1 + 2


def test_a_single_file_is_read_in_place_of_shards_and_both_are_looked_at(folder: Path) -> None:
    save_file({"c": torch.zeros(7, 3)}, folder / WEIGHTS)
    assert count_weights(folder) == 21
    assert weight_files(folder) == [folder / WEIGHTS, folder / "one.safetensors", folder / "two.safetensors"]
    (folder / INDEX).unlink()
    assert weight_files(folder) == [folder / WEIGHTS]
    (folder / WEIGHTS).unlink()
    assert weight_files(folder) == [folder / WEIGHTS] and weights_shortcoming(folder) == f"has no {WEIGHTS}"


def test_the_size_is_that_of_all_files_in_it_and_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_bytes(b"x" * 5)
    (tmp_path / "sub" / "b").write_bytes(b"x" * 7)
    assert size_bytes(tmp_path) == 12


@pytest.mark.parametrize("name", ["config.json", "chat_template.jinja", "merges.txt", "tokenizer.model"])
def test_a_file_that_is_read_whole_has_256_mebibytes_at_most(name: str, folder: Path) -> None:
    assert LARGEST == 256 * MIB
    for size, words in ((LARGEST, None), (LARGEST + 1, f"has a {name} of 268,435,457 bytes: copy it again")):
        with (folder / name).open("wb") as file:
            file.truncate(size)
        assert size_shortcoming(folder) == words


def test_weights_may_be_large_and_a_folder_is_no_file(folder: Path) -> None:
    with (folder / "one.safetensors").open("wb") as file:
        file.truncate(LARGEST + 1)
    (folder / "sub.json").mkdir()
    assert size_shortcoming(folder) is None


def test_a_config_of_16_mebibytes_is_read_and_none_that_is_larger(folder: Path) -> None:
    text = '{"model_type": "llama"}'
    for size, words in ((16 * MIB, None), (16 * MIB + 1, "it has 16,777,217 bytes, and at most 16,777,216 are read")):
        (folder / "config.json").write_text(text.ljust(size))
        found = config_shortcoming(folder)
        assert found is words is None or (words is not None and words in str(found))


@pytest.mark.parametrize("text", ["[]", '"model_type"', "{}", "3"])
def test_a_config_without_a_kind_of_model_is_none(text: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    assert config_shortcoming(folder) == "has a config.json without a model_type"


def test_a_config_may_name_how_attention_is_computed_and_not_where_code_or_weights_lie(folder: Path) -> None:
    assert config(folder, attn_implementation="eager", _attn_implementation=None, transformers_weights=None) is None
    assert config(folder, name="org/name", layer={"path": "a/b"}) is None
    for settings, leads in (
        ({"transformers_weights": "x.safetensors"}, "transformers_weights=x.safetensors"),
        ({"attn_implementation": "org/kernel"}, "attn_implementation=org/kernel"),
        ({"deep": {"deeper": {"experts_implementation": "org/kernel"}}}, "experts_implementation=org/kernel"),
        ({"_attn_implementation": {"": "org/kernel"}}, "_attn_implementation={'': 'org/kernel'}"),
    ):
        assert config(folder, **settings) == f"has a config.json that leads elsewhere ({leads}): take that out"
    assert "quantised weights" in str(config(folder, quantization_config=None))


def test_every_setting_that_leads_elsewhere_is_found() -> None:
    assert list(elsewhere({"a": {"attn_implementation": "x/y"}, "transformers_weights": "z"})) == [
        "attn_implementation=x/y", "transformers_weights=z",
    ]  # fmt: skip
    assert list(elsewhere(["attn_implementation", "x/y"])) == []


def test_without_a_config_the_first_gguf_file_is_pointed_at(tmp_path: Path) -> None:
    assert config_shortcoming(tmp_path) == "has no config.json"
    for name in ("b.gguf", "a.gguf"):
        (tmp_path / name).touch()
    assert config_shortcoming(tmp_path) == f"has no config.json (for its GGUF file write {tmp_path / 'a.gguf'})"


@pytest.mark.parametrize("names", [{"a": 1}, {"a": None}, {"a": ["x"]}, {"a": "one.safetensors", "b": 3}])
def test_an_index_of_anything_but_names_cannot_be_read(names: dict[str, Any], folder: Path) -> None:
    index(folder, names)
    assert weights_shortcoming(folder) == f"has a {INDEX} that cannot be read"


def test_an_index_without_a_map_cannot_be_read_either(folder: Path) -> None:
    for text in ("[]", "{}", '{"weight_map": 3}', "{"):
        (folder / INDEX).write_text(text)
        assert weights_shortcoming(folder) == f"has a {INDEX} that cannot be read"


def test_a_shard_is_there_and_pickles_are_mentioned_where_there_are_any(folder: Path) -> None:
    (folder / "two.safetensors").unlink()
    assert weights_shortcoming(folder) == "has no two.safetensors"
    (folder / "pytorch_model-00001.bin").touch()
    said = "has no two.safetensors (straw reads no pickled .bin files: save it as safetensors)"
    assert weights_shortcoming(folder) == said


def test_a_file_belongs_to_its_folder_or_to_the_blobs_of_the_hub_s_cache(tmp_path: Path) -> None:
    home, other = tmp_path / "org" / "snapshots" / "0123", tmp_path / "org" / "else" / "0123"
    for place in (home / "sub", other, tmp_path / "org" / "blobs", tmp_path / "blobs"):
        place.mkdir(parents=True)
        (place / "x").touch()
    assert belongs(home / "sub" / "x", home) and not belongs(home / "nothing", home) and not belongs(home, home)
    for folder, target, inside in (
        (home, "org/blobs/x", True), (home, "blobs/x", False), (other, "org/blobs/x", False),
    ):  # fmt: skip
        (folder / "link").symlink_to(tmp_path / target)
        assert belongs(folder / "link", folder) is inside
        (folder / "link").unlink()


@pytest.mark.parametrize("name", TOKENIZERS)
def test_any_kind_of_vocabulary_is_a_tokenizer(name: str, tmp_path: Path) -> None:
    assert tokenizer_shortcoming(tmp_path) == "has no tokenizer (tokenizer.json): save the model's tokenizer into it"
    (tmp_path / name).touch()
    assert tokenizer_shortcoming(tmp_path) is None


def test_of_an_error_its_first_line_with_words_is_said_or_its_kind() -> None:
    assert first_line(ValueError("\n  \n  one \n two")) == "one"
    assert first_line(ValueError("x" * 301)) == "x" * 300 and first_line(ValueError(" \n")) == "ValueError"
