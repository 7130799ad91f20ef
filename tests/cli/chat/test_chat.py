"""straw chat, from a pipe as another program would use it, and as a terminal would."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.small_runs import train

from straw.cli import main
from straw.cli.chat import chat as room
from straw.cli.chat.talk import opened

TINY = ["chat", "tiny-0.2M", "max_tokens=6", "--quiet"]


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main([*words]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_one_line_for_each_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    lines = said(capsys, monkeypatch, "hi\n\nhow are you?\n", *TINY)
    assert len(lines) == 2
    assert said(capsys, monkeypatch, "hi\n/quit\nnever read\n", *TINY) == lines[:1]


def test_the_same_seed_says_the_same_and_another_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    first, again, other = (said(capsys, monkeypatch, "hi\n", *TINY, f"seed={seed}") for seed in (1, 1, 2))
    assert first == again != other


def test_reset_forgets_what_was_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    first, second, third = (
        said(capsys, monkeypatch, "hi\nhi\n/reset\nhi\n", *TINY)[:2]
        + said(capsys, monkeypatch, "x\n/reset\nhi\n", *TINY)[1:]
    )
    assert first == third != second


def test_a_reply_comes_in_pieces_and_is_that_of_one_call(home: Path) -> None:
    talk = opened("tiny-0.2M", None, False, lambda line: None)
    talk.configure("", 0.0, 8, 0)
    parts = list(talk.reply("12"))
    assert len(parts) > 1
    from straw.engines.base import SamplingParams
    from straw.types import Message

    prompt = talk.engine.chat.opening([Message("user", "12")])
    params = SamplingParams(max_tokens=8, temperature=0, stop=talk.engine.chat.closes)
    ((whole,),) = talk.engine.sample([prompt], 1, params, [[0]])
    assert "".join(parts) == talk.engine.chat.decode(whole.tokens)


def test_a_conversation_is_the_tokens_of_its_messages_and_replies(home: Path) -> None:
    """The second reply is what the engine says to the whole of it, a cut reply closed by an end token."""
    from straw.engines.base import SamplingParams
    from straw.types import Message

    talk = opened("tiny-0.2M", None, False, lambda line: None)
    talk.configure("Be brief.", 0.0, 3, 0)
    chat = talk.engine.chat
    first = list(talk.reply("1"))
    second = "".join(talk.reply("2"))
    prompt = chat.opening([Message("system", "Be brief."), Message("user", "1")])
    params = SamplingParams(max_tokens=3, temperature=0, stop=chat.closes)
    ((reply,),) = talk.engine.sample([prompt], 1, params, [[0]])
    assert "".join(first) == chat.decode(reply.tokens)
    whole = (*prompt, *reply.tokens, *([] if reply.stopped else [chat.end]), *chat.continuation(Message("user", "2")))
    ((wanted,),) = talk.engine.sample([whole], 1, params, [[0]])
    assert second == chat.decode(wanted.tokens)
    assert talk.length == len(whole) + len(wanted.tokens)


def test_a_conversation_that_is_too_long_begins_anew(home: Path) -> None:
    heard: list[str] = []
    talk = opened("tiny-0.2M", None, False, heard.append)
    talk.configure("", 1.0, 100_000, 0)
    assert talk.engine.room is not None and talk.max_tokens == talk.engine.room // 2
    talk.max_tokens, talk.length = 4, 0
    list(talk.reply("hi"))
    talk.length = talk.engine.room
    list(talk.reply("hi again"))
    assert talk.turn == 1 and "begins anew" in heard[-1]


def test_a_run_is_talked_to_by_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "runs/mine", "n_batches=3 save_every=1 keep_last=0 learning_rate=1e-3")
    words = ["chat", "mine", "temperature=0", "max_tokens=4"]
    asked = "Name the secret in [0, 8). Number only.\n"
    (line,) = said(capsys, monkeypatch, asked, *words)
    assert line.strip() in {str(number) for number in range(8)}
    assert said(capsys, monkeypatch, asked, *words, "--at", "0")
    assert "mine step 3" in opened("mine", None, False, lambda line: None).title
    assert main([*words, "--at", "77"]) == 2
    assert "no checkpoint of step 77" in capsys.readouterr().err


def test_in_a_terminal_a_reply_is_streamed_and_ctrl_c_ends_it_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["hi", "/reset", "", "hi"])

    def typed(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(room, "is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", typed)
    assert main(TINY) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "/quit ends" in shown[0] and "a new conversation" in shown
    assert shown[1] == shown[shown.index("a new conversation") + 1]

    class Interrupted:
        was_reset = False

        def reply(self, message: str) -> list[str]:
            raise KeyboardInterrupt

        def reset(self) -> None:
            self.was_reset = True

    talk = Interrupted()
    room.show(talk, "hi")  # type: ignore[arg-type]
    assert talk.was_reset and "stopped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "b"], "one run or model; got a b"),
        (["tiny-0.2M", "temperature=-1"], "temperature is a number that is 0 or more"),
        (["tiny-0.2M", "max_tokens=0"], "max_tokens is a whole number from 1"),
        (["tiny-0.2M", "--at", "3"], "is no run"),
        (["nothing-there"], "nothing-there"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: list[str], said: str, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["chat", *words]) == 2
    assert said in capsys.readouterr().err
