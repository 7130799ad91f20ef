"""Tasks of straw as worlds for others: what is shown and paid, over a real socket, with straw's own client."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.made_environments import Words

import straw
from straw.cli.main import main
from straw.cli.serve.serve_task import game_of
from straw.errors import ConfigError
from straw.rewards.environment import EnvironmentPay
from straw.server.play.game import Game, NotPlayed
from straw.server.play.package import write_package
from straw.server.play.serve import serve
from straw.tasks.environments.contract import contract_of
from straw.tasks.environments.episode import Limits
from straw.tasks.environments.rows import Rows
from straw.tasks.environments.task import Environment
from straw.tasks.openenv.sessions import FULL, Refused, Server
from straw.tasks.openenv.web_socket import in_thread


def secret(**options: Any) -> Game:
    return game_of(["secret", *(f"{name}={value}" for name, value in ({"N": 8} | options).items())])


@contextmanager
def served(game: Game, most: int = 8) -> Iterator[Server]:
    bound = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    threading.Thread(
        target=serve, args=(game, bound), kwargs={"most": most, "on_the_network": False, "tell": ready.set}, daemon=True
    ).start()
    ready.wait(10)
    yield Server(f"http://127.0.0.1:{bound.getsockname()[1]}")


def test_a_secret_is_paid_once_and_never_shown() -> None:
    sitting = secret().sitting()
    paid = []
    for guess in range(8):
        shown = sitting.reset(seed=guess)
        assert shown.messages[-1].content == "Name the secret in [0, 8). Number only."
        after = sitting.step(str(guess))
        assert after.done and after.messages == ()
        paid.append(after.reward)
    assert sorted(paid) == [0.0] * 7 + [1.0]  # type: ignore[type-var]


def test_a_task_of_several_turns_says_what_is_next() -> None:
    sitting = secret(env_type="multi_step").sitting()
    sitting.reset()
    first = sitting.step("0")
    assert not first.done and first.reward is None and first.messages


def test_moves_out_of_turn_are_told() -> None:
    sitting = secret().sitting()
    with pytest.raises(NotPlayed, match="reset comes first"):
        sitting.step("1")
    sitting.reset()
    sitting.step("1")
    with pytest.raises(NotPlayed, match="over"):
        sitting.step("1")


def test_the_same_seed_is_the_same_problem_and_held_out_ones_are_others() -> None:
    game = game_of(["sum_digits"])
    one, other = game.sitting(), game.sitting()
    assert one.reset(seed=5) == other.reset(seed=5)
    assert one.reset(seed=6) != other.reset(seed=5)
    assert one.reset(seed=5, split="test") != other.reset(seed=5)


def test_an_environment_is_played_by_calls() -> None:
    task = Environment(
        name="words", contracts={"": contract_of("words", Words)}, rows=Rows(),
        limits=Limits(turns=3, seconds=5.0, result=200),
    )  # fmt: skip
    sitting = Game(task, EnvironmentPay()).sitting()
    shown = sitting.reset(seed=1)
    assert "guess(word: string)" in shown.messages[0].content
    rewards = set()
    for word in Words.words:
        sitting.reset(seed=1)
        assert len(sitting.step(f"guess('{word}')").messages[0].content) == 5
        rewards.add(sitting.step("done").reward)
    assert rewards == {0.0, 1.0}


def test_a_client_plays_over_a_socket() -> None:
    with served(secret()) as server:
        assert server.schema(5)["action"]["required"] == ["message"]
        session = in_thread(server.open(5)).result()
        shown = in_thread(session.ask("reset", {"seed": 1}, 5)).result()
        assert shown["observation"]["prompt"].startswith("Name the secret") and shown["done"] is False
        paid = in_thread(session.ask("step", {"message": "1"}, 5)).result()
        assert paid["done"] is True and paid["reward"] in (0.0, 1.0)
        assert in_thread(session.ask("state", None, 5)).result()["step_count"] == 1
        with pytest.raises(Refused, match="over"):
            in_thread(session.ask("step", {"message": "1"}, 5)).result()


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [("step", {}, "message: a text"), ("reset", {"seed": -1}, "seed:"), ("reset", {"split": "all"}, "split:"),
     ("reset", {"episode_id": 3}, "episode_id:")],
)  # fmt: skip
def test_bad_messages_are_refused_and_the_session_goes_on(kind: str, data: dict[str, Any], why: str) -> None:
    with served(secret()) as server:
        session = in_thread(server.open(5)).result()
        with pytest.raises(Refused, match=why):
            in_thread(session.ask(kind, data, 5)).result()
        assert in_thread(session.ask("reset", {}, 5)).result()["done"] is False


def test_a_server_that_is_full_says_so_and_has_room_again() -> None:
    with served(secret(), most=1) as server:
        first = in_thread(server.open(5)).result()
        with pytest.raises(Refused) as refused:
            in_thread(server.open(5)).result()
        assert refused.value.code == FULL
        in_thread(closed(first)).result()
        for _ in range(50):
            try:
                in_thread(server.open(5)).result()
                break
            except Refused:
                threading.Event().wait(0.05)
        else:
            pytest.fail("the session was not given back")


async def closed(session: Any) -> None:
    session.close()


@pytest.mark.parametrize(
    ("path", "head", "status"),
    [("/health", {}, 200), ("/nothing", {}, 404), ("/health", {"Host": "evil.example"}, 421),
     ("/health", {"Origin": "https://evil.example"}, 421)],
)  # fmt: skip
def test_pages_of_a_browser_are_kept_out(path: str, head: dict[str, str], status: int) -> None:
    with served(secret()) as server:
        request = urllib.request.Request(server.url + path, headers=head)
        try:
            found = urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as error:
            found = error.code
    assert found == status


def test_straw_trains_on_what_straw_serves(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret of one process is learned about by another that has only its socket."""
    monkeypatch.chdir(tmp_path)
    with served(secret()) as server:
        run = straw.train(
            f"openenv:{server.url}", model="tiny-0.2M", warmup="none", max_turns=1, max_tokens=3, group_size=4,
            batch_size=2, n_batches=2, eval_samples=4, quiet=True,
        )  # fmt: skip
    assert run.metrics[-1]["environments/failed"] == 0.0
    assert run.metrics[-1]["environments/turns"] == 1.0


def test_a_package_for_verifiers_is_written_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    write_package(tmp_path / "straw_secret", "secret", "http://127.0.0.1:1")
    source = (tmp_path / "straw_secret" / "straw_secret" / "__init__.py").read_text()
    compile(source, "it", "exec")
    assert 'url: str = "http://127.0.0.1:1"' in source
    write_package(tmp_path / "straw_secret", "secret", "http://127.0.0.1:2")  # its own, again
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="did not write it"):
        write_package(tmp_path / "mine", "secret", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="straw_secret"):
        write_package(tmp_path / "1 2", "secret", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("words", "why"),
    [([], "wants a task"), (["N=8"], "wants a task"), (["secret", "host=0.0.0.0"], "--open"),
     (["secret", "N=none"], "N"), (["nothing"], "nothing")],
)  # fmt: skip
def test_bad_commands_are_one_line(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve-task", *words]) == 2
    said = capsys.readouterr().err
    assert why in said and len(said.splitlines()) == 1
