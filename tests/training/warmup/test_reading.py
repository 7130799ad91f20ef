"""A warm-up that teaches words: which answers fit, by hand, and learners that make use of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from tests.small_runs import Listener, small_page, small_plan

from straw.engines.local.build import load_engine
from straw.errors import ConfigError
from straw.rewards.words import ToldInWords, ToldWhichDigit
from straw.runs.reading import read_metrics
from straw.tasks.base import Enumerable
from straw.training.session import run_page
from straw.training.warmup.initial_policy import goal_of, reading_of
from straw.training.warmup.reading import Reading
from straw.training.warmup.uniform import Lessons

TAUGHT = "N=8 warmup_steps=1200 warmup_batch=24 reward_type=told_in_words"


def test_the_answers_of_a_row_are_those_that_fit_its_words() -> None:
    plan = small_plan("N=16")
    engine, task = load_engine(plan.page), plan.task
    assert isinstance(task, Enumerable)
    plain = Lessons(engine, task, goal_of(plan.page.warmup)).plain
    for channel in (ToldInWords(N=16), ToldWhichDigit(N=16)):
        random, again, seen = Random(0), Random(0), set()
        for _ in range(20):
            prompt, fits = Reading(channel).told(engine, task, plain, random)
            guess, secret = again.randrange(16), again.randrange(16)
            label = channel.tells_apart(guess, np.arange(16))
            assert fits == [one for one in range(16) if label[one] == label[secret]]
            text = engine.chat.tokenizer.decode(prompt)
            assert str(guess) in text and channel.word(int(label[secret])) in text
            seen.add(channel.word(int(label[secret])))
        assert len(seen) > 1
        rows = Reading(channel).rows(engine, task, plain, 1, 5)
        assert all(sum(targets.values()) == pytest.approx(1) for row in rows for targets in row.soft_targets or ())


def test_only_a_learner_that_reads_is_taught_to() -> None:
    assert reading_of(small_plan(f"{TAUGHT} algorithm=sdpo")) == Reading(ToldInWords(N=8))
    assert reading_of(small_plan(f"{TAUGHT} algorithm=grpo")) is None


def test_to_read_of_exchanged_labels_would_tell_them() -> None:
    with pytest.raises(ConfigError, match="would teach the permutation; got spelling=permuted with algorithm=sdpo"):
        small_plan("algorithm=sdpo reward_type=told_in_words spelling=permuted")
    assert reading_of(small_plan("algorithm=grpo reward_type=told_in_words spelling=permuted")) is None


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "least"), [("sdpo", 0.4), ("rltf_sd", 1.0)])
@pytest.mark.parametrize("secret", [3, 6])
def test_a_policy_that_can_read_learns_from_words(
    home: Path, tmp_path: Path, algorithm: str, secret: int, least: float
) -> None:
    """sdpo is paid nothing: what it learns is in the words alone."""
    words = f"{TAUGHT} algorithm={algorithm} group_size=8 n_batches=16 eval_every=16 learning_rate=1e-3"
    run_page(small_page(f"run_dir={tmp_path / 'run'} {words} fixed_secret={secret}"), Listener())
    rows = read_metrics(tmp_path / "run")
    assert rows[-1]["bits_known"] > rows[0]["bits_known"] + least
