"""Steps of constant length, worked out by hand, and what has to hold whatever things cost."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.planning.made_costs import costs, work

from straw.errors import ConfigError
from straw.planning.layout import Layout
from straw.planning.simulation.clock import Clock
from straw.planning.simulation.free import Free
from straw.planning.simulation.outcome import Log, Outcome
from straw.planning.simulation.run import simulate, steps_for
from straw.planning.simulation.site import Site


def found(generators: int = 1, cores: float = 64, lag: int = 0, free: bool = False, **said: Any) -> Outcome:
    return simulate(
        work(max_lag=lag, is_free=free), costs(**said), Layout(generators=generators, cores=cores)
    )  # fmt: skip


def test_in_step_generators_and_trainer_wait_for_each_other() -> None:
    one = found()
    assert one.step_s == pytest.approx(1.0 + 16 * 0.1)
    assert one.rollouts_per_s == pytest.approx(16 / 2.6)
    assert one.trainer_idle == pytest.approx(1.0 / 2.6)
    assert one.generators_busy == pytest.approx(1.0 / 2.6)
    assert (one.lag, one.dropped, one.cpu_s) == (0.0, 0.0, pytest.approx(2.6 / 16))


def test_every_part_of_a_step_has_its_place_in_it() -> None:
    said = {
        "call_s": 0.3, "prompt_s": 0.02, "row_s": 0.001, "take_s": 0.05, "update_s": 0.5, "show_s": 0.25,
        "message_s": 0.04, "grade_s": 0.01, "keep_s": 0.02, "step_s": 0.03, "latency_s": 0.006,
    }  # fmt: skip
    writing = 0.04 + 0.006 + 0.05 + (0.3 + 4 * 0.02 + 1.0 + 16 * 10 * 0.001) + 16 * 0.01
    learning = 16 * 0.02 + 1.6 + 0.5 + 3 * 0.006 + 0.25 + 0.03
    assert found(**said).step_s == pytest.approx(writing + learning)


def test_two_generators_halve_what_rows_cost_and_not_what_a_token_costs() -> None:
    # four groups of 4 are 16 rows, a tile: two groups are computed as a tile too
    assert found(2).step_s == pytest.approx(found(1).step_s)
    many = costs(token_s=0.0, row_s=0.001)
    rows = work(groups=32)
    alone, both = (simulate(rows, many, Layout(generators=n, cores=8)).step_s for n in (1, 2))
    assert alone == pytest.approx(128 * 10 * 0.001 + 12.8)
    assert both == pytest.approx(64 * 10 * 0.001 + 12.8)


def test_one_ahead_a_step_takes_as_long_as_the_slower_side() -> None:
    ahead = found(lag=1)
    assert ahead.step_s == pytest.approx(1.6)
    assert ahead.trainer_idle == pytest.approx(0.0)
    assert ahead.lag == 1.0
    slow = found(lag=1, token_s=0.5)
    assert slow.step_s == pytest.approx(5.0)
    assert slow.trainer_idle == pytest.approx(1.0 - 1.6 / 5.0)


def test_two_sides_on_one_processor_gain_nothing_by_running_ahead() -> None:
    assert found(lag=1, cores=1).step_s == pytest.approx(2.6)


def test_four_generators_on_two_processors_write_half_as_fast() -> None:
    assert found(4, cores=2, train_s=0.0001).step_s == pytest.approx(2.0 + 0.0016)


def test_whoever_waits_for_the_slowest_reply() -> None:
    even, uneven = found(4, replies=((10,), (10,))), found(4, replies=((2,), (18,)))
    assert uneven.step_s == pytest.approx(1.8 + 1.6)  # of 16 replies one is long, in every step
    assert even.step_s == pytest.approx(2.6)


def test_free_generators_keep_the_trainer_at_work() -> None:
    free = found(4, lag=1, free=True)
    assert free.step_s == pytest.approx(1.6, rel=0.01)
    assert 0.0 < free.lag <= 1.0
    assert free.dropped == 0.0


def test_free_generators_do_not_wait_for_the_slowest() -> None:
    replies = ((1,), (1,), (1,), (37,))
    assert (
        found(4, lag=2, free=True, train_s=0.001, replies=replies).step_s
        < found(4, lag=2, train_s=0.001, replies=replies).step_s
    )


def test_groups_that_are_overtaken_by_too_many_versions_are_dropped() -> None:
    slow = found(4, lag=1, free=True, train_s=0.001, replies=((1,),) * 60 + ((400,),))
    assert slow.dropped > 0.0
    assert slow.lag <= 1.0


@pytest.mark.parametrize("lag", [1, 2])
def test_nobody_writes_with_weights_whose_memory_was_written_over(lag: int) -> None:
    job, made = work(max_lag=lag, is_free=True), costs(train_s=0.001, replies=((1,),) * 60 + ((400,),))
    clock = Clock()
    site = Site(clock, made, Layout(generators=4, cores=64), are_nice=True)
    oldest: list[int] = []

    class Watching(Log):
        def step(self, lag: float, wait: float) -> None:
            super().step(lag, wait)
            oldest.append(site.trained - site.oldest_in_use())

    clock.begin(Free(job, made, site, Watching(site), 30).run())
    clock.run()
    assert max(oldest) == lag  # of lag + 1 versions that there is memory for, the newest among them


def test_a_conversation_takes_a_round_for_every_turn_and_every_answer() -> None:
    talk = found(replies=((10, 10),), row_s=0.0)
    assert talk.step_s == pytest.approx(4 * (1.0 + 0.1 + 1.0) + 1.6)  # problem after problem
    with pytest.raises(ConfigError, match="pace=exact"):
        found(replies=((10, 10),), lag=1, free=True)


def test_weights_go_to_other_machines_through_one_link() -> None:
    said = {"weights_mb": 50.0, "link_mb_s": 100.0}
    four = simulate(work(), costs(**said), Layout(generators=4, others=3, cores=8))
    assert four.sync_s == pytest.approx(1.5)  # three copies
    assert four.step_s == pytest.approx(1.5 + 1.0 + 1.6)
    ahead = simulate(work(max_lag=1), costs(**said, token_s=0.0001), Layout(generators=4, others=3, cores=8))
    assert ahead.step_s == pytest.approx(1.6, rel=0.01)  # on their way while the next step is trained


def test_messages_go_through_one_process() -> None:
    layout = Layout(generators=1000, cores=2000)
    thousand = simulate(work(groups=1000), costs(message_s=0.01, train_s=1e-6), layout)
    assert thousand.step_s == pytest.approx(10.0 + 0.004, abs=1.1)  # handing out goes on while others answer
    assert thousand.directing_busy > 0.9


def test_other_people_s_processes_take_time_from_all() -> None:
    beside = simulate(work(), costs(), Layout(generators=1, cores=2), others=({1024.0: 3.0},))
    assert beside.step_s == pytest.approx(2 * 2.6)


def test_a_big_plan_is_simulated_over_few_steps() -> None:
    assert steps_for(work(), 4) == (1, 40)
    assert steps_for(work(groups=10_000, max_lag=2), 10_000) == (5, 3)
    assert steps_for(work(groups=10_000, max_lag=2), 10_000, is_quick=True) == (3, 1)


COSTS = st.fixed_dictionaries({
    "token_s": st.floats(1e-4, 0.1), "row_s": st.floats(0, 1e-3), "call_s": st.floats(0, 0.1),
    "train_s": st.floats(1e-4, 0.1), "update_s": st.floats(0, 0.5), "keep_s": st.floats(0, 0.01),
    "replies": st.lists(st.tuples(st.integers(1, 60)), min_size=1, max_size=5).map(tuple),
})  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(said=COSTS, lag=st.integers(0, 2))
def test_more_generators_are_never_slower_where_messages_and_prompts_cost_nothing(
    said: dict[str, Any], lag: int
) -> None:
    """A share of the rows is never more work than all of them, as long as there are processors for everybody."""
    rates = [
        simulate(work(groups=16, max_lag=lag), costs(**said), Layout(generators=n, cores=64)).rollouts_per_s
        for n in (1, 2, 4, 16)
    ]
    assert all(after >= before * (1 - 1e-9) for before, after in pairwise(rates))


@settings(max_examples=12, deadline=None)
@given(said=COSTS, lag=st.integers(0, 2), free=st.booleans(), generators=st.integers(1, 9), cores=st.integers(1, 4))
def test_nobody_is_faster_than_the_trainer_or_than_the_processors(
    said: dict[str, Any], lag: int, free: bool, generators: int, cores: int
) -> None:
    one = found(generators, cores, lag, free and lag > 0, **said)
    learning = 16 * said["train_s"] + said["update_s"]
    assert one.step_s >= learning * (1 - 1e-9)
    assert 0.0 <= one.trainer_idle <= 1.0 and 0.0 <= one.generators_busy <= 1.0 + 1e-9
    assert one.cpu_s * 16 <= cores * one.step_s * (1 + 1e-6)
    assert one.lag <= lag


@settings(max_examples=8, deadline=None)
@given(said=COSTS, generators=st.integers(1, 8))
def test_running_ahead_is_never_slower(said: dict[str, Any], generators: int) -> None:
    steps = [found(generators, 64, lag, **said).step_s for lag in (0, 1, 2)]
    assert steps[1] <= steps[0] * (1 + 1e-9)
    assert steps[2] <= steps[1] * 1.05  # other steps are counted, and their replies are as long as they are
