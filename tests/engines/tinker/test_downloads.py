"""A run whose weights lie with a server: exported, asked and talked to here, as any other run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.server.running import Server, running
from tests.small_runs import Listener, Parts, small_page
from transformers import AutoModelForCausalLM

from straw.cli import main
from straw.engines.tinker import sdk
from straw.engines.tinker.download.files import downloaded
from straw.runs.reading import read_checkpoints
from straw.training.session import run_page

tinker = pytest.importorskip("tinker")
pytest.importorskip("peft")
pytestmark = pytest.mark.slow
AS = "meta-llama/Llama-3.1-8B"
WORDS = "N=8 warmup=none n_batches=4 entropy_coef=0 eval_every=2 save_every=2 engine=tinker lr=0.01"
PROMPT = [5, 6, 7, 8, 9, 10, 11]
LIMIT_NATS = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that has learned the format, for servers to serve."""
    made = tmp_path_factory.mktemp("downloads")
    parts = Parts("lora_rank=0")
    parts.engine.model.save_pretrained(made / "base")
    parts.chat.tokenizer.save_pretrained(made / "base")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    (folder / "adapters").mkdir()
    with running(folder / "adapters", f"model={folder / 'base'}", f"as={AS}") as found:
        yield found


@pytest.fixture(autouse=True)
def place(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TINKER_API_KEY", "tml-test")
    monkeypatch.setenv("TINKER_TELEMETRY", "0")


@pytest.fixture
def run(server: Server, folder: Path) -> Path:
    """Trained once, with an adapter on the head."""
    made = folder / "runs" / "one"
    if not made.exists():
        run_page(
            small_page(WORDS, f"lora_rank=4 train_unembed=true model_name={AS} base_url={server.url} run_dir={made}"),
            Listener(),
        )
    return made


def path_of(run: Path, row: int = -1) -> str:
    checkpoint = read_checkpoints(run)[row]["folder"]
    return str(json.loads((run / checkpoint / "tinker.json").read_text())["path"])


def served_logprobs(server: Server, path: str) -> list[float]:
    """By the server itself, through the service's own SDK."""
    service = tinker.ServiceClient(base_url=server.url)
    sampler = sdk.ready(service.create_sampling_client(model_path=path))
    found = sampler.compute_logprobs(tinker.ModelInput.from_ints(PROMPT)).result()
    return [float(one) for one in found[1:]]


def judged(model: torch.nn.Module) -> list[float]:
    with torch.no_grad():
        logprobs = model.double()(torch.tensor([PROMPT])).logits[0].log_softmax(-1)
    return [float(logprobs[place, token]) for place, token in enumerate(PROMPT[1:])]


@pytest.mark.parametrize("at, row", [("last", -1), ("2", 0)])
def test_a_model_is_exported_that_transformers_reads_as_the_server_does(
    at: str, row: int, run: Path, server: Server, tmp_path: Path
) -> None:
    assert main(["export", str(run), "-o", str(tmp_path / "model"), "--at", at]) == 0
    found = judged(AutoModelForCausalLM.from_pretrained(tmp_path / "model"))
    assert found == pytest.approx(served_logprobs(server, path_of(run, row)), abs=LIMIT_NATS)


def test_the_adapter_alone_is_exported_for_peft(run: Path, server: Server, folder: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    assert main(["export", str(run), "--adapter", "-o", str(tmp_path / "adapter")]) == 0
    names = {one.name for one in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "README.md"} <= names
    assert "optimizer.safetensors" not in names
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder / "base"), tmp_path / "adapter")
    assert judged(model) == pytest.approx(served_logprobs(server, path_of(run)), abs=LIMIT_NATS)


def test_a_gguf_file_is_exported_that_transformers_reads_as_the_server_does(
    run: Path, server: Server, tmp_path: Path
) -> None:
    pytest.importorskip("gguf")
    assert main(["export", str(run), "--gguf", "--type", "f32", "-o", str(tmp_path / "model")]) == 0
    (file,) = (tmp_path / "model").glob("*.gguf")
    found = judged(AutoModelForCausalLM.from_pretrained(tmp_path / "model", gguf_file=file.name))
    assert found == pytest.approx(served_logprobs(server, path_of(run)), abs=LIMIT_NATS)


def test_it_is_asked_talked_to_and_shown(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["eval", str(run), "--checkpoints", "--quiet", "--json", "num_problems=1", "split=train"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["weights"] for row in rows] == ["one step 0", "one step 2", "one step 4"]
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    assert main(["chat", str(run), "--quiet", "max_tokens=8"]) == 0
    assert main(["show", str(run)]) == 0
    assert "tinker" in capsys.readouterr().out


def test_the_way_of_the_hosted_service_brings_the_same_files(
    run: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = run / read_checkpoints(run)[-1]["folder"]
    with downloaded(checkpoint, server.url, print) as found:
        plain = {one.name: one.read_bytes() for one in found.iterdir()}
    monkeypatch.setattr(sdk, "is_hosted", lambda base_url: True)
    with downloaded(checkpoint, server.url, print) as found:
        assert {one.name: one.read_bytes() for one in found.iterdir()} == plain
    assert sorted(plain) == ["adapter_config.json", "adapter_model.safetensors"]
    rest = tinker.ServiceClient(base_url=server.url).create_rest_client()
    assert not [one for one in rest.list_user_checkpoints().result().checkpoints if "external" in one.tinker_path]


def test_what_cannot_be_had_is_told_in_one_line(
    run: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = ["export", str(run), "-o", str(tmp_path / "model")]
    monkeypatch.setenv("TINKER_API_KEY", "tml-somebody-else")
    assert main(command) == 2
    assert "with the run's key" in one_line(capsys)
    monkeypatch.setenv("TINKER_API_KEY", "tml-test")
    (Path("base")).rename("gone")
    try:
        assert main(command) == 2
        assert "straw export --adapter" in one_line(capsys)
    finally:
        Path("gone").rename("base")
    server.kill()
    try:
        assert main(command) == 2
        assert "begin that server again" in one_line(capsys)
    finally:
        server.begin()
    assert not (tmp_path / "model").exists()


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("straw: fetching")]
    assert len(lines) == 1, lines
    return lines[0]


def test_all_weights_of_one_client_are_exported_and_have_the_local_run_s_bits(folder: Path, tmp_path: Path) -> None:
    """lora_rank=0, against straw serve --full."""
    with running(tmp_path, f"model={folder / 'base'}", "--full") as whole:
        words = f"lora_rank=0 lr=0.001 model_name={folder / 'base'} base_url={whole.url} run_dir={tmp_path / 'there'}"
        run_page(small_page(WORDS, words), Listener())
        assert main(["export", str(tmp_path / "there"), "-o", str(tmp_path / "model")]) == 0
    words = f"lora_rank=0 lr=0.001 model_name={folder / 'base'} dtype=float32 engine=local run_dir={tmp_path / 'here'}"
    run_page(small_page(WORDS, words), Listener())
    assert main(["export", str(tmp_path / "here"), "-o", str(tmp_path / "local")]) == 0
    there, here = (AutoModelForCausalLM.from_pretrained(tmp_path / one).state_dict() for one in ("model", "local"))
    assert there.keys() == here.keys() and all(torch.equal(there[name], here[name]) for name in here)
