"""The loop's small decisions, each by itself: no engine and no run."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from tests.small_runs import Listener, small_plan

from straw.algorithms.baselines import Credit
from straw.algorithms.replay import BestReplay
from straw.engines.base import SamplingParams
from straw.errors import TrainingError
from straw.training import loop as loop_module
from straw.training.loop import SAVE_EVERY_S, Loop
from straw.training.monitor.alarms import Alarms
from straw.training.monitor.early_stopping import Patience
from straw.training.state import RunState
from straw.types import End, Grade, Message, Metric, Play, Problem, Rollout, Turn


class Folder:
    """Writes down what it is told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.rows: list[Any] = []
        self.evaluations: list[Any] = []

    def write_event(self, event: str, step: int, **facts: Any) -> None:
        self.events.append((event, step, facts))

    def write_metrics(self, row: Any) -> None:
        self.rows.append(row)

    def write_rollouts(self, records: Any) -> None:
        self.rows += list(records)

    def write_evaluations(self, records: Any) -> None:
        self.evaluations += list(records)


class Engine:
    """Of these weights, with this much spent and nothing to complain of."""

    def __init__(self) -> None:
        self.policy_version, self.spent_so_far, self.complaint = 1, dict[str, float](), ""

    def spent(self) -> dict[str, float]:
        return self.spent_so_far

    def out_of_budget(self) -> str:
        return self.complaint


def bare(words: str = "", **state: Any) -> Any:
    """A loop of this page and this state, whose folder and engine only listen."""
    loop: Any = object.__new__(Loop)
    loop.plan = small_plan(f"n_batches=6 {words}")
    loop.page, loop.folder, loop.engine, loop.watcher = loop.plan.page, Folder(), Engine(), Listener()
    loop.state = RunState(credit=Credit(baseline="group"), replay=BestReplay(1), alarms=Alarms(), **state)
    loop.num_steps, loop.said, loop.rollouts = 6, set(), []
    loop.is_asked_to_stop, loop.tracker = False, None
    loop.started = loop.saved_at = time.monotonic()
    loop.cpu_started = time.process_time()
    return loop


def made(words: str) -> Loop:
    """As a run makes it, with an engine that nobody asks anything."""
    nobody: Any = SimpleNamespace(chat=None)
    return Loop(small_plan(f"n_batches=6 {words}"), nobody, SamplingParams(max_tokens=2), nobody, Listener())


def rollout(reward: float = 0.0, turns: int = 1, reason: str = "", logprob: float = -1.0) -> Rollout:
    turn = [Turn(prompt=(1,) * (2 * n + 2), reply=(2, 3), logprobs=(-1.0, logprob), policy_version=0)
            for n in range(turns)]  # fmt: skip
    return Rollout(
        problem=Problem(key="a", messages=(Message("user", "?"),), reference=("1",)), turns=tuple(turn),
        replies=("1",) * turns, end=End.FAILED if reason else End.ANSWERED,
        grade=Grade(hits=(reward == 1,), well_formed=True), rewards={"binary": reward}, advantages=(0.0,) * turns,
        play=Play(environment="it", reason=reason),
    )  # fmt: skip


# --- what a page makes of it


def test_a_loop_keeps_as_many_best_rollouts_as_the_page_says_and_knows_the_highest_pay() -> None:
    assert made("replay=2").state.replay.size == 2 and made("replay=0").state.replay.size == 0
    assert made("").state.alarms.seen.best == 1.0
    assert made("algorithm=sft").state.replay.size == 0
    assert made("silence=kl_spike").state.alarms.silence == {"kl_spike"}
    loop = made("patience=3 keep_best=bits_known pass_rate_decay=0.25")
    assert (loop.state.patience.metric, loop.state.patience.most) == ("bits_known", 3)
    assert loop.state.pass_rates.decay == 0.25
    assert (loop.num_steps, loop.is_asked_to_stop, loop.state.step) == (6, False, 0)


def test_an_intrinsic_reward_inside_the_group_raises_the_highest_pay() -> None:
    assert made("use_ir=repeats").state.alarms.seen.best == 1.0
    assert made("use_ir=surprise novelty=inside explore_weight=0.5").state.alarms.seen.best == pytest.approx(
        1.0 + small_plan("use_ir=surprise novelty=inside explore_weight=0.5").page.memory.highest
    )


# --- when


def at(loop: Any, step: int) -> Any:
    loop.state.step = step
    return loop


def test_a_run_measures_every_so_many_steps_and_at_its_end() -> None:
    loop = bare("eval_every=4")
    assert [at(loop, step).is_time_to_measure() for step in range(1, 7)] == [False, False, False, True, False, True]
    every = bare("eval_every=1")
    assert all(at(every, step).is_time_to_measure() for step in range(1, 7))


def test_a_run_saves_every_so_many_steps_and_never_by_0() -> None:
    loop = bare("save_every=2")
    assert [at(loop, step).is_time_to_save() for step in range(1, 7)] == [False, True] * 3
    assert not any(at(bare("save_every=0"), step).is_time_to_save() for step in range(1, 7))


def test_a_page_that_says_nothing_saves_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = bare()
    assert loop.page.run.save_every is None and SAVE_EVERY_S == 60.0
    loop.saved_at = 1000.0
    found = []
    for later in (59.0, 60.0, 60.5):
        monkeypatch.setattr(loop_module.time, "monotonic", lambda now=1000.0 + later: now)
        found.append(loop.is_time_to_save())
    assert found == [False, False, True]


def test_a_run_is_over_at_its_last_step_or_with_enough_or_out_of_patience() -> None:
    loop = bare("stop_at=0.5")
    assert [at(loop, step).is_over for step in (0, 5, 6)] == [False, False, True]
    at(loop, 2).state.known = {"p_secret": 0.5}
    assert loop.is_over
    assert bare(patience=Patience("a", 1, best=1.0, waited=1), step=2).is_over
    assert not bare(patience=Patience("a", 2, best=1.0, waited=1), step=2).is_over


def test_time_is_counted_over_all_processes_that_worked_on_a_run() -> None:
    loop = bare(time_s=100.0, cpu_s=50.0)
    loop.started, loop.cpu_started = time.monotonic() - 7, time.process_time() - 3
    assert loop.time_s == pytest.approx(107, abs=0.9) and loop.cpu_s == pytest.approx(53, abs=0.9)


def test_episodes_are_those_of_every_step_and_those_that_were_drawn_again() -> None:
    assert bare("group_size=4 batch_size=2", step=3, redrawn=5).episodes == 3 * 8 + 5


# --- what is said


def test_what_a_source_tells_is_said_aloud_or_an_event_of_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(loop_module, "source_of", lambda *what: made.append(what))
    loop = bare(step=2)
    loop.sampling = "sampling"
    loop.open_source()
    ((plan, engine, sampling, state, say, tell),) = made
    assert (plan, engine, sampling, state) == (loop.plan, loop.engine, "sampling", loop.state)
    say("hello")
    at(loop, 3)
    tell("stale_group", group=7)
    assert (loop.watcher.lines, loop.folder.events) == (["hello"], [("stale_group", 3, {"group": 7})])


def test_out_of_patience_is_an_event_and_a_line_and_before_that_nothing_is() -> None:
    loop = bare(patience=Patience("accuracy", 2), step=4)
    loop.state.known = {"accuracy": 0.25}
    assert loop.is_better({"accuracy": 0.5}) and not loop.is_better({"accuracy": 0.5})
    assert (loop.folder.events, loop.watcher.lines) == ([], [])
    assert not loop.is_better({})
    facts = {"metric": "accuracy", "best": 0.5, "waited": 2}
    assert loop.folder.events == [("out_of_patience", 4, facts)]
    assert loop.watcher.lines == [
        "step 4: 2 evaluations brought no better accuracy than 0.5, so the run is over (patience)"
    ]


def test_environments_that_failed_are_an_event_a_step_and_a_line_a_run() -> None:
    loop = bare(step=1)
    for _ in range(2):
        loop.rollouts = [rollout(reason="lost"), rollout(), rollout(reason="lost")]
        loop.tell_failures()
        loop.state.step += 1
    assert loop.folder.events == [("environment_failed", step, {"reason": "lost", "rollouts": 2}) for step in (1, 2)]
    assert loop.watcher.lines == ["an environment failed, and its rollout is paid nothing: lost"]


def test_who_is_out_of_budget_stops_behind_the_step_and_not_where_the_run_is_over_anyway() -> None:
    loop = bare(step=3)
    loop.heed_budget()
    assert not loop.is_asked_to_stop
    loop.engine.complaint = "nothing is left"
    at(loop, 6).heed_budget()
    assert (loop.folder.events, loop.is_asked_to_stop) == ([], False)
    at(loop, 3).heed_budget()
    assert loop.folder.events == [("out_of_budget", 3, {"reason": "nothing is left"})]
    assert loop.watcher.lines == ["nothing is left"] and loop.is_asked_to_stop


def test_a_row_has_the_step_s_metrics_what_is_known_the_ledger_and_what_was_spent() -> None:
    loop = bare("group_size=4 batch_size=2", step=3)
    loop.engine.spent_so_far = {"cost": 0.5}
    row = loop.log({"loss": Metric(2.0, 4)}, {"bits_known": 1.5})
    assert loop.folder.rows == [row]
    assert (row["step"], row["episodes"], row["loss"], row["bits_known"], row["cost"]) == (3, 24, 2.0, 1.5, 0.5)
    assert loop.folder.events == [] and not loop.is_asked_to_stop


def test_an_alarm_is_an_event_and_a_line() -> None:
    loop = bare(step=3)
    loop.log({"loss": Metric(float("nan"))}, {})
    ((event, step, facts),) = loop.folder.events
    assert (event, step, facts["name"]) == ("alarm", 3, "nan")
    assert loop.watcher.lines == [f"alarm at step 3, nan: {facts['advice']}"]


def test_a_watcher_may_ask_to_stop_and_once_asked_stays_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = bare(step=1)
    for answer in (None, True, None):
        monkeypatch.setattr(loop.watcher, "update", lambda step, row, answer=answer: answer)
        loop.log({}, {})
    assert loop.is_asked_to_stop


def test_a_tracker_gets_every_row() -> None:
    loop, told = bare(step=1), list[Any]()
    loop.tracker = SimpleNamespace(log=told.append)
    rows = [loop.log({}, {}), loop.log({"loss": Metric(1.0)}, {})]
    assert told == rows and told[1]["loss"] == 1.0


# --- what is kept


def test_the_tokens_of_a_rollout_are_those_of_its_last_prompt_and_reply() -> None:
    loop = bare(step=1, num_tokens=10)
    loop.intrinsic = SimpleNamespace(metrics=lambda: {"memory/empty": Metric(1.0)})
    group = [rollout(1.0, turns=3), rollout(0.0), rollout(reason="lost", turns=0)]
    found = loop.keep([group], [group])
    assert loop.state.num_tokens == 10 + (6 + 2) + (2 + 2)
    assert found["num_tokens"] == Metric(22) and found["memory/empty"] == Metric(1.0)
    assert len(loop.folder.rows) == 3 and loop.rollouts == group
    assert loop.watcher.lines == ["an environment failed, and its rollout is paid nothing: lost"]
    assert loop.keep([], []) == {} and loop.rollouts == []


def test_replies_are_remembered_where_not_all_answers_are_asked_for_and_only_there() -> None:
    for answers, newest in ((7, {"a": [1]}), (8, {})):
        loop = bare(f"N=8 eval_answers={answers}", step=1)
        loop.intrinsic = SimpleNamespace(metrics=dict)
        loop.keep([[rollout()]], [[rollout()]])
        assert loop.state.said.newest == newest


def test_rollouts_are_said_aloud_where_the_page_wants_it() -> None:
    for words, is_said in (("verbose=true", True), ("verbose=false", False)):
        loop = bare(words, step=1)
        loop.intrinsic = SimpleNamespace(metrics=dict)
        loop.keep([[rollout()]], [[rollout()]])
        assert bool(loop.watcher.lines) is is_said


def test_a_policy_without_finite_probabilities_is_told_with_all_of_its_step() -> None:
    loop, broken = bare(step=2), list[Any]()

    def stopped(step: int, reason: str, data: Any) -> TrainingError:
        broken.append((step, reason, data))
        return TrainingError(reason)

    loop.updates = SimpleNamespace(broken=stopped)
    loop.check_probabilities([[rollout()], [rollout()]])
    with pytest.raises(TrainingError, match=r"^the policy has no finite probabilities$"):
        loop.check_probabilities([[rollout()], [rollout(turns=2, logprob=float("nan")), rollout(logprob=-1.5)]])
    ((step, _, data),) = broken
    assert step == 2 and [datum.weights[0] for datum in data] == [1 / 3] * 3
    assert all(set(datum.advantages) == {0.0} for datum in data)


def test_what_was_drawn_again_is_counted_in_groups_and_in_episodes() -> None:
    groups = [[rollout()] * 2 for _ in range(5)]
    loop = bare("batch_size=2 group_size=2 redraws=3", redrawn=1)
    assert loop.choices(groups) == {"redrawn_groups": Metric(3)} and loop.state.redrawn == 7
    assert loop.choices(groups[:2]) == {"redrawn_groups": Metric(0)} and loop.state.redrawn == 7
    assert bare("batch_size=2 group_size=2").choices(groups[:2]) == {}


def test_a_curriculum_hears_how_problems_go_and_others_do_not() -> None:
    told = [[rollout(1.0), rollout(0.0)]] * 2
    loop = bare("num_secrets=4 curriculum=pass_rate batch_size=2 group_size=2")
    assert loop.choices(told).keys() == {"problems_seen", "pass_rate"}
    assert loop.state.pass_rates.rates == {"a": 0.5}
    assert bare("num_secrets=4 batch_size=2 group_size=2").choices(told) == {}


def test_equal_weights_are_asked_once_where_bits_are_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(*args: Any, step: int) -> Any:
        asked.append(step)
        return {"bits_known": float(step)}, [SimpleNamespace(record=lambda at: ("answer", at))]

    monkeypatch.setattr(loop_module, "measure", measure)
    loop = bare(step=1)
    loop.sampling, loop.start = None, None
    assert [loop.measured(), at(loop, 2).measured()] == [{"bits_known": 1.0}] * 2
    loop.engine.policy_version = 2
    assert at(loop, 3).measured() == {"bits_known": 3.0} and asked == [1, 3]
    assert loop.folder.evaluations == [("answer", 1), ("answer", 3)] and loop.state.measured_version == 2
