"""Code from outside the package: each example trains, goes on after a stop, is reported and evaluated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import Listener, small_words

from straw import outside
from straw.cli import main
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError, RunError
from straw.report.ledger import ledger_rows
from straw.runs.reading import read_about, read_config, read_metrics, read_rollouts
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import resume_run, run_page

EXAMPLES = Path(__file__).parents[1] / "examples"
LETTERS = [f"task={EXAMPLES}/my_task.py:Letters", "size=3", "max_tokens=4", "warmup=none"]
COUNTDOWN = ["task=countdown", "max_tokens=8", "warmup=none", "batch_size=2", "group_size=4"]
TOYS: dict[str, list[str]] = {
    "task": LETTERS,
    "environment": [
        f"task=env:{EXAMPLES}/my_environment.py:Guess",
        "max_turns=2",
        "max_tokens=4",
        "warmup=none",
        "batch_size=2",
        "group_size=4",
        "eval_samples=4",
    ],
    "reward function": [f"reward_type={EXAMPLES}/my_reward.py:short"],
    "async function": [*LETTERS, f"reward_type={EXAMPLES}/my_async_reward.py:starts_with_a_digit"],
    "function that may say nothing": [*LETTERS, f"reward_type={EXAMPLES}/my_async_reward.py:when_even"],
    "parts and a function": [
        *COUNTDOWN,
        f"reward_weights=correctness=1,{EXAMPLES}/my_reward.py:short=0.5,{EXAMPLES}/my_async_reward.py:when_even",
    ],
    "channel": [f"reward_type={EXAMPLES}/my_channel.py:Parity"],
    "baseline": [f"baseline={EXAMPLES}/my_algorithm.py:median_baseline"],
    "algorithm": [f"algorithm={EXAMPLES}/my_algorithm.py:MEDIAN"],
    "learner": [f"algorithm={EXAMPLES}/my_learner.py:BestSoFar", "newest=true", "most_updates=3"],
    "generator": [*COUNTDOWN, f"countdown_generator={EXAMPLES}/my_generator.py:sums", "numbers=2", "max_target=30"],
    "encoder": [*COUNTDOWN, "use_ir=knn+", f"encoder={EXAMPLES}/my_encoder.py:letters"],
    "intrinsic reward": [*COUNTDOWN, f"use_ir={EXAMPLES}/my_novelty.py:NeverSeen"],
    "engine": [f"engine={EXAMPLES}/my_engine.py:counting"],
}


LOSS = """
def f(batch, settings):
    return -{factor} * (batch.weights * batch.logprobs * batch.advantages).sum()
"""


class StopsAt(Listener):
    """Asks to stop behind a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.last = step

    def update(self, step: int, row: dict[str, float]) -> bool:  # type: ignore[override]
        return step >= self.last


def words_of(toy: Sequence[str], folder: Path, *more: str) -> list[str]:
    words = small_words(*toy, "n_batches=4", "save_every=1", "keep_last=0", f"run_dir={folder}", *more)
    return [word for word in words if not (word.startswith("N=") and any(one.startswith("task=") for one in toy))]


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_trains_and_goes_on_as_if_it_had_never_stopped(home: Path, tmp_path: Path, name: str) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    assert run_page(load_page(None, parse_overrides(words_of(TOYS[name], whole))), Listener()).is_done
    run_page(load_page(None, parse_overrides(words_of(TOYS[name], halved))), StopsAt(2))
    assert resume_run(halved, Listener()).is_done
    assert (whole / "rollouts.jsonl").read_bytes() == (halved / "rollouts.jsonl").read_bytes()
    assert len(list(read_rollouts(whole))) >= 16


def test_a_learner_of_one_s_own_learns_by_default(home: Path, tmp_path: Path) -> None:
    run_page(load_page(None, parse_overrides(words_of(TOYS["learner"], tmp_path / "run"))), Listener())
    assert all(row["updates"] >= 1 for row in read_metrics(tmp_path / "run") if row["step"])


def test_a_learner_of_one_s_own_has_options_of_its_own(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learner = f"algorithm={EXAMPLES}/my_learner.py:BestSoFar"
    assert main(["train", "secret", learner, "--help"]) == 0
    assert "  newest=false" in capsys.readouterr().out
    run_page(load_page(None, parse_overrides(words_of([learner], tmp_path / "run"))), Listener())
    written = (tmp_path / "run" / "config.toml").read_text()
    assert re.search(r"^newest = false +# default$", written, flags=re.MULTILINE)
    assert re.search(r"^most_updates = 8 +# not tuned: BestSoFar$", written, flags=re.MULTILINE)
    assert "pool" not in written
    branch = ["resume", str(tmp_path / "run"), "--branch", "--at", "2", "--quiet", f"run_dir={tmp_path / 'b'}"]
    assert main([*branch, "newest=true"]) == 0
    assert read_config(tmp_path / "b")["algorithm"]["newest"] is True
    assert main([*branch[:-1], f"run_dir={tmp_path / 'c'}", "algorithm=grpo"]) == 0
    assert "newest" not in read_config(tmp_path / "c")["algorithm"]
    with pytest.raises(ConfigError, match="there is no option 'newest'"):
        load_page(None, {"newest": "true"})


ROW = """
from dataclasses import dataclass
from straw.algorithms.baselines import Baseline
from straw.algorithms.row import Algorithm
from straw.config import Algorithm as Section
from straw.config.option import option

@dataclass(frozen=True, kw_only=True)
class Mine(Section):
    {name}: float = option(0.5, "the factor of the loss", at_least=0)

def loss(batch, settings):
    return -settings["{name}"] * (batch.weights * batch.logprobs * batch.advantages).sum()

class Less:
    def of_batch(self, groups, credit):
        return [[reward - credit.own["{name}"] for reward in group] for group in groups]

ROW = Algorithm(baseline=Less, loss_fn=loss, Options=Mine)
"""


def test_the_loss_and_the_baseline_of_a_row_get_the_row_s_own_options(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ROW.format(name="factor"))
    words = words_of([f"algorithm={tmp_path}/mine.py:ROW", "factor=0.25"], tmp_path / "run")
    plan = plan_of(load_page(None, parse_overrides(words)))
    assert plan.loss_settings == {"clip_low": 0.2, "clip_high": 0.2, "factor": 0.25}
    assert plan.credit().advantages([[1.0, 0.0]]) == [[0.75, -0.25]]
    run_page(load_page(None, parse_overrides(words)), Listener())
    assert read_config(tmp_path / "run")["algorithm"]["factor"] == 0.25


BAD_OPTIONS = {
    ROW.format(name="seed"): r"every option has a name of its own; got seed in \[algorithm\] and in \[run\]",
    "class ROW:\n    Options = int\n": r"the Options of a learner with beliefs are a subclass of BeliefOptions; got",
    "class ROW:\n    Options = 3\n    def learn(self): ...\n": r"without beliefs are a subclass of Algorithm; got 3",
    "import straw.algorithms.registry as r\nROW = r.Algorithm(Options=int)\n": "are a subclass of Algorithm; got",
}


@pytest.mark.parametrize("code", BAD_OPTIONS)
def test_options_that_cannot_be_anybody_s_are_refused(home: Path, tmp_path: Path, code: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(ConfigError, match=BAD_OPTIONS[code]):
        load_page(None, parse_overrides([f"algorithm={tmp_path}/mine.py:ROW"]))


def test_a_learner_that_learns_by_itself_has_the_shared_options_alone(home: Path, tmp_path: Path) -> None:
    lines = [
        "class Alone:",
        "learn = lambda self, step, told, groups: {}",
        "state_dict = load_state_dict = lambda *_: {}",
        "__init__ = lambda self, plan, engine, sampling: None",
    ]
    (tmp_path / "mine.py").write_text("\n    ".join(lines))
    page = plan_of(load_page(None, parse_overrides([f"algorithm={tmp_path}/mine.py:Alone"]))).page
    assert page.optimizer.learning_rate == 1e-3 and "most_updates" not in vars(page.algorithm)


def test_a_grader_of_one_s_own_judges_data_of_one_s_own(home: Path, tmp_path: Path) -> None:
    data = gsm8k_folder(tmp_path / "data", trained=8)
    toy = ["task=gsm8k", f"path={data}", f"grader={EXAMPLES}/my_grader.py:ends_with_gold", "reward_type=binary"]
    more = ["max_tokens=4", "warmup=none", "group_size=4", "batch_size=2", "system_prompt=none", "eval_samples=4"]
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    run_page(load_page(None, parse_overrides(words_of([*toy, *more], whole))), Listener())
    run_page(load_page(None, parse_overrides(words_of([*toy, *more], halved))), StopsAt(2))
    assert resume_run(halved, Listener()).is_done
    assert (whole / "rollouts.jsonl").read_bytes() == (halved / "rollouts.jsonl").read_bytes()
    for one in read_rollouts(whole):
        assert one["grade"]["hits"] == [one["replies"][0].rstrip(" .\n").endswith(one["facts"]["answer"])]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "letters"
    words = words_of([*LETTERS, f"reward_type={EXAMPLES}/my_async_reward.py:starts_with_a_digit"], folder)
    run_page(load_page(None, parse_overrides(words)), Listener())
    return folder


def test_a_reward_that_declares_nothing_is_called_undeclared_and_one_that_does_is_not(
    letters: Path, home: Path, tmp_path: Path
) -> None:
    assert "offered by the rewards, levels undeclared" in dict(ledger_rows(letters))
    words = words_of(TOYS["channel"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), Listener())
    assert "offered by the rewards" in dict(ledger_rows(tmp_path / "run"))
    assert read_about(tmp_path / "run")["reward"] == "2 levels"


def test_what_a_function_logs_stands_in_metrics_and_rollouts(letters: Path) -> None:
    rows = [row for row in read_metrics(letters) if row["step"]]
    assert all(row["share_of_digits"] == row["rewards/starts_with_a_digit/mean"] for row in rows)
    assert all(one["extra"]["first"] == one["replies"][0][:1] for one in read_rollouts(letters))


def test_the_parts_of_a_reward_and_functions_are_added_by_their_weights(home: Path, tmp_path: Path) -> None:
    words = words_of(TOYS["parts and a function"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), Listener())
    for one in read_rollouts(tmp_path / "run"):
        length = len(one["replies"][0])
        wanted = {"correctness": float(all(one["grade"]["hits"])), "short": -length / 200}
        assert one["rewards"] == wanted | ({"when_even": 1.0} if length % 2 == 0 else {})
        assert abs(one["reward"] - sum(one["rewards"].values())) < 1e-12


def test_a_function_that_a_person_names_among_parts_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "another person"))
    monkeypatch.setattr(outside, "said", set())
    plan = plan_of(load_page(None, parse_overrides(TOYS["parts and a function"])))
    assert [one.name for one, _ in plan.channel.functions] == ["short", "when_even"]  # type: ignore[attr-defined]


def test_a_run_keeps_the_files_that_it_used_and_goes_on_with_those(letters: Path, tmp_path: Path) -> None:
    kept = {path.name.partition("-")[0]: path for path in (letters / "code").glob("*.py")}
    assert set(kept) == {"my_task", "my_async_reward"}
    assert kept["my_task"].read_bytes() == (EXAMPLES / "my_task.py").read_bytes()
    mine = tmp_path / "mine.py"
    mine.write_text("def f(completions): return [float(len(one)) for one in completions]\n")
    words = words_of([*LETTERS, f"reward_type={mine}:f"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), StopsAt(2))
    mine.write_text("def f(completions): return [7.0] * len(completions)\n")
    resume_run(tmp_path / "run", Listener())
    assert all(one["reward"] == len(one["replies"][0]) for one in read_rollouts(tmp_path / "run"))


def test_an_edit_while_a_run_goes_on_changes_nothing(home: Path, tmp_path: Path) -> None:
    """A loss is looked up again for every micro-batch, and a page may be read long before its run begins."""
    mine = tmp_path / "mine.py"
    mine.write_text(LOSS.format(factor="1"))

    class Edits(Listener):
        def update(self, step: int, row: dict[str, float]) -> None:
            mine.write_text(LOSS.format(factor="float('nan')"))

    loaded = load_page(None, parse_overrides(words_of([f"loss_fn={mine}:f"], tmp_path / "run")))
    assert run_page(loaded, Edits()).is_done
    (copy,) = (tmp_path / "run" / "code").glob("mine-*.py")
    assert copy.read_text() == LOSS.format(factor="1")
    with pytest.raises(ConfigError, match="trust_code="):
        plan_of(load_page(None, {"loss_fn": f"{mine}:f"}))


def test_a_copy_that_was_changed_is_refused(home: Path, tmp_path: Path) -> None:
    words = words_of([*LETTERS, f"reward_type={EXAMPLES}/my_async_reward.py:when_even"], tmp_path / "run")
    run_page(load_page(None, parse_overrides(words)), StopsAt(2))
    (copy,) = (tmp_path / "run" / "code").glob("my_async_reward-*.py")
    copy.write_text(copy.read_text() + "\n# more\n")
    with pytest.raises(RunError, match="was changed since the run began"):
        resume_run(tmp_path / "run", Listener())


def test_runs_of_code_from_outside_are_shown_reported_and_evaluated(
    letters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(letters)]) == 0
    assert main(["report", str(letters), "-o", str(tmp_path / "report.html")]) == 0
    assert main(["eval", str(letters), "num_problems=3", f"out={tmp_path / 'eval'}"]) == 0
    assert "starts_with_a_digit" in capsys.readouterr().out


def test_where_every_value_came_from_stands_in_the_page(letters: Path) -> None:
    lines = (letters / "config.toml").read_text().splitlines()
    assert [line.split() for line in lines if line.startswith("size")] == [["size", "=", "3", "#", "command", "line"]]
    origins = {line.partition(" = ")[0]: line.rpartition("  # ")[2] for line in lines if " = " in line}
    assert origins["learning_rate"] == "not tuned: starts_with_a_digit" and origins["baseline"] == "algorithm reinforce"
    assert origins["device"] == "this machine" and origins["beta1"] == "default"
    assert read_config(letters)["task"]["size"] == 3
