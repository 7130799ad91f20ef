"""straw serve: what it refuses before any model is read, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.running import running

from straw.cli import main
from straw.cli.serve.help import IN_MEMORY as HELP_IN_MEMORY
from straw.cli.serve.serve import Options, keys_of, take_aliases
from straw.engines.tenants.engine import TenantSettings
from straw.engines.tenants.records import IN_MEMORY
from straw.errors import ConfigError
from straw.server.desk.settings import Settings

REFUSED = {
    "host=0.0.0.0": "key",
    "host=example.org": "numbers",
    "stand_in=stable_reinforce:magic": "ppo",
    "stand_in=ppo:dro": "stable_reinforce",
    "port=99999": "65,535",
    "cert=nowhere.pem": "no file",
    "key=short": "tml-",
    "colour=red": "colour",
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_cannot_be_served_is_refused_in_one_line(word: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[word]):
        Options(["model=tiny-1M", word])


def test_the_network_is_served_with_a_key_and_as_a_name() -> None:
    options = Options(["host=0.0.0.0", "key=tml-secret", "model=tiny-1M", "as=meta-llama/Llama-3.1-8B,b"])
    assert options.names == ("tiny-1M", "meta-llama/Llama-3.1-8B", "b") and not options.any_name
    assert Options(["model=tiny-1M", "as=*"]).any_name and list(options.keys) == ["tml-secret"]


def test_one_number_says_how_many_models_stay_in_memory() -> None:
    """The engine's default, what help says, and the server's."""
    assert HELP_IN_MEMORY == IN_MEMORY == TenantSettings().tenants_in_memory == Settings().in_memory
    settings = Options(["model=tiny-1M", "in_memory=3"]).served().settings
    assert (settings.in_memory, settings.awake) == (3, 12)


def test_aliases_are_folders_that_are_there(tmp_path: Path) -> None:
    words = ["model=x", "checkpoint", f"tinker://a/weights/b={tmp_path}", "port=1"]
    assert take_aliases(words) == {"tinker://a/weights/b": tmp_path} and words == ["model=x", "port=1"]
    for wrong in (["checkpoint"], ["checkpoint", "tinker://a"], ["checkpoint", f"tinker://a/weights/b={tmp_path}/no"]):
        with pytest.raises(ConfigError):
            take_aliases(wrong)


def test_keys_come_from_a_file_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\ntml-first-key\n\ntml-second-key\n")
    assert keys_of("tml-given-key", str(file)) == ["tml-given-key", "tml-first-key", "tml-second-key"]
    file.write_text("")
    with pytest.raises(ConfigError, match="no key"):
        keys_of(None, str(file))


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    said = capsys.readouterr().out
    assert "checkpoint tinker://" in said and "stand_in=" in said and "host=0.0.0.0" in said


def test_it_prints_what_to_paste_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with running(tmp_path, "model=tiny-1M", "as=some/name") as server:
        said = server.log.read_text()
        assert server.end() == 0
    assert f"TINKER_BASE_URL={server.url} TINKER_API_KEY=tml-local" in said and "HF_ENDPOINT=" in said
    assert "create_lora_training_client" in said and "/?token=" in said
    assert "Traceback" not in server.log.read_text()
