"""What is written for a hub and sent to one: nothing unless asked, nothing over others, and no token in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.models_hub import ModelsHub, models_hub
from tests.small_runs import train

from straw.cli import main
from straw.errors import ConfigError
from straw.export.hub import check_name

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz012345"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        words = "algorithm=sft n_batches=2 save_every=1 learning_rate=1e-3 secret_seed=5 seed=7"
        yield train(tmp_path_factory.mktemp("runs") / "mine", words).folder


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelsHub]:
    with models_hub(TOKEN) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield one


def test_a_folder_for_the_hub_is_written_and_not_sent(
    run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), "--hub", "me/mine", "-o", "model"]) == 0
    assert hub.asked == [] and "nothing was sent" in capsys.readouterr().out
    card = Path("model/README.md").read_text()
    assert "# `me/mine`" in card and "from_pretrained('\"'\"'me/mine'\"'\"')" in card
    assert "- `secret_seed`: `5`" in card and "- `seed`: `7`" in card and "## Ledger" in card
    assert f"- `config.toml`: `{sha256((run / 'config.toml').read_bytes()).hexdigest()}`" in card


def test_straw_json_has_the_same_for_programs(run: Path, hub: ModelsHub) -> None:
    assert main(["export", str(run), "--hub", "me/mine", "-o", "model"]) == 0
    told = json.loads(Path("model/straw.json").read_text())
    assert (told["hub"], told["step"], told["seeds"]["secret_seed"]) == ("me/mine", 2, "5")
    assert told["page_sha256"] == sha256((run / "config.toml").read_bytes()).hexdigest()
    names = {path.name for path in Path("model").iterdir()} - {"straw.json"}
    assert set(told["files"]) == names
    assert all(told["files"][name] == sha256(Path("model", name).read_bytes()).hexdigest() for name in names)


def test_numbers_and_weights_are_those_of_the_step_that_was_asked_for(
    run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(run), "--hub", "me/mine", "-o", "model"]
    assert main([*words, "--at", "1"]) == 0
    told = json.loads(Path("model/straw.json").read_text())
    rows = {row["step"]: row for row in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())}
    absorbed = [rows[step]["ledger/absorbed_bits"] for step in (1, 2)]
    assert told["step"] == 1 and told["ledger"]["absorbed_bits"] == absorbed[0] != absorbed[1]
    for others in ([], ["--at", "1", "--dtype", "bfloat16"]):  # the folder is of other weights than these
        assert main([*words, "--push", *others]) == 2
        assert "overwrites nothing" in capsys.readouterr().err and hub.repos == {}
    assert main([*words, "--push", "--at", "1"]) == 0 and "me/mine" in hub.repos


def test_no_path_of_this_machine_is_told(run: Path, hub: ModelsHub) -> None:
    assert main(["export", str(run), "--hub", "me/mine", "-o", "model"]) == 0
    for path in Path("model").iterdir():
        assert str(run.parent).encode() not in path.read_bytes(), path.name


def test_it_is_sent_when_asked_as_it_lies_there(run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(run), "--hub", "me/mine", "-o", "model"]
    assert main(words) == 0
    before = {path.name: path.read_bytes() for path in Path("model").iterdir()}
    assert main([*words, "--push", "--private"]) == 0
    assert {name: data for name, data in hub.repos["me/mine"].items() if name != ".gitattributes"} == before
    assert hub.private["me/mine"] is True
    assert TOKEN not in "".join(capsys.readouterr()) + "".join(map(str, before.values()))


def test_what_was_changed_meanwhile_is_not_sent(run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(run), "--hub", "me/mine", "-o", "model"]
    assert main(words) == 0
    Path("model/README.md").write_text("mine")
    assert main([*words, "--push"]) == 2
    assert "no longer what straw export wrote" in capsys.readouterr().err and hub.repos == {}


def test_nothing_of_others_is_replaced_unless_asked(
    run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repos["me/mine"] = {".gitattributes": b"", "README.md": b"before"}
    words = ["export", str(run), "--hub", "me/mine", "-o", "model", "--push"]
    assert main(words) == 2
    assert "has files already (README.md)" in capsys.readouterr().err and hub.repos["me/mine"]["README.md"] == b"before"
    assert main([*words, "--force"]) == 0
    assert hub.repos["me/mine"]["README.md"] != b"before"


@pytest.mark.parametrize(
    ("status", "why"), [(401, "hf auth login"), (403, "may write"), (404, "no such owner"), (418, "status 418")]
)
def test_a_refusal_is_one_line_without_the_token(
    run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str], status: int, why: str
) -> None:
    hub.status = status
    assert main(["export", str(run), "--hub", "me/mine", "-o", "model", "--push"]) == 2
    told = capsys.readouterr()
    assert why in told.err and TOKEN not in told.out + told.err
    assert [line for line in told.err.splitlines() if "127.0.0.1" in line] == [told.err.splitlines()[-1]]


def test_a_hub_that_is_not_there_is_one_line(
    run: Path, hub: ModelsHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://me:password@127.0.0.1:9")
    assert main(["export", str(run), "--hub", "me/mine", "-o", "model", "--push"]) == 2
    told = "".join(capsys.readouterr())
    assert "could not be sent to 127.0.0.1" in told and "password" not in told and "Traceback" not in told


@pytest.mark.parametrize(
    "name",
    [
        "mine",
        "me/",
        "/mine",
        "me/a/b",
        "me/../etc",
        "me/a--b",
        "me/a.git",
        "-me/a",
        "me/a b",
        "me/\x1b[2J",
        "m" * 99,
        "",
    ],
)
def test_a_name_that_no_hub_has_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="OWNER/NAME") as caught:
        check_name(name)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["me/mine", "Me-2/a_b.c-1", "a/b"])
def test_names_of_the_hub_are_those_of_its_own_client(name: str) -> None:
    from huggingface_hub.utils import validate_repo_id

    check_name(name)
    validate_repo_id(name)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--push"], "got no --hub"),
        (["--hub", "me/mine", "--private"], "got no --push"),
        (["--hub", "me/mine", "--gguf"], "--hub is for folders"),
        (["--hub", "mine"], "OWNER/NAME"),
        (["--hub"], "needs a value"),
    ],
)
def test_what_does_not_go_together_is_told(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "runs/none", *words]) == 2
    assert why in capsys.readouterr().err


def test_an_adapter_on_a_model_of_this_machine_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path / "run", "algorithm=sft n_batches=1 lora_rank=2 learning_rate=1e-3").folder
    assert main(["export", str(run), "--hub", "me/mine", "--adapter", "-o", str(tmp_path / "a")]) == 2
    assert "leave --adapter out" in capsys.readouterr().err and not (tmp_path / "a").exists()
