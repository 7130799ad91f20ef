"""Every row with a paper of its own, and every way to choose problems: a few steps, killed, gone on with.

A run learns something; one that dies behind a checkpoint and goes on leaves the same bits; and without the part of the
state that is its own it would not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, Parts, small_page
from tests.torture import differing
from tests.training.test_torture import Dying, leave_out

from straw.runs.reading import read_metrics
from straw.training.session import resume_run, run_page

COMMON = "N=16 n_batches=5 save_every=2 eval_every=5 keep_last=0"
# a secret that is learned from other starts and on other processors too: gains of 0.75 to 3.6 bits over six models
LOG = "reward_type=log_distance learning_rate=1e-3 seed=5 secret_seed=5 group_size=8"
CHOOSING = "N=8 num_secrets=2 batch_size=2 group_size=2 learning_rate=1e-3 reward_type=binary seed=3"
LEARN = {  # words, and bits known that are gained at least; None: in five steps nobody can tell
    **{
        name: (f"algorithm={name} {LOG}", 0.3)
        for name in ("maxrl", "gspo", "cispo", "dr_grpo", "dapo", "reinforce_pp", "reinforce_pp_baseline", "ppo_critic")
    },
    "es": ("algorithm=es group_size=6 reward_type=log_distance es_greedy=false", None),
    "opd": (f"algorithm=opd teacher=tiny-0.2M {LOG}", None),
    "sdpo": ("algorithm=sdpo reward_type=told_in_words learning_rate=1e-3 N=8", None),
    "rltf_sd": ("algorithm=rltf_sd reward_type=told_which_digit learning_rate=2e-3 N=8 group_size=12", None),
}
CHOOSE = {
    "redraws": f"{CHOOSING} algorithm=dapo",
    "pass_rate": f"{CHOOSING} curriculum=pass_rate batch_size=1",
    "shuffled": f"{CHOOSING} problem_order=shuffled",
}
RUNS = {name: words for name, (words, _) in LEARN.items()} | CHOOSE
STATEFUL = ("ppo_critic", "es", "redraws", "pass_rate")  # the others have their state in weights and numbers of a step
OWN_PART = {"ppo_critic": "student", "redraws": "redrawn", "pass_rate": "pass_rates"}


def words_of(name: str, folder: Path) -> str:
    """Of a learner that reads words the warm-up is long, so here a model from a folder has to do, which cannot."""
    if name not in ("sdpo", "rltf_sd"):
        return RUNS[name]
    parts = Parts("N=8")
    parts.engine.model.save_pretrained(folder / "model")
    parts.chat.tokenizer.save_pretrained(folder / "model")
    return f"{RUNS[name]} model_name={folder / 'model'} warmup=none"


@pytest.mark.parametrize("name", LEARN)
def test_a_row_learns(home: Path, tmp_path: Path, name: str) -> None:
    words, least = words_of(name, tmp_path), LEARN[name][1]
    run_page(small_page(f"run_dir={tmp_path / 'run'} {COMMON} {words}"), Listener())
    first, *_, last = read_metrics(tmp_path / "run")
    assert last["bits_known"] != first["bits_known"]
    assert least is None or last["bits_known"] > first["bits_known"] + least


def alone_and_resumed(words: str, folder: Path) -> tuple[Path, Path]:
    run_page(small_page(f"run_dir={folder / 'alone'} {COMMON} {words}"), Listener())
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={folder / 'again'} {COMMON} {words}"), Dying(3))
    resume_run(folder / "again", Listener())
    return folder / "alone", folder / "again"


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in STATEFUL else pytest.mark.slow) for one in RUNS])
def test_a_run_that_is_killed_goes_on_with_the_same_bits(home: Path, tmp_path: Path, name: str) -> None:
    assert differing(*alone_and_resumed(words_of(name, tmp_path), tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN_PART)
def test_without_its_own_part_of_the_state_bits_would_differ(
    home: Path, tmp_path: Path, monkeypatch: Any, name: str
) -> None:
    leave_out(OWN_PART[name])(monkeypatch)
    assert differing(*alone_and_resumed(RUNS[name], tmp_path))
