from __future__ import annotations

from tests.made_runs import write_run
from tests.made_studies import make_study, never, row_at
from tests.report.study.verdicts.said import said, verdicts_at


def make_learner(folder, model: str, hits: list[int], after: int, rank: int = 0) -> None:
    """A run for each first hit; 0.9 of the bits are known `after` episodes behind it."""
    for secret, hit in enumerate(hits):
        rows = [row_at(step, at, 64, hit, hit + after) for step, at in enumerate((0, hit - 1, hit, hit + after))]
        path = folder / f"{model}-{rank}-{secret}"
        folder.mkdir(exist_ok=True)
        write_run(path, rows, N=64, secret_seed=secret, seed=secret, model_name=model, lora_rank=rank,
                  reward_type="binary", learning_rate=1e-3)  # fmt: skip


HITS = [8, 20, 30, 44, 60, 80, 120, 200]


def test_a_wait_that_is_luck_is_told_from_an_absorption_that_is_not(tmp_path):
    make_learner(tmp_path, "tiny-0.2M", HITS, after=60)
    make_learner(tmp_path, "tiny-5M", [hit + 2 for hit in HITS], after=8)
    text = said(tmp_path, "Capacity, binary at N = 64, 2 learners")
    assert "until the first hit luck could make the differences (p = 0.6), tiny-0.2M" in text
    assert "from there to 0.9 of the bits it counts (p < 0.001), tiny-5M, all weights 8 [8, 8] and tiny-0.2M" in text


def test_learners_of_one_pace_do_not_count(tmp_path):
    make_learner(tmp_path, "tiny-1M", HITS, after=20)
    make_learner(tmp_path, "tiny-1M", HITS, after=20, rank=4)
    assert "it counts" not in said(tmp_path, "Capacity, binary at N = 64")


def test_who_never_gets_there_is_the_slowest(tmp_path):
    make_study(tmp_path, {64: [40, 50, 60, 70]}, cap=500, name="large", model_name="tiny-5M")
    make_study(tmp_path, {64: [300, never, never, never]}, cap=500, name="small", model_name="tiny-0.2M")
    assert "tiny-0.2M, all weights not reached by half in 500" in said(tmp_path, "Capacity", "in all it counts")


def test_one_learner_is_no_comparison(tmp_path):
    make_study(tmp_path, {16: [20, 30], 64: [40, 50]}, cap=100)
    assert not [one for one in verdicts_at(tmp_path) if "Capacity" in one.text]
