"""Log-probabilities fitted to a log: the objective, its solution, and what is paid."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.small_runs import Listener, Parts, small_page, small_plan, train
from tests.training.learners.test_learners import Dying, groups_of, rows

from straw.config import Optimizer
from straw.errors import ConfigError, TrainingError
from straw.runs.reading import read_metrics, read_rollouts
from straw.training.learners.regress import SURE, Heard, Regress, RegressOptions, centred, whole
from straw.training.session import resume_run, run_page
from straw.training.sources.fresh import AlreadyPaid
from straw.types import Datum, Metric

PAGE = "algorithm=regress reward_type=log_distance"


def test_errors_are_less_the_mean_of_their_prompt() -> None:
    found = centred(np.array([1.0, 3.0, 5.0, -1.0]), [(1,), (1,), (2,), (1,)])
    assert found.tolist() == [0.0, 2.0, 0.0, -2.0]


def test_a_reply_is_worth_what_it_was_paid_in_the_mean() -> None:
    heard = Heard((1,), (2,), (1.0,), -3.0)
    for reward in (1.0, 0.0, 0.5):
        heard.hear(reward)
    assert heard.paid == pytest.approx(0.5) and heard.times == 3


class Table:
    """An engine that is a softmax over five replies, and has the gradient of what it is asked."""

    def __init__(self) -> None:
        self.z = np.array([0.3, -0.2, 0.1, 0.5, -0.7])
        self.gradient = np.zeros(5)

    def nats(self, z: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, z - np.log(np.exp(z).sum()))

    def logprobs(self, data: Any, policy: str = "current") -> list[list[float]]:
        return [[float(self.nats(self.z)[datum.tokens[0]])] for datum in data]

    def forward_backward(self, data: Any, loss: Any) -> None:
        """Of - sum of weight * log p."""
        p = np.exp(self.nats(self.z))
        for datum in data:
            self.gradient -= datum.weights[0] * (np.eye(5)[datum.tokens[0]] - p)

    def optim_step(self, params: Any) -> dict[str, float]:
        return {}


def a_learner(engine: Table) -> tuple[Regress, list[Heard]]:
    learner = object.__new__(Regress)
    learner.engine, learner.plan = cast(Any, engine), cast(Any, SimpleNamespace(adam=lambda rate: None))
    return learner, [Heard((9,), (reply,), (1.0,), -1.5, paid) for reply, paid in ((0, 0.2), (1, 1.0), (3, 0.7))]


def test_an_update_goes_down_the_squared_differences_of_all_pairs() -> None:
    """REBEL's loss, by finite differences: sum over pairs of (difference of log ratios - sharpness * that of pay)^2."""
    engine, sharp = Table(), 4.0
    learner, log = a_learner(engine)
    aims = np.array([one.start + sharp * one.paid for one in log])
    learner.update(log, centred(learner.now(log) - aims, [(9,)] * 3), rate=1.0)

    def of_pairs(z: np.ndarray) -> float:
        errors = [engine.nats(z)[one.tokens[0]] - one.start - sharp * one.paid for one in log]
        return sum((a - b) ** 2 for a in errors for b in errors)

    slope = np.array([of_pairs(engine.z + step) - of_pairs(engine.z - step) for step in 1e-6 * np.eye(5)]) / 2e-6
    assert engine.gradient / np.linalg.norm(engine.gradient) == pytest.approx(slope / np.linalg.norm(slope), abs=1e-6)


def test_what_is_told_well_enough_is_the_policy_of_most_reward_less_kl(home: Path) -> None:
    """p0 exp(sharpness * reward) / Z, among the replies of the log."""
    parts = Parts(f"{PAGE} sharpness=3 most_fits=400 enough_fit=0.02 learning_rate=1e-3 candidates=0")
    learner = Regress(parts.plan, parts.engine, parts.params)
    told = groups_of(parts, size=8)
    learner.paid.full = 2.0  # nobody is sure of anything
    found = learner.learn(1, told, told)
    assert found["fit_error"].mean <= 0.02
    log = [*learner.log.values()]
    assert len(log) > 2 and len({one.paid for one in log}) > 1
    over_start = learner.now(log) - [one.start for one in log]
    aims = 3.0 * np.array([one.paid for one in log])
    assert over_start - over_start.mean() == pytest.approx(aims - aims.mean(), abs=0.06)


def test_full_pay_makes_its_prompt_sure(home: Path) -> None:
    parts = Parts(PAGE)
    learner = Regress(parts.plan, parts.engine, parts.params)
    assert learner.sharpness((1,)) == 15.0
    learner.paid.found.add((1,))
    assert learner.sharpness((1,)) == 15.0 * SURE and learner.sharpness((2,)) == 15.0


def test_a_channel_that_flips_coins_is_heard_again_and_nobody_is_ever_sure(home: Path) -> None:
    parts = Parts("algorithm=regress reward_type=noisy_binary flip_probability=0.2")
    learner = Regress(parts.plan, parts.engine, parts.params)
    assert learner.candidates == 0 and learner.paid.full == np.inf


def test_the_oldest_replies_are_forgotten(home: Path) -> None:
    parts = Parts(f"{PAGE} remembered=3")
    learner = Regress(parts.plan, parts.engine, parts.params)
    told = groups_of(parts, size=16)
    learner.hear(told[0])
    newest = list(dict.fromkeys(one.turns[0].reply for one in told[0]))[-3:]
    assert [tokens for _, tokens in learner.log] == newest


def test_it_learns_eight_secrets_paying_for_no_reply_twice_before_it_was_right(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", PAGE, "n_batches=12 group_size=2 eval_every=1 stop_at=0.8").folder
    found = read_metrics(run)
    assert found[-1]["bits_known"] > 0.8 * 3
    assert sum(row.get("unpaid_draws", 0) for row in found) > 0
    rollouts = [*read_rollouts(run)]
    right = next((place for place, one in enumerate(rollouts) if one["reward"] == 1.0), len(rollouts))
    said = [one["replies"][0] for one in rollouts[:right]]
    assert len(set(said)) == len(said)


def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped_but_not_without_what_was_paid(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{PAGE} group_size=2 n_batches=4 save_every=2 eval_every=2 most_fits=2"
    alone = train(tmp_path / "alone", page)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", page), Dying())
    copytree(tmp_path / "run", tmp_path / "forgetful")
    resume_run(tmp_path / "run", Listener())
    assert rows(tmp_path / "run") == rows(alone.folder)
    monkeypatch.setattr(Regress, "load_state_dict", lambda self, state: None)
    resume_run(tmp_path / "forgetful", Listener())
    assert rows(tmp_path / "forgetful") != rows(alone.folder)


def test_problems_that_never_come_again_are_refused() -> None:
    with pytest.raises(ConfigError, match="algorithm=regress keeps a log for every prompt"):
        small_plan("kind=sum_digits algorithm=regress n_batches=1")


def test_full_pay_is_three_times_as_sharp_with_four_times_the_updates(home: Path) -> None:
    parts = Parts(f"{PAGE} candidates=0 most_fits=2 enough_fit=0")
    learner = Regress(parts.plan, parts.engine, parts.params)
    told = groups_of(parts, size=8)
    learner.paid.full = math.inf
    assert learner.learn(1, told, told)["updates"].mean == 2
    learner.paid.found.add(told[0][0].turns[0].prompt)
    found = learner.learn(2, told, told)
    assert learner.sharpness(told[0][0].turns[0].prompt) == 45.0
    assert found["updates"].mean == 8 and found["log_size"].mean == len(learner.log)


def test_a_prompt_with_nothing_new_is_softer_until_something_new_comes(home: Path) -> None:
    parts = Parts(PAGE)
    learner = Regress(parts.plan, parts.engine, parts.params)
    (group,) = groups_of(parts, size=8)
    replies = {one.turns[0].reply: one for one in group}
    first, second, third, *_ = replies.values()
    prompt = first.turns[0].prompt
    learner.paid.add([[first]])
    sharpness = []
    for told in ([first], [second, first], [second], [third], [third], [third], [third]):
        learner.soften(told)
        sharpness.append(learner.sharpness(prompt) / 15.0)
    assert sharpness == pytest.approx([0.7, 0.49, *(min(1.0, 0.49 * 1.1**times) for times in range(1, 6))])
    for _ in range(9):
        learner.soften([third])
    assert learner.sharpness(prompt) == 15.0
    again = Regress(parts.plan, parts.engine, parts.params)
    learner.softness[prompt] = 0.3
    again.load_state_dict(json.loads(json.dumps(learner.state_dict())))
    assert again.softness == {prompt: 0.3} and not again.paid.is_new(prompt, first.turns[0].reply)


def test_without_candidates_nothing_is_softer(home: Path) -> None:
    parts = Parts(f"{PAGE} candidates=0")
    learner = Regress(parts.plan, parts.engine, parts.params)
    told = groups_of(parts, size=4)
    learner.paid.add(told)
    learner.soften(told[0])
    assert learner.softness == {}


def test_pay_is_a_share_of_what_a_channel_pays_from_its_lowest_to_its_highest(home: Path) -> None:
    """Right or wrong pays 1 or -1."""
    parts = Parts("algorithm=regress reward_type=plus_minus")
    learner = Regress(parts.plan, parts.engine, parts.params)
    (group,) = groups_of(parts, size=1)
    for reward, share in ((-1.0, 0.0), (0.5, 0.75), (1.0, 1.0)):
        learner.log.clear()
        learner.hear([replace(group[0], rewards={"plus_minus": reward})])
        assert [one.paid for one in learner.log.values()] == [share]


def test_where_a_channel_declares_no_range_pay_is_what_it_is(home: Path, tmp_path: Path) -> None:
    """Functions of one's own seldom say: least minus infinity made every reward no number."""
    (tmp_path / "mine.py").write_text("def mine(completions, **columns):\n    return [len(one) for one in completions]")
    run = train(tmp_path / "run", f"algorithm=regress reward_type={tmp_path}/mine.py:mine n_batches=2").folder
    assert read_metrics(run)[-1]["fit_error"] < 100


def test_numbers_that_are_none_end_the_run_with_advice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(PAGE)
    learner = Regress(parts.plan, parts.engine, parts.params)
    learner.hear(groups_of(parts, size=4)[0])
    monkeypatch.setattr(learner, "now", lambda rows: np.full(len(rows), np.nan))
    with pytest.raises(TrainingError, match="smaller learning_rate"):
        learner.fitted(1e-3)


def test_where_nothing_was_said_there_is_nothing_to_fit(home: Path) -> None:
    parts = Parts(PAGE)
    assert Regress(parts.plan, parts.engine, parts.params).fitted(1e-3) == {"updates": 0.0}


# --- by hand


class Recording:
    """An engine whose replies have these log-probabilities; it writes down what it is asked to learn."""

    def __init__(self, *nats: list[float], **found: float) -> None:
        self.nats, self.found, self.learned, self.rates = [*nats], found, list[Any](), list[float]()

    def logprobs(self, data: Any, policy: str = "current") -> list[list[float]]:
        return self.nats[: len(data)]

    def forward_backward(self, data: Any, loss: Any) -> None:
        self.learned.append((data, loss.name))

    def optim_step(self, params: Any) -> dict[str, float]:
        self.rates.append(params)
        return self.found

    def publish(self) -> None: ...


def by_hand(engine: Any, **options: Any) -> Regress:
    learner = object.__new__(Regress)
    learner.engine, learner.options = engine, RegressOptions(**options)
    learner.plan = cast(Any, SimpleNamespace(
        adam=lambda rate: rate,
        page=SimpleNamespace(optimizer=Optimizer(learning_rate=1.0, schedule="linear"),
                             run=SimpleNamespace(n_batches=4)),
    ))  # fmt: skip
    learner.paid, learner.log, learner.softness, learner.fresh = AlreadyPaid(1.0), {}, {}, None
    learner.lowest, learner.range, learner.candidates = 0.0, 1.0, 8
    return learner


def heard(reply: int, paid: float, *, prompt: int = 9, start: float = -1.5) -> Heard:
    return Heard((prompt,), (reply, 7), (1.0, 0.5), start, paid)


def test_an_update_pulls_each_reply_by_its_share_of_the_error_against_it() -> None:
    engine = Recording(grad_norm=0.25)
    learner = by_hand(engine)
    found = learner.update([heard(1, 0), heard(2, 0), heard(3, 0)], np.array([2.0, 0.0, -6.0]), 0.5)
    ((data, loss),) = engine.learned
    assert [(one.tokens, one.weights) for one in data] == [((1, 7), (-0.25, -0.125)), ((3, 7), (0.75, 0.375))]
    assert (loss, engine.rates, found) == ("cross_entropy", [0.5], {"grad_norm": 0.25})
    engine.found = {}
    assert learner.update([heard(1, 0)], np.array([2.0]), 0.5) == {"grad_norm": 0.0}


def test_the_fit_aims_at_the_start_and_the_sharpness_times_the_pay_prompt_by_prompt() -> None:
    """Aims -1.5 + 4 * 0.5 and -3.5 + 4 * 0.25; log-probabilities -2 and -3.5: errors -2.5 and -1, less their mean."""
    engine = Recording([-2.0, -9.0], [-3.0, -0.5])
    learner = by_hand(engine, sharpness=4.0, most_fits=1, enough_fit=0.0)
    rows = [heard(1, 0.5), heard(2, 0.25, start=-3.5)]
    rows[0].weights = (1.0, 0.0)  # a token that is only read is none that was said
    learner.log = {("a", (number,)): row for number, row in enumerate(rows)}
    found = learner.fitted(0.5)
    assert found == {"updates": 1.0, "fit_error": 0.75, "grad_norm": 0.0, "log_size": 2.0, "learning_rate": 0.5}
    learner.softness = {(9,): 0.5}
    assert learner.fitted(0.5)["fit_error"] == 0.5  # aims -0.5 and -3: errors -1.5 and -0.5


def test_a_fit_that_is_just_good_enough_takes_no_update_and_one_reply_alone_never_does() -> None:
    engine = Recording([-2.0, 0.0], [-3.0, 0.0])
    for enough, updates in ((0.5, 0), (0.49, 2)):
        learner = by_hand(engine, sharpness=1.0, most_fits=2, enough_fit=enough)
        learner.log = {("a", (1,)): heard(1, 0.0), ("a", (2,)): heard(2, 0.0)}
        assert learner.fitted(0.5)["updates"] == updates
    alone = by_hand(engine, enough_fit=0.0)
    alone.log = {("a", (1,)): heard(1, 1.0)}
    assert alone.fitted(0.5) == {"updates": 0.0, "fit_error": 0.0, "log_size": 1.0, "learning_rate": 0.5}


def test_the_rate_is_that_of_the_step_and_draws_that_nobody_paid_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, rates = by_hand(Recording()), list[float]()

    def fitted(rate: float) -> dict[str, float]:
        rates.append(rate)
        return {}

    monkeypatch.setattr(learner, "fitted", fitted)
    silent = [cast(Any, SimpleNamespace(turns=()))]
    assert learner.learn(1, [silent], []) == {"unpaid_draws": Metric(0.0)}
    learner.fresh = cast(Any, SimpleNamespace(unpaid_draws=5))
    assert learner.learn(4, [silent], []) == {"unpaid_draws": Metric(5.0)}
    assert rates == [1.0, 0.25]


def test_what_a_model_said_is_all_that_counts_of_a_log_probability() -> None:
    datum = Datum(prompt=(1,), tokens=(2, 3, 4), weights=(1.0, 0.0, 0.5))
    assert whole([-1.0, -10.0, -2.0], datum) == -3.0


def test_a_reply_weighs_by_what_it_is_pulled() -> None:
    found = heard(1, 0.5).datum(-2.0)
    assert (found.prompt, found.tokens, found.weights) == ((9,), (1, 7), (-2.0, -1.0))
    fresh = Heard((9,), (1,), (1.0,), -1.0)
    assert (fresh.paid, fresh.times) == (0.0, 0)


@pytest.mark.parametrize(
    ("channel", "lowest", "span", "candidates", "full"),
    [
        ({"lowest": -1.0, "highest": 3.0, "deterministic": True}, -1.0, 4.0, 128, 3.0),
        ({"lowest": -1.0, "highest": 3.0, "deterministic": False}, -1.0, 4.0, 0, math.inf),
        ({"lowest": -math.inf, "highest": 3.0, "deterministic": True}, 0.0, 1.0, 128, 3.0),
        ({"lowest": 0.0, "highest": math.inf, "deterministic": True}, 0.0, 1.0, 0, math.inf),
        ({"lowest": 2.0, "highest": 2.0, "deterministic": True}, 0.0, 1.0, 128, 2.0),
    ],
)
def test_full_pay_is_known_of_a_channel_that_is_sure_and_bounded(
    channel: dict[str, Any], lowest: float, span: float, candidates: int, full: float
) -> None:
    plan: Any = SimpleNamespace(page=SimpleNamespace(algorithm=RegressOptions()), channel=SimpleNamespace(**channel))
    learner = Regress(plan, cast(Any, None), cast(Any, None))
    assert (learner.lowest, learner.range, learner.candidates, learner.paid.full) == (lowest, span, candidates, full)
    assert (learner.fresh, learner.log, learner.softness) == (None, {}, {})


def test_a_page_that_says_nothing_fits_as_documented() -> None:
    options = RegressOptions()
    assert (options.sharpness, options.candidates, options.remembered) == (15.0, 128, 512)
    assert (options.most_fits, options.enough_fit) == (8, 0.3)
