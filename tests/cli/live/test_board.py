from __future__ import annotations

import os
from io import StringIO

from rich.console import Console

from straw.library.live.board import Board, LiveBoard


def shown(board: Board) -> list[str]:
    console = Console(width=120, record=True, quiet=False, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(board.table())
    return [line.strip() for line in console.export_text().splitlines()]


def test_the_board_shows_every_run_from_waiting_to_done() -> None:
    board = Board(["binary", "SFT"])
    assert [line.split() for line in shown(board)[1:]] == [["binary", "waiting"], ["SFT", "waiting"]]
    assert board.take("binary", "say", "warm-up 50 steps") == "binary: warm-up 50 steps"
    assert "warming up" in shown(board)[1]
    assert board.take("binary", "begin", 10) is None
    start = {"episodes": 0, "time_s": 0.0, "bits_known": 0.0, "p_secret": 1 / 64, "measured_at": 0}
    board.take("binary", "update", (0, start))
    board.take("binary", "update", (5, {"episodes": 20, "time_s": 0.5, "reward": 0.25}))
    assert shown(board)[1].split() == ["binary", "step", "5/10", "20", "40", "0.25", "0.00", "0.016", "0"]
    board.take("binary", "update", (10, {"episodes": 40, "time_s": 1.0, "bits_known": 5.9}))
    assert shown(board)[1].split()[1] == "done"
    assert "5.90" in shown(board)[1]


def test_what_runs_of_one_warm_up_say_of_it_is_said_once() -> None:
    board = Board(["a", "b"])
    assert board.take("a", "say", "warm-up 50 steps") == "a: warm-up 50 steps"
    assert board.take("b", "say", "warm-up 50 steps") is None
    assert board.take("b", "say", "going on from step 3") == "b: going on from step 3"


def test_of_many_runs_those_that_go_on_are_shown_and_the_others_counted() -> None:
    board = Board([f"run-{number}" for number in range(20)])
    board.take("run-3", "begin", 10)
    board.take("run-3", "update", (5, {"episodes": 20.0}))
    board.take("run-4", "end", "failed")
    board.take("run-5", "end", "done")
    lines = shown(board)
    assert [line.split()[0] for line in lines[1:-1]] == ["run-3"]
    assert lines[-1] == "1 done, 1 failed, 17 waiting of 20 runs"


def test_a_log_gets_lines_and_no_table() -> None:
    log = StringIO()
    with LiveBoard(["a"], console=Console(file=log, width=80)) as board:
        board.on_event("a", "say", "warm-up 50 steps")
        board.on_event("a", "update", (5, {"episodes": 20.0}))
        board.say("a: done")
    assert log.getvalue() == "a: warm-up 50 steps\na: done\n"
