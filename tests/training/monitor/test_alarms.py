"""Alarms on rows made by hand: a run that goes well, and one thing that goes wrong at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from math import inf, isnan, nan
from random import Random
from typing import Any

import pytest

from straw.training.monitor.alarms import ALARMS, QUIET, RULES, Alarm, Alarms, History, telling
from straw.training.monitor.tool_alarms import ADVICE

Row = dict[str, float]


def sound(step: int, rng: Random) -> Row:
    """A run that learns a secret in 100 steps, with the noise of groups of four."""
    known = min(1.0, step / 100)
    reward = sum(rng.random() < known for _ in range(4)) / 4
    is_flat = reward in (0.0, 1.0)
    row = {
        "reward": reward, "hits": reward, "completions/mean_length": 3 - rng.choice([0, 0, 0.25]),
        "groups_without_advantage": float(is_flat), "most_common_reply": max(0.28, rng.choice([0.75, 1.0]) * known),
        "advantage_scale": 0.0 if is_flat else 0.375,
    }  # fmt: skip
    if not is_flat:
        row |= {"grad_norm": 3 * rng.lognormvariate(0, 1.2), "entropy": 1.6 * (1 - known) + 0.002}
        row |= {"kl": 1.4 * known * rng.lognormvariate(0, 0.7), "kl_sampler": rng.gauss(0, 1e-7)}
    return row


def steps_of(change: Callable[[int, Row], None] | None = None, count: int = 400, seed: int = 0) -> Iterable[Row]:
    rng = Random(seed)
    for step in range(1, count + 1):
        row = sound(step, rng)
        if change is not None:
            change(step, row)
        yield row


def raised(rows: Iterable[Row], alarms: Alarms | None = None) -> list[tuple[int, Alarm]]:
    alarms = alarms or Alarms(best=1.0)
    return [(step, alarm) for step, row in enumerate(rows, start=1) for alarm in alarms.watch(step, row)]


def names(found: list[tuple[int, Alarm]]) -> set[str]:
    return {alarm.name for _, alarm in found}


@pytest.mark.parametrize(
    "seeds", [range(20), pytest.param(range(20, 100), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_sound_runs_raise_nothing(seeds: Any) -> None:
    for seed in seeds:
        assert raised(steps_of(seed=seed)) == []
        assert raised(steps_of(seed=seed), Alarms()) == []  # whatever the channel's best may be


def explode(metric: str, by: float) -> Callable[[int, Row], None]:
    def change(step: int, row: Row) -> None:
        if step > 60 and metric in row:
            row[metric] *= by

    return change


def set_to(start: int, **values: float) -> Callable[[int, Row], None]:
    def change(step: int, row: Row) -> None:
        if step > start:
            row |= {name.replace("__", "/"): value for name, value in values.items()}

    return change


WRONG: dict[str, Callable[[int, Row], None]] = {
    "nan": set_to(50, loss=nan),
    "kl_spike": explode("kl", 20),
    "gradient_spike": explode("grad_norm", 1000),
    "sampler_drift": set_to(50, kl_sampler=-0.3),
    "length_drift": set_to(50, completions__mean_length=30.0),
    "advantage_drift": explode("advantage_scale", 9),
    "equal_groups": set_to(0, reward=0.0, hits=0.0, groups_without_advantage=1.0, most_common_reply=0.28),
    "entropy_collapse": set_to(40, reward=0.5, hits=0.5, entropy=0.01, groups_without_advantage=0.0),
    "lock_in": set_to(40, reward=0.8, hits=0.0, most_common_reply=0.8, groups_without_advantage=0.0),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_goes_wrong_is_raised_under_its_name_alone(name: Any) -> None:
    for seed in range(10):
        found = raised(steps_of(WRONG[name], seed=seed))
        assert names(found) == {name}
        (first, alarm), *_ = found
        assert first <= 160
        assert len(alarm.advice) > 40 and "{" not in alarm.advice


def test_every_alarm_has_a_run_in_which_it_is_raised() -> None:
    elsewhere = {"worse_than_start", *ADVICE}  # when a run is done, see test_verdict; of tools, see test_tool_alarms
    assert set(WRONG) | elsewhere == set(ALARMS)


def test_a_locked_in_group_is_raised_without_an_advantage_too() -> None:
    wrong = set_to(30, reward=0.0, hits=0.0, most_common_reply=0.8, groups_without_advantage=1.0)
    assert names(raised(steps_of(wrong))) == {"lock_in", "equal_groups"}


def test_a_policy_that_repeats_the_right_answer_is_left_in_peace() -> None:
    right = set_to(60, reward=1.0, hits=1.0, most_common_reply=0.8, groups_without_advantage=1.0, entropy=0.0)
    assert raised(steps_of(right)) == []


def test_full_pay_for_a_near_miss_is_full_pay() -> None:
    """Two bins pay 1 for many answers: nothing is left to learn from them."""
    near = set_to(60, reward=1.0, hits=0.0, most_common_reply=0.8, groups_without_advantage=1.0, entropy=0.0)
    assert raised(steps_of(near), Alarms(best=1.0)) == []
    assert "lock_in" in names(raised(steps_of(near), Alarms()))


def test_nine_tenths_of_the_highest_pay_are_enough_and_a_little_less_is_not() -> None:
    history = History(best=2.0)
    for _ in range(5):
        history.add({"reward": 0.9 * 2.0})
    assert history.is_well_paid(5)
    history.add({"reward": 0.9 * 2.0 - 1e-9})
    assert not history.is_well_paid(5)


def test_dense_pay_is_full_at_the_number_of_turns() -> None:
    locked = set_to(30, reward=5.0, hits=0.0, most_common_reply=0.8, groups_without_advantage=0.0)
    assert names(raised(steps_of(locked), Alarms(best=6.0))) == {"lock_in"}


@pytest.mark.parametrize(("before", "now"), [(4, 12), (20, 40), (20, 10), (12, 4)])
def test_twice_or_half_or_eight_tokens_is_no_drift_and_a_little_more_is(before: int, now: int) -> None:
    def changed(to: float) -> Callable[[int, Row], None]:
        def change(step: int, row: Row) -> None:
            row |= {"completions/mean_length": before if step < 50 else to, "reward": 0.5, "hits": 0.5}

        return change

    further = now + 0.1 if now > before else now - 0.1
    assert "length_drift" not in names(raised(steps_of(changed(now))))
    assert "length_drift" in names(raised(steps_of(changed(further))))


def test_shorter_replies_that_earn_more_are_no_alarm() -> None:
    def shorter(step: int, row: Row) -> None:
        row["completions/mean_length"] = 40.0 if step < 50 else 10.0

    assert raised(steps_of(shorter)) == []

    def for_nothing(step: int, row: Row) -> None:
        shorter(step, row)
        row["reward"] = 0.5

    assert names(raised(steps_of(for_nothing))) == {"length_drift"}


def test_every_number_that_is_none_is_an_alarm() -> None:
    (alarm,) = Alarms().watch(1, {"bits_known": nan, "loss": 1.0, "reward": inf})
    assert alarm.name == "nan" and isnan(alarm.value)
    assert alarm.advice.startswith("bits_known, reward is no number")
    assert Alarms().watch(1, {"bits_known": None}) == []


def test_a_lasting_alarm_is_raised_ever_more_rarely() -> None:
    found = raised(steps_of(set_to(0, kl_sampler=1.0), count=1000))
    steps = [step for step, _ in found]
    assert [later - earlier for earlier, later in pairwise(steps)] == [QUIET, 2 * QUIET, 4 * QUIET]


def test_a_silenced_alarm_is_not_raised_and_the_others_are() -> None:
    wrong = set_to(50, kl_sampler=1.0, loss=nan)
    assert names(raised(steps_of(wrong), Alarms(silence=("sampler_drift",), best=1.0))) == {"nan"}


@pytest.mark.parametrize("stop", [1, 30, 75, 199])
@pytest.mark.parametrize("name", ["kl_spike", "lock_in", "equal_groups", "length_drift", "gradient_spike"])
def test_a_run_that_goes_on_raises_what_it_would_have_raised(name: str, stop: int) -> None:
    rows = list(steps_of(WRONG[name]))
    whole = raised(rows)
    first = Alarms(best=1.0)
    early = raised(rows[:stop], first)
    state = json.loads(json.dumps(first.state_dict(), allow_nan=False))
    second = Alarms(best=1.0)
    second.load_state_dict(state)
    late = [(step, alarm) for step, row in enumerate(rows[stop:], start=stop + 1) for alarm in second.watch(step, row)]
    assert early + late == whole


def test_supervised_rows_have_no_reward_and_raise_nothing() -> None:
    rows = [
        {"loss": 5 / step, "grad_norm": 14 / step, "entropy": 1 / step, "kl_sampler": 0.0} for step in range(1, 300)
    ]
    assert raised(rows) == []


def test_a_batch_without_any_advantage_has_no_gradient_worth_comparing() -> None:
    row = {"grad_norm": 5.0, "advantage_scale": 0.0, "reward": 0.0, "kl": None, "entropy": float("nan"), "other": 1.0}
    assert telling(row | {"groups_without_advantage": 0.5}).keys() == {
        "grad_norm", "advantage_scale", "reward", "groups_without_advantage"
    }  # fmt: skip
    assert telling(row | {"groups_without_advantage": 1.0}).keys() == {"reward", "groups_without_advantage"}
    assert telling({"groups_without_advantage": 1.0}).keys() == {"groups_without_advantage"}


def seen(*rows: tuple[int, Row], best: float | None = 1.0) -> History:
    """So many rows of each kind, one kind behind the other."""
    history = History(best)
    for count, row in rows:
        for _ in range(count):
            history.add(row)
    return history


PEAK = 13  # rows: a level of seven that lies at least seven back is a peak
POOR = {"reward": 0.5, "hits": 0.04}
EDGES: list[tuple[str, Callable[[float], History], float, float]] = [
    # alarm, what was seen, a value that raises it, one that does not
    ("kl_spike", lambda value: seen((PEAK, {"kl": 1.0}), (7, {"kl": value})), 5.01, 4.99),
    ("kl_spike", lambda value: seen((PEAK, {"kl": 0.1}), (7, {"kl": value})), 3.01, 2.99),
    ("gradient_spike", lambda value: seen((PEAK, {"grad_norm": 1.0}), (7, {"grad_norm": value})), 20.1, 19.9),
    ("advantage_drift", lambda value: seen((PEAK, {"advantage_scale": 1.0}),
                                           (7, {"advantage_scale": value})), 4.1, 3.9),
    ("sampler_drift", lambda value: seen((20, {"kl_sampler": value})), 0.101, 0.099),
    ("sampler_drift", lambda value: seen((20, {"kl_sampler": value})), -0.101, -0.1),
    ("sampler_drift", lambda value: seen((int(value), {"kl_sampler": 1.0})), 20, 19),
    ("length_drift", lambda value: seen((20, {"completions/mean_length": 40.0, **POOR}),
                                        (int(value), {"completions/mean_length": 90.0, **POOR})), 20, 19),
    ("equal_groups", lambda value: seen((int(value), {"groups_without_advantage": 1.0, "reward": 0.1})), 100, 99),
    ("equal_groups", lambda value: seen((100, {"groups_without_advantage": 1.0, "reward": value})), 0.89, 0.91),
    ("entropy_collapse", lambda value: seen((5, {"entropy": 2.0, **POOR}), (15, {"entropy": 9.0, **POOR}),
                                            (20, {"entropy": value, **POOR})), 0.0999, 0.1001),
    ("entropy_collapse", lambda value: seen((20, {"entropy": 2.0, **POOR}),
                                            (int(value), {"entropy": 0.0, **POOR})), 20, 19),
    ("entropy_collapse", lambda value: seen((20, {"entropy": 2.0, **POOR}),
                                            (20, {"entropy": 0.0, "reward": value, "hits": 0.0})), 0.5, 0.51),
    ("lock_in", lambda value: seen((40, {"most_common_reply": value, **POOR})), 0.6, 0.599),
    ("lock_in", lambda value: seen((int(value), {"most_common_reply": 0.6, **POOR})), 40, 39),
    ("lock_in", lambda value: seen((40, {"most_common_reply": 0.6, "reward": 0.5, "hits": value})), 0.049, 0.051),
    ("lock_in", lambda value: seen((20, {"most_common_reply": 0.2, **POOR}),
                                   (20, {"most_common_reply": value, **POOR})), 1.0, 0.99),
]  # fmt: skip


@pytest.mark.parametrize(("name", "history", "within", "without"), EDGES)
def test_every_threshold_lies_where_the_table_in_the_head_says(
    name: str, history: Callable[[float], History], within: float, without: float
) -> None:
    condition = RULES[name].condition
    assert condition(history(within)) is not None
    assert condition(history(without)) is None


@pytest.mark.parametrize(("name", "within"), [(name, within) for name, _, within, _ in EDGES[:4]])
def test_an_alarm_says_the_level_that_it_saw(name: str, within: float) -> None:
    history = next(made for one, made, level, _ in EDGES if (one, level) == (name, within))(within)
    assert RULES[name].condition(history) == within


def test_a_lasting_alarm_comes_again_after_a_hundred_steps_and_no_sooner() -> None:
    alarms = Alarms()
    assert [step for step in range(1, 400) if alarms.watch(step, {"loss": nan})] == [1, 101, 301]


def test_where_nothing_is_known_of_the_highest_pay_hits_say_whether_all_is_well() -> None:
    assert seen((20, {"hits": 0.9}), best=None).is_well_paid(20)
    assert not seen((20, {"hits": 0.89, "reward": 5.0}), best=None).is_well_paid(20)
    assert not seen((19, {"hits": 1.0}), best=None).is_well_paid(20)
    assert not seen((19, {"reward": 1.0}), best=1.0).is_well_paid(20)


WRONG_AND_ALIKE = {"most_common_reply": 0.625, "reward": 0.5, "hits": 0.0}
AT_THE_EDGE: list[tuple[str, History]] = [
    ("kl_spike", seen((PEAK, {"kl": 1.0}), (7, {"kl": 5.0}))),
    ("kl_spike", seen((PEAK, {"kl": 0.125}), (7, {"kl": 3.0}))),
    ("gradient_spike", seen((PEAK, {"grad_norm": 1.0}), (7, {"grad_norm": 20.0}))),
    ("advantage_drift", seen((PEAK, {"advantage_scale": 1.0}), (7, {"advantage_scale": 4.0}))),
    ("sampler_drift", seen((20, {"kl_sampler": 0.1}))),
    ("entropy_collapse", seen((20, {"entropy": 20.0, **POOR}), (20, {"entropy": 1.0, **POOR}))),
    ("lock_in", seen((40, {**WRONG_AND_ALIKE, "hits": 0.05}))),
    ("equal_groups", seen((99, {"groups_without_advantage": 1.0}), (1, {"groups_without_advantage": 0.75}))),
]


@pytest.mark.parametrize(("name", "history"), AT_THE_EDGE)
def test_what_is_exactly_at_a_threshold_raises_nothing(name: str, history: History) -> None:
    assert RULES[name].condition(history) is None


def test_a_lock_in_looks_at_hits_and_replies_of_forty_steps_and_at_no_others() -> None:
    lock_in = RULES["lock_in"].condition
    before = {**WRONG_AND_ALIKE, "hits": 1.0, "most_common_reply": 0.0}
    assert lock_in(seen((40, before), (40, WRONG_AND_ALIKE))) == 0.5
    assert lock_in(seen((20, {**WRONG_AND_ALIKE, "hits": 0.125}), (20, WRONG_AND_ALIKE))) is None


def test_nobody_is_stuck_before_forty_rewards_are_known_nor_while_they_rise_or_are_full() -> None:
    assert not seen((1, {}), (39, {"reward": 0.5})).is_stuck()
    assert seen((40, {"reward": 0.5})).is_stuck()
    assert not seen((20, {"reward": 0.25}), (20, {"reward": 0.5})).is_stuck()
    assert not seen((40, {"reward": 1.0})).is_stuck() and seen((40, {"reward": 1.0}), best=None).is_stuck()
    assert not seen((20, {"reward": 0.5, "hits": 0.0}), (20, {"reward": 0.5, "hits": 1.0})).is_stuck()


def test_what_alarms_say_is_the_mean_of_the_last_steps() -> None:
    low = seen((20, {"entropy": 4.0, **POOR}), (20, {"entropy": 0.125, **POOR}))
    assert RULES["entropy_collapse"].condition(low) == 0.125
    equal = seen((50, {"reward": 1.0}), (50, {"reward": 0.0, "groups_without_advantage": 1.0}),
                 (50, {"reward": 0.5, "groups_without_advantage": 1.0}))  # fmt: skip
    assert RULES["equal_groups"].condition(equal) == 0.25
    long = seen((20, {"completions/mean_length": 8.0, **POOR}), (30, {"completions/mean_length": 32.0, **POOR}))
    assert RULES["length_drift"].condition(long) == 32.0


def test_half_as_long_for_the_same_pay_is_an_alarm_and_for_better_pay_none() -> None:
    def shorter(pay: float) -> History:
        return seen((20, {"completions/mean_length": 64.0, "reward": 0.5}),
                    (20, {"completions/mean_length": 16.0, "reward": pay}))  # fmt: skip

    rule = RULES["length_drift"].condition
    assert (rule(shorter(0.5)), rule(shorter(0.25)), rule(shorter(0.625))) == (16.0, 16.0, None)


def test_alarms_know_no_highest_pay_and_silence_nothing_where_nobody_says() -> None:
    alarms = Alarms()
    assert alarms.seen.best is None and alarms.silence == frozenset()
    assert (Alarms(("nan",), 2.0).seen.best, Alarms(("nan",), 2.0).silence) == (2.0, frozenset({"nan"}))
    assert Alarms(("nan",)).watch(1, {"loss": nan}) == []
