"""What is asked of transformers, and what is refused of what it read, without a model."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engines.local.small_models import make_small
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from straw.engines.local.models.loaded import Loaded, as_list
from straw.engines.local.models.pretrained import (
    check_every_weight_is_read,
    check_tokenizer_fits,
    form_of_weights,
    quietly,
    read_folder,
    read_gguf,
    some_of,
    tokenizer_class,
    what_is_wrong,
    without_bars,
)
from straw.engines.local.models.resolve import HUB_NAME, load_model, nothing_called, untie
from straw.errors import ModelError
from straw.runs.reading import CONFIG


def model_of(rows: int) -> Any:
    return SimpleNamespace(get_input_embeddings=lambda: SimpleNamespace(weight=torch.zeros(rows, 2)))


def tokenizer_of(*tokens: int) -> Any:
    return SimpleNamespace(encode=lambda text: list(tokens))


def test_the_highest_token_is_below_the_vocabulary() -> None:
    check_tokenizer_fits("m", model_of(10), tokenizer_of(3, 9, 4))
    check_tokenizer_fits("m", model_of(10), tokenizer_of(0))
    for tokens, highest in (((3, 10), 10), ((), -1)):
        with pytest.raises(ModelError, match=rf"below the model's vocabulary of 10, .* of m writes token {highest}: "):
            check_tokenizer_fits("m", model_of(10), tokenizer_of(*tokens))


def test_up_to_three_names_are_told_in_order() -> None:
    assert some_of({"b", "a"}) == "a, b" and some_of({"c", "b", "a"}) == "a, b, c"
    assert some_of({"d", "c", "b", "a"}) == "a, b, c, ..."


def test_weights_that_lack_or_do_not_fit_are_refused_and_those_left_over_are_told() -> None:
    nothing: Any = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_every_weight_is_read("m", nothing, nothing, nothing, error_msgs=[])
    with pytest.raises(ModelError, match="and m lacks 2: a, b; take"):
        check_every_weight_is_read("m", {"b", "a"}, {("x", (1,), (2,))}, {"z"})
    odd = {("y", (3, 2), (3, 4)), ("x", (1,), (2,))}
    with pytest.raises(ModelError, match=r"x in m is \(1,\), not \(2,\): "):
        check_every_weight_is_read("m", nothing, odd, {"z"})
    with pytest.warns(UserWarning, match="m holds 1 weights that the model ignores: z"):
        check_every_weight_is_read("m", nothing, nothing, {"z"})


@pytest.mark.parametrize(
    ("has_json", "settings", "trusts", "kind"),
    [
        (False, None, True, AutoTokenizer),
        (True, None, True, PreTrainedTokenizerFast),
        (True, {}, True, PreTrainedTokenizerFast),
        (True, {"auto_map": {}}, True, AutoTokenizer),
        (True, {"auto_map": {}}, False, PreTrainedTokenizerFast),
    ],
)
def test_a_tokenizer_is_read_from_its_json_unless_code_of_its_own_is_trusted(
    has_json: bool, settings: dict[str, Any] | None, trusts: bool, kind: type, tmp_path: Path
) -> None:
    if has_json:
        (tmp_path / "tokenizer.json").write_text("{}")
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert tokenizer_class(tmp_path, {"trust_remote_code": trusts}) is kind
    assert tokenizer_class(tmp_path, {"trust_remote_code": trusts, "gguf_file": "x"}) is AutoTokenizer


def test_a_gguf_file_is_unpacked_without_its_bar_and_other_weights_are_safetensors() -> None:
    (unpacked,) = form_of_weights({"gguf_file": "x"}).values()
    assert unpacked.dequantize is True and form_of_weights({}) == {"use_safetensors": True}
    stderr = sys.stderr
    with without_bars({}):
        assert sys.stderr is stderr
    with without_bars({"gguf_file": "x"}):
        assert sys.stderr is not stderr


@pytest.mark.parametrize("bars", [False, True])
def test_transformers_is_as_talkative_afterwards_as_it_was_before(bars: bool) -> None:
    was, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    try:
        (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
        logging.set_verbosity_info()
        with pytest.raises(KeyError), quietly():
            assert not logging.is_progress_bar_enabled() and logging.get_verbosity() == logging.ERROR
            raise KeyError
        assert logging.is_progress_bar_enabled() is bars and logging.get_verbosity() == logging.INFO
    finally:
        (logging.enable_progress_bar if was else logging.disable_progress_bar)()
        logging.set_verbosity(verbosity)


def test_what_is_wrong_is_said_in_one_line() -> None:
    assert "write trust_remote_code=true" in what_is_wrong("m", ValueError("set trust_remote_code=True"))
    assert "m cannot be loaded (one): get" in what_is_wrong("m", ValueError("one\ntwo"))


def test_folders_and_files_that_are_none_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json"):
        read_folder(tmp_path)
    with pytest.raises(ModelError, match="there is no file"):
        read_gguf(tmp_path)


# --- names


def test_a_name_of_the_hub_is_an_owner_and_a_name() -> None:
    for name in ("org/name", "a/b", "A-1.b_c/9.x-y"):
        assert HUB_NAME.fullmatch(name)
    for name in ("name", "org/", "/name", ".org/name", "org/-name", "a/b/c", "a b/c"):
        assert not HUB_NAME.fullmatch(name)


def test_what_a_name_is_not_decides_the_way_out(tmp_path: Path) -> None:
    assert nothing_called("smollm2") == "the model 'smollm2' is not here yet: run `straw models add smollm2`"
    assert nothing_called("tinker://x/y").startswith("tinker://x/y lies with the Tinker service: give a model folder")
    (tmp_path / "notes").touch()
    assert nothing_called(str(tmp_path / "notes")).endswith("is another file")
    assert nothing_called("a/b").startswith("there is no folder 'a/b'")


def test_a_head_that_is_the_embedding_becomes_a_matrix_of_its_own() -> None:
    model = make_small("qwen2")
    untie(model)
    head, embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    assert head is not embedding and head.data_ptr() != embedding.data_ptr() and torch.equal(head, embedding)
    assert isinstance(head, nn.Parameter) and model.config.tie_word_embeddings is False
    other = make_small("llama")
    own = other.get_output_embeddings().weight
    untie(other)
    assert other.get_output_embeddings().weight is own


def test_end_tokens_of_both_configs_close_a_reply() -> None:
    assert as_list(None) == [] and as_list(0) == [0] and as_list([3, 4]) == [3, 4]
    model = SimpleNamespace(
        config=SimpleNamespace(eos_token_id=3), generation_config=SimpleNamespace(eos_token_id=[4, 5])
    )
    tokenizer = make_small_tokenizer()
    assert {3, 4, 5} <= Loaded(model, tokenizer, "m").chat().closes
    model.generation_config = None
    assert 4 not in Loaded(model, tokenizer, "m").chat().closes


def make_small_tokenizer() -> Any:
    from straw.text.chat.character_tokenizer import CharacterTokenizer

    return CharacterTokenizer("tiny-0.2M")


def refusal(name: str) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(name)
    return str(caught.value)


def test_a_path_goes_before_the_hub_and_endings_have_no_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "name").touch()
    assert refusal("org/name") == "a model is a folder or a .gguf file; 'org/name' is another file"
    assert refusal("org/NAME.GGUF").startswith("there is no file org/NAME.GGUF")


def test_a_run_is_no_model_and_no_name_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    for folder in (tmp_path / "first", tmp_path):
        (folder / CONFIG).write_text("{}")
    assert refusal("first").startswith("first is a run and no model: straw export first makes one of it")
    assert refusal("").startswith("there is no model ''")
