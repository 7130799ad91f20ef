"""What a program may use, by the options; and what means nothing for programs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.files import MIB
from straw.tasks.code.options import CodeOptions, LiveCodeBenchOptions, day


def test_a_program_may_wait_four_times_as_long_as_it_works_and_two_seconds_more() -> None:
    limits = CodeOptions(kind="code").limits
    assert (limits.cpu_s, limits.wall_s, limits.memory) == (3, 14.0, 512 * MIB)
    limits = CodeOptions(kind="code", test_seconds=1, test_memory=64).limits
    assert (limits.cpu_s, limits.wall_s, limits.memory) == (1, 6.0, 64 * MIB)
    limits = LiveCodeBenchOptions(kind="livecodebench").limits
    assert (limits.cpu_s, limits.wall_s, limits.memory) == (6, 26.0, 4096 * MIB)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"grader": "exact"}, "code runs programs and compares by itself; got grader=exact. Leave it out."),
        ({"num_shots": 1}, "code has no worked examples; got num_shots=1. Say it in system_prompt."),
        ({"system_prompt": "xml"}, "a program stands in a block of code; got system_prompt=xml. Write "
         "system_prompt=none, or a text of your own."),
        ({"system_prompt": "boxed"}, "a program stands in a block of code; got system_prompt=boxed. Write "
         "system_prompt=none, or a text of your own."),
    ],
)  # fmt: skip
def test_what_means_nothing_for_programs_is_refused(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CodeOptions(kind="code", **words)
    assert str(caught.value) == why


def test_programs_are_judged_by_tests_alone_and_replies_have_no_form() -> None:
    options = CodeOptions(kind="code", grader="own", system_prompt="Be brief and right.")
    assert options.default_channel == "tests_passed" and options.reply_form is None


def test_a_window_may_be_open_on_either_side() -> None:
    for since, before in ((None, None), ("2024-08-01", None), (None, "2024-08-01"), ("2024-08-01", "2024-08-02")):
        options = LiveCodeBenchOptions(kind="livecodebench", from_date=since, to_date=before)
        assert options.window == tuple(date.fromisoformat(one) if one else None for one in (since, before))
    with pytest.raises(ConfigError, match="got 2024-08-02 and 2024-08-01"):
        LiveCodeBenchOptions(kind="livecodebench", from_date="2024-08-02", to_date="2024-08-01")


def test_a_day_is_written_as_one() -> None:
    assert day("to_date", "2024-08-01") == date(2024, 8, 1) and day("to_date", None) is None and day("a", "") is None
    with pytest.raises(ConfigError, match=r"^to_date is a day, such as to_date=2024-08-01; got to_date=1.8.2024.$"):
        day("to_date", "1.8.2024")
