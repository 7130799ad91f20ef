"""The learner's process: it plays as it would without a wall, and cannot get at the secret, leave or cheat on costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.benchmark.small_games import LEARNERS, learner, quick, small_cell
from tests.small_runs import Listener

from straw.benchmark.draws import Draw
from straw.benchmark.games import Cell
from straw.benchmark.play import Played, options_here, played
from straw.benchmark.submission import Submission, submitted
from straw.benchmark.wall import process, wire
from straw.benchmark.wall.opening import Opened, in_the_open
from straw.benchmark.wall.process import LearnerProcess
from straw.config import load_page
from straw.errors import RunError
from straw.runs.files.jsonl import read_lines
from straw.training.session import run_page


@pytest.fixture(autouse=True)
def warm(home: Path) -> None:
    """One warm-up for the session."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learners")


@pytest.fixture(scope="module")
def away(folder: Path) -> Iterator[LearnerProcess]:
    """One process for all of these, which forks for each run."""
    file = folder / "learners.py"
    with LearnerProcess({str(file): LEARNERS}) as one:
        yield one


def play(submission: Submission, away: LearnerProcess, cell: Cell | None = None, **more: Any) -> Played:
    return played(Draw(cell or small_cell(), 0, submission.mark), submission, away, lambda line: None, **more)


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("reinforce", "bins8"),
        pytest.param("surrogate", "dense", marks=pytest.mark.slow),
        pytest.param("grpo", "noisy", marks=pytest.mark.slow),
        pytest.param("surrogate", "dense_sum", marks=pytest.mark.slow),
        ("es", "bins8"),
        ("ppo_critic", "bins8"),
        ("sdpo", "words"),
        ("rltf_sd", "words"),
    ],
)
def test_a_run_through_the_wall_is_that_of_straw_train(
    home: Path, tmp_path: Path, away: LearnerProcess, name: str, channel: str
) -> None:
    """Token by token and float by float, whoever learns: policy gradients, beliefs, conversations, readers."""
    options = {"pool": "16", "fresh": "4", "most_updates": "3"} if name == "surrogate" else {}
    submission, cell = submitted(name, options), small_cell(channel, most=12)
    lines: list[str] = []
    run = play(submission, away, cell, keep=lines.append)
    page = {
        **options_here(Draw(cell, 0, submission.mark)),
        **submission.page_options(),
        "run_dir": str(tmp_path / "run"),
    }
    run_page(load_page(None, {**page, "eval_every": 1}), Listener())
    here = [{**row, "advantages": None} for row in read_lines(tmp_path / "run/rollouts.jsonl")]
    there = [{**json.loads(line), "advantages": None} for line in lines]
    assert there == here[: len(there)] and len(there) >= 4 and run.failed == ""
    assert all(("words" in row) == (channel == "words") for row in there)
    bits = {row["episodes"]: row["bits_known"] for row in read_lines(tmp_path / "run/metrics.jsonl")}
    assert [known for _, known in run.bits] == pytest.approx([bits[at] for at, _ in run.bits], abs=6e-4)


def test_a_run_is_the_same_whoever_played_before_it(folder: Path, away: LearnerProcess) -> None:
    cell = small_cell("bins8")
    first = play(quick(), away, cell)
    play(learner(folder, "Prints"), away)
    assert replace(play(quick(), away, cell), cpu_s=0.0) == replace(first, cpu_s=0.0)
    assert first.known and first.failed == ""


def test_what_a_learner_sees_is_a_decoy(folder: Path, away: LearnerProcess) -> None:
    """Its task hides another number, its rollouts have neither reference nor grade, its environment only paths."""
    failed = play(learner(folder, "LooksAround"), away).failed
    seen = ast.literal_eval(failed.removeprefix("ValueError: "))
    assert seen[:6] == [("?",), {}, (), (), None, 0]
    told = {*process.KEPT, "PYTHONHASHSEED", "OMP_NUM_THREADS", "LC_CTYPE"}
    assert [name for name in seen[6] if name not in told and not name.startswith(("TORCH", "KMP_"))] == []
    assert not any("secret" in word for word in seen[7])


def test_a_learner_that_reads_its_task_learns_the_decoy(folder: Path, away: LearnerProcess) -> None:
    submission = learner(folder, "ReadsTheTask")
    cell = small_cell(secrets=3, most=8)
    draws = [Draw(cell, number, submission.mark) for number in range(3)]
    runs = [played(draw, submission, away, lambda line: None) for draw in draws]
    decoy = 12345 % 8  # `secret_for(0, 8)`
    assert [run.known for run in runs] == [draw.secret == decoy for draw in draws]
    assert any(draw.secret != decoy for draw in draws)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("BreaksTheWeights", "no finite probabilities"),
        pytest.param("WritesToThePipe", "speaks JSON", marks=pytest.mark.slow),
        pytest.param("LeavesEarly", "left in the middle", marks=pytest.mark.slow),
        ("Raises", "ValueError: no idea"),
        ("LossOfItsOwn", "where the secret is"),
    ],
)
def test_a_learner_that_fails_or_leaves_counts_as_one_that_never_came_to_know(
    folder: Path, away: LearnerProcess, name: str, why: str
) -> None:
    run = play(learner(folder, name), away)
    assert why in run.failed and not run.known and run.episodes == small_cell().most_episodes


def test_the_code_of_the_entry_is_run_and_not_what_lies_there_now(folder: Path, away: LearnerProcess) -> None:
    submission = learner(folder, "Raises")
    (folder / "learners.py").write_text("raise SystemExit('another file')")
    assert "no idea" in play(submission, away).failed


def test_what_a_learner_prints_is_no_message(folder: Path, away: LearnerProcess) -> None:
    run = play(learner(folder, "Prints"), away)
    assert run.failed == "" and run.episodes == 16


@pytest.mark.parametrize("name", ["AsksNonsense", "ROW"])
def test_what_makes_no_sense_is_refused_and_a_row_plays_like_a_class(
    folder: Path, away: LearnerProcess, name: str
) -> None:
    run = play(learner(folder, name), away)
    assert run.failed == "" and run.episodes <= 16


def test_forged_rollouts_and_words_out_of_turn_change_nothing_that_is_counted(
    folder: Path, away: LearnerProcess
) -> None:
    """The payer's own lines are hashed, and its own measurements are told."""
    lines: list[str] = []
    run = play(learner(folder, "ForgesRollouts"), away, keep=lines.append)
    assert run.rollouts == sha256("".join(lines).encode()).hexdigest() and "forged" not in "".join(lines)
    assert not run.known and (run.episodes, run.updates) == (16, 0) and len(lines) == 16
    assert max(known for _, known in run.bits) < 1.0
    again = play(learner(folder, "Prints"), away)  # in the same process, which reads nothing of what was left
    assert again.failed == "" and again.episodes == 16


def test_draws_are_counted_by_who_makes_them(folder: Path, away: LearnerProcess) -> None:
    run = play(learner(folder, "DrawsInSecret"), away)
    assert (run.unpaid_draws, run.updates, run.failed) == (5 * 4, 0, "")


@pytest.mark.slow
def test_a_learner_that_hangs_is_ended(folder: Path, away: LearnerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    play(learner(folder, "Prints"), away)  # its process is there
    monkeypatch.setattr(process, "PATIENCE_S", 1.0)
    run = play(learner(folder, "Hangs"), away)
    assert "said nothing" in run.failed and not run.known


@pytest.mark.slow
def test_words_reach_a_learner_in_a_file_and_everybody_begins_with_a_model_that_reads(
    folder: Path, away: LearnerProcess
) -> None:
    """What is said is right, higher, lower or unreadable; one that learns nothing from it begins where sdpo does."""
    cell = small_cell("words", most=8)
    run = play(learner(folder, "TellsWords"), away, cell)
    said = ast.literal_eval(run.failed.removeprefix("ValueError: "))
    assert len(said) == 4 and set(said) <= {"right", "higher", "lower", "unreadable"}
    assert play(quick(), away, cell).start == play(submitted("sdpo", {}), away, cell).start == run.start
    assert play(quick(), away, small_cell(most=8)).start != run.start


def test_second_tries_are_for_games_that_speak(away: LearnerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "way_of", lambda ready: wire.Way(second_tries=True))
    assert "says nothing in words" in play(quick(), away).failed


@pytest.mark.parametrize(("name", "why"), [("rltf_sd", "word"), ("sdpo", "word"), ("opd", "teacher")])
def test_rows_that_need_what_no_game_has_say_so(away: LearnerProcess, name: str, why: str) -> None:
    run = play(submitted(name, {}), away)
    assert why in run.failed and not run.known


@pytest.mark.parametrize("noise", [{"sigma": -1}, {"sigma": "much", "greedy": 1}, [], {"sigma": float("inf")}, 7])
def test_noise_that_makes_no_sense_is_refused(noise: Any) -> None:
    with pytest.raises(RunError, match="from 0 to 10"):
        wire.noise_of(noise)
    with pytest.raises(RunError, match="second tries or none"):
        wire.way_of({"ready": True, "second_tries": noise})
    assert wire.noise_of(None) is None and wire.noise_of({"sigma": 0.5, "greedy": True}) == wire.Noise(0.5, True)


@pytest.mark.parametrize("name", ["reward_aware", pytest.param("sft", marks=pytest.mark.slow)])
def test_learners_that_look_at_the_answer_cannot_play(away: LearnerProcess, name: str) -> None:
    run = play(submitted(name, {}), away)
    assert "looks at the answer" in run.failed


def test_a_room_is_another_way_to_open_it(folder: Path) -> None:
    """A sandbox begins the command by itself: here one in which nothing runs."""
    asked: list[list[str]] = []

    def empty_room(command: Sequence[str], environment: Mapping[str, str], place: Path) -> Opened:
        asked.append([*command])
        return in_the_open(["false"], {}, place)

    with LearnerProcess({}, empty_room) as one:
        run = play(learner(folder, "Prints"), one)
    assert asked[0][1:] == ["-m", "straw.benchmark.wall.learner_side"] and "process" in run.failed


def test_a_learner_whose_payer_is_gone_ends_in_silence() -> None:
    """As when `straw bench` is terminated in the middle of a run."""
    left = subprocess.Popen(
        [sys.executable, "-m", "straw.benchmark.wall.learner_side"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert left.stdin is not None and left.stdout is not None
    left.stdout.close()
    left.stdin.write(wire.line_of({"options": {"seed": 0}, "code": {}, "sampling": None}))  # a run that fails at once
    left.stdin.flush()
    assert left.wait(60) == 0
    assert left.stderr is not None
    assert b"BrokenPipe" not in left.stderr.read()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is shut by prctl, which Linux has")
def test_while_a_learner_is_there_nobody_of_this_user_reads_this_process() -> None:
    before = process.set_readable(True)
    with LearnerProcess({}):
        assert process.set_readable(False) is False
    assert process.set_readable(before) is True
