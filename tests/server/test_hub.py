"""transformers loads the served tokenizer from the loopback hub under names it was told, and reads the same ids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("uvicorn", reason="straw[serve] is not installed")

from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.server.served import served

from straw.server.hub.folder import CHATML, MARKERS, tokenizer_folder
from straw.server.hub.routes import LLAMA, hub_routes
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.types import Message

NAMES = ("meta-llama/Llama-3.1-8B", "Qwen/Qwen3-8B", "tiny-1M", "Org.x/Some_name-1")
PROGRAM = """
import json, sys
from transformers import AutoTokenizer
found = {}
for name in sys.argv[1:]:
    one = AutoTokenizer.from_pretrained(name)
    talk = [{"role": "user", "content": "7 é"}]
    asked = one.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    ids = one.encode("a 7 é<|im_end|>")
    found[name] = [ids, asked, one.eos_token_id, one.decode(ids)]
try:
    AutoTokenizer.from_pretrained("nobody/knows-this")
    found["nobody"] = "loaded"
except OSError as error:
    found["nobody"] = "refused"
print(json.dumps(found))
"""
TEXTS = ("the 7\n", "é ä \t\r 日本", "<|user|>hi<|end|>", "{}[]~!\"'", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenizer_folder(Chat(character_tokenizer()), tmp_path_factory.mktemp("hub") / "tokenizer")


@pytest.mark.parametrize("text", TEXTS)
def test_the_folder_reads_every_text_as_the_model_does(folder: Path, text: str) -> None:
    ours, theirs = character_tokenizer(), AutoTokenizer.from_pretrained(folder)
    ids = ours.encode(text)
    assert theirs.encode(text) == ids
    assert theirs.decode(ids) == text
    assert (theirs.eos_token_id, theirs.pad_token_id, len(theirs)) == (ours.eos_token_id, ours.pad_token_id, len(ours))


def test_the_markers_of_every_chat_form_are_single_tokens_and_no_other_id_moves(folder: Path) -> None:
    ours, theirs = character_tokenizer().get_vocab(), AutoTokenizer.from_pretrained(folder)
    for marker in MARKERS:
        assert len(theirs.encode(marker, add_special_tokens=False)) == 1
        assert theirs.decode(theirs.encode(marker)) == marker
    for token, id in theirs.get_vocab().items():
        assert token in MARKERS or ours[token] == id
    free = {id for token, id in ours.items() if token.startswith("<0x") and 0x20 <= int(token[3:5], 16) < 0x7F}
    assert {theirs.get_vocab()[marker] for marker in MARKERS} <= free


def test_the_chat_template_comes_along(folder: Path) -> None:
    chat, theirs = Chat(character_tokenizer()), AutoTokenizer.from_pretrained(folder)
    talk = [{"role": "user", "content": "hi"}]
    read = theirs.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)
    assert tuple(read) == chat.opening([Message("user", "hi")])


def another() -> Chat:
    """A word tokenizer with eleven tokens, one of them special."""
    core = Tokenizer(models.WordLevel({f"w{n}": n for n in range(10)} | {"<end>": 10}, unk_token="w0"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.add_special_tokens([AddedToken("<end>", special=True)])
    return Chat(PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", unk_token="w0"))


def test_another_tokenizer_gets_markers_where_its_model_has_rows(tmp_path: Path) -> None:
    roomy = AutoTokenizer.from_pretrained(tokenizer_folder(another(), tmp_path / "roomy", vocabulary=16))
    assert [roomy.convert_tokens_to_ids(one) for one in CHATML] == [11, 12, 13, 14]
    full = AutoTokenizer.from_pretrained(tokenizer_folder(another(), tmp_path / "full", vocabulary=14))
    assert len(full) == 11
    assert roomy.encode("w3 w7 <end>") == full.encode("w3 w7 <end>") == [3, 7, 10]


@pytest.mark.slow
def test_transformers_loads_it_under_any_of_its_names(folder: Path, tmp_path: Path) -> None:
    ours = character_tokenizer()
    with served(Starlette(routes=hub_routes(folder, NAMES))) as address:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))},
            "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        asked = [*NAMES, LLAMA]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *asked], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("nobody") == "refused"
    im_end = ours.get_vocab()["<0x21>"]
    for name in asked:
        ids, talk, end, text = found[name]
        assert ids == [*ours.encode("a 7 é"), im_end]
        assert (talk, end) == ("<|user|>7 é<|end|><|assistant|>", ours.eos_token_id)
        assert text == "a 7 é<|im_end|>"


def test_answers_are_the_hubs(folder: Path) -> None:
    client = TestClient(Starlette(routes=hub_routes(folder, None)))
    head = client.head("/any/name/resolve/main/tokenizer.json")
    whole = client.get("/any/name/resolve/0123abc/tokenizer.json")
    assert head.headers["content-length"] == str(len(whole.content)) and not head.content
    assert head.headers["etag"] == whole.headers["etag"] and len(head.headers["x-repo-commit"]) == 40
    assert client.get("/api/models/any/name").json()["id"] == "any/name"
    names = {one["path"] for one in client.get("/api/models/gpt2/tree/main?recursive=true").json()}
    assert names == {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    for path in ("/any/name/resolve/main/model.safetensors", "/any/name/resolve/main/../../../etc/passwd"):
        answer = client.get(path)
        assert answer.status_code == 404
    assert client.get("/a/b/resolve/main/x.json").headers["x-error-code"] == "EntryNotFound"
    strict = TestClient(Starlette(routes=hub_routes(folder, ["a/b:c"])))
    assert strict.get("/api/models/a/b").status_code == 200
    assert strict.get("/api/models/a/c").headers["x-error-code"] == "RepoNotFound"
