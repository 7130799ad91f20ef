"""The base model on the loopback hub: what a client loads is what is served, and its adapters can be merged into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load
from tests.engines.local.small_models import KINDS, make_small
from tests.engines.tenants.made import ADAM, CHAT, backward, engine_of, group, perturbed
from tests.engines.tenants.test_adapter_folder import TOKENS, logits, make
from transformers import AutoModelForCausalLM, AutoTokenizer

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("uvicorn", reason="straw[serve] is not installed")

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from tests.server.served import served

from straw.engines.tenants.base_files import BaseFiles
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Shape
from straw.server.beside import admitted_by
from straw.server.desk.keys import Keys
from straw.server.hub.config import offers_configs
from straw.server.hub.folder import tokenizer_folder
from straw.server.hub.routes import hub_routes
from straw.server.hub.weights import Weights, weights_of

FILE = "/a/b/resolve/main/model.safetensors"
PROGRAM = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained("Org/Name").eval()
ids = AutoTokenizer.from_pretrained("Org/Name").encode("7 é<|im_end|>")
with torch.no_grad():
    print(json.dumps([ids, model(torch.arange(10, 40).unsqueeze(0)).logits[0].tolist()]))
"""


def folder_of(base: BaseFiles, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in base.configs.items():
        (folder / name).write_text(text)
    (folder / "model.safetensors").write_bytes(b"".join(Weights(base.tensors).pieces()))
    return folder


@pytest.mark.parametrize("kind", [*KINDS, "gpt2"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_adapters_merge_into_it_head_and_all(kind: str, tmp_path: Path) -> None:
    """Judged by transformers and PEFT; a head that is the embedding in the model is a matrix of its own here."""
    engine = TenantEngine(make(kind), CHAT)
    base = engine.base_files()
    perturbed(engine, "a", Shape(rank=3, seed=1))
    engine.save("a", tmp_path / "saved", optimizer=False)
    theirs = AutoModelForCausalLM.from_pretrained(folder_of(base, tmp_path / "base")).eval()
    with torch.no_grad():
        plain = make(kind)(TOKENS.unsqueeze(0)).logits[0]
        assert torch.equal(theirs(TOKENS.unsqueeze(0)).logits[0], plain)
        merged = PeftModel.from_pretrained(theirs, str(tmp_path / "saved")).merge_and_unload()
        found = merged(TOKENS.unsqueeze(0)).logits[0]
    assert (found - logits(engine, TOKENS)).abs().max() < 1e-4 < (found - plain).abs().max()


def test_who_trains_all_weights_leaves_the_base_on_the_hub_as_it_was() -> None:
    engine = engine_of(full=True)
    base, before = engine.base_files(), make_small("llama").state_dict()
    assert all(base.tensors[name].data_ptr() == p.data_ptr() for name, p in engine.model.named_parameters())  # no copy
    engine.create("a", Shape(rank=0))
    for _ in range(2):
        backward(engine, "a", group(1), "importance_sampling")
        engine.optim_step("a", ADAM)
    assert all(torch.equal(base.tensors[name], before[name]) for name in before)
    assert not all(torch.equal(p, before[name]) for name, p in engine.model.named_parameters())


# --- the file


def tensors() -> dict[str, torch.Tensor]:
    return {
        "b": torch.randn(3, 5), "a.weight": torch.randn(400_000), "none": torch.zeros(0, 4),
        "half": torch.randn(7).to(torch.bfloat16), "count": torch.tensor(5), "mask": torch.tensor([True, False]),
        "turned": torch.randn(4, 6).T,
    }  # fmt: skip


def test_the_file_is_a_safetensors_file_and_goes_on_from_any_byte() -> None:
    made = tensors()
    one = Weights(made)
    whole = b"".join(one.pieces())
    assert len(whole) == one.size
    found = load(whole)
    assert found.keys() == made.keys()
    assert all(torch.equal(found[name], made[name]) and found[name].dtype == made[name].dtype for name in made)
    for first in (0, 1, 8, 200, len(one.head) - 1, len(one.head), len(one.head) + 17, 1_000_003, one.size - 1):
        assert b"".join(one.pieces(first)) == whole[first:]


def test_its_tag_names_what_it_holds() -> None:
    torch.manual_seed(0)
    made = tensors()
    assert Weights(made).tag == Weights(dict(reversed(made.items()))).tag
    for name in ("b", "half", "turned"):
        assert Weights({**made, name: made[name] + 1}).tag != Weights(made).tag
    assert Weights({**made, "b": made["b"].reshape(5, 3)}).tag != Weights(made).tag


# --- the answers


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return tokenizer_folder(CHAT, tmp_path / "tokenizer")


def client_of(tokenizer: Path, keys: Keys) -> tuple[TestClient, Weights]:
    weights = Weights(tensors())
    return TestClient(Starlette(routes=hub_routes(tokenizer, None, weights, admitted_by(keys)))), weights


def test_a_client_that_lost_its_connection_gets_the_rest(tokenizer: Path) -> None:
    client, weights = client_of(tokenizer, Keys())
    whole = client.get(FILE)
    head = client.head(FILE)
    assert head.headers["content-length"] == str(len(whole.content)) == str(weights.size) and not head.content
    assert head.headers["etag"] == f'"{weights.tag}"' and len(head.headers["x-repo-commit"]) == 40
    rest = client.get(FILE, headers={"range": "bytes=1000-"})
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{weights.size - 1}/{weights.size}"
    assert client.get(FILE, headers={"range": f"bytes={weights.size}-"}).status_code == 416
    for odd in ("bytes=0-5", "bytes=-5", "lines=3-", "bytes=" + "9" * 40 + "-"):  # may be answered with the whole
        assert client.get(FILE, headers={"range": odd}).content == whole.content
    listed = {one["path"]: one["size"] for one in client.get("/api/models/a/b/tree/main").json()}
    assert listed["model.safetensors"] == weights.size


@pytest.mark.parametrize(
    ("known", "key", "status"),
    [((), "", 200), (("tml-a", "tml-b"), "", 401), (("tml-a",), "tml-c", 401), (("tml-a", "tml-b"), "tml-b", 200)],
)
def test_where_there_are_keys_weights_are_for_their_holders_and_the_tokenizer_for_all(
    tokenizer: Path, known: Any, key: str, status: int
) -> None:
    client, _ = client_of(tokenizer, Keys(known))
    headers = {"authorization": f"Bearer {key}"} if key else {}
    assert client.get(FILE, headers=headers).status_code == client.head(FILE, headers=headers).status_code == status
    assert client.get("/a/b/resolve/main/tokenizer.json", headers=headers).status_code == 200


def test_admitted_is_who_has_a_key() -> None:
    asks = Request({"type": "http", "headers": [(b"x-api-key", b"tml-a")]})
    assert admitted_by(Keys(["tml-a"]))(asks) and not admitted_by(Keys(["tml-b"]))(asks)


def configs(**changes: Any) -> dict[str, str]:
    base = engine_of().base_files()
    return {**base.configs, "config.json": json.dumps({**json.loads(base.configs["config.json"]), **changes})}


def test_a_config_that_would_change_how_the_tokenizer_is_read_stays_away(tokenizer: Path) -> None:
    before = AutoTokenizer.from_pretrained(tokenizer).encode("é 日")
    assert offers_configs(tokenizer, configs())
    assert (tokenizer / "config.json").is_file() and AutoTokenizer.from_pretrained(tokenizer).encode("é 日") == before
    for odd in ({"model_type": "qwen2"}, {"auto_map": {"AutoConfig": "theirs.py"}}, {"vocab_size": "many"}):
        offered = offers_configs(tokenizer, configs(**odd))
        assert not offered and not (tokenizer / "config.json").exists()
        assert AutoTokenizer.from_pretrained(tokenizer).encode("é 日") == before


def test_a_tokenizer_that_nobody_reads_without_help_and_odd_tensors_are_offered_no_weights(tmp_path: Path) -> None:
    """The server begins all the same."""
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Theirs"}))
    assert not offers_configs(tmp_path, configs()) and not (tmp_path / "config.json").exists()
    assert weights_of({"a": torch.zeros(2, dtype=torch.complex64)}) is None and weights_of(tensors()) is not None


@pytest.mark.slow
def test_transformers_loads_the_model_under_any_name(tokenizer: Path, tmp_path: Path) -> None:
    base = engine_of().base_files()
    assert offers_configs(tokenizer, base.configs)
    with served(Starlette(routes=hub_routes(tokenizer, None, Weights(base.tensors)))) as address:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))},
            "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr[-2000:]
    ids, found = json.loads(done.stdout.splitlines()[-1])
    with torch.no_grad():
        expected = make_small("llama")(TOKENS.unsqueeze(0)).logits[0]
    assert torch.allclose(torch.tensor(found), expected, atol=1e-5)
    assert ids == [*CHAT.tokenizer.encode("7 é"), CHAT.tokenizer.get_vocab()["<0x21>"]]
