from __future__ import annotations

from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

from rich.console import Console

from straw.runs.progress import Progress, end_table


class Clock:
    """Time that passes when told."""

    now = 100.0

    def __call__(self) -> Any:
        return self.now


def written(*, terminal: Any, steps: Any, seconds_each: Any, **options: Any) -> Any:
    """What a run of `steps` steps of 64 episodes writes."""
    clock, file = Clock(), StringIO()
    console = Console(file=file, force_terminal=terminal, width=140, color_system=None)
    with Progress(steps, "secret", console=console, clock=clock, **options) as bar:
        for step in range(1, steps + 1):
            clock.now += seconds_each
            bar.update(step, {"episodes": 64 * step, "bits_known": step / 10 if step == 1 else None})
    return file.getvalue()


def test_a_log_gets_a_plain_line_every_five_seconds_and_the_end() -> None:
    lines = written(terminal=False, steps=12, seconds_each=1).splitlines()
    assert [line.split()[1] for line in lines] == ["1/12", "6/12", "11/12", "12/12"]
    assert lines[1] == "secret  6/12  0:06 left  384 episodes  64/s  bits known 0.10 (at step 1)"


def test_a_terminal_is_redrawn_at_most_four_times_a_second() -> None:
    output = written(terminal=True, steps=1000, seconds_each=0.001)  # one second
    assert 4 <= output.count("episodes") <= 6
    assert "1000/1000" in output


def test_a_narrow_terminal_cuts_the_lines_and_keeps_their_number() -> None:
    clock, file = Clock(), StringIO()
    with Progress(1, "a long title", console=Console(file=file, force_terminal=True, width=20), clock=clock) as bar:
        bar.update(1, {"episodes": 64, "reward": 0.5, "p_secret": 0.25})
    last = file.getvalue().split("\x1b[2K")[-1]
    assert last.count("\n") == 2
    assert last.count("…") == 2


def test_bits_are_shown_with_their_ceiling() -> None:
    assert "bits known 0.10 of 6.00" in written(terminal=False, steps=1, seconds_each=1, ceiling_bits=6)


def test_what_is_offered_stands_beside_what_of_it_is_usable() -> None:
    bar = Progress(2, "secret", console=Console(file=StringIO()), clock=Clock())
    bar.update(1, {"episodes": 4, "ledger/offered_bits": 1.25, "ledger/usable_bits": 0.0})
    assert bar.numbers().endswith("offered 1.2  usable 0.0")


def test_a_number_of_this_step_says_no_age() -> None:
    assert "bits known 0.10\n" in written(terminal=False, steps=1, seconds_each=1)


def test_quiet_is_quiet() -> None:
    assert written(terminal=True, steps=3, seconds_each=1, quiet=True) == ""


def test_a_slow_beginning_is_forgotten_by_the_pace() -> None:
    clock = Clock()
    bar = Progress(1000, "secret", console=Console(file=StringIO(), force_terminal=True), clock=clock)
    clock.now += 500
    for step in range(1, 101):
        clock.now += 1
        bar.update(step, {"episodes": step * 8})
    assert bar.numbers() == "800 episodes  8/s"
    assert bar.place() == "100/1000  15:00 left"  # 900 steps of one second


def test_a_run_that_fails_before_its_first_step_shows_no_step() -> None:
    assert written(terminal=False, steps=0, seconds_each=1) == ""


def test_the_end_table_shows_the_numbers_and_an_unbroken_path() -> None:
    file = StringIO()
    path = "runs/2026-05-01-143207-" + "secret" * 20
    rows = [("bits known", "5.98 of 6"), ("answer", "[bold]37[/bold]")]
    end_table("secret", rows, run_folder=path, console=Console(file=file, width=40))
    assert "5.98 of 6" in file.getvalue()
    assert "[bold]37[/bold]" in file.getvalue()  # what a model says is never markup
    assert f"run folder: {path}\n" in file.getvalue()


def test_an_ascii_terminal_gets_ascii_only() -> None:
    raw = BytesIO()
    file = TextIOWrapper(raw, encoding="ascii")
    console = Console(file=file, force_terminal=True, width=60)
    with Progress(2, "demo", console=console) as bar:
        bar.update(1, {"episodes": 64})
    end_table("demo", [("binary", 5.9)], header=("channel", "bits known"), console=console)
    file.flush()
    assert b"bits known" in raw.getvalue()
    assert raw.getvalue().isascii()
