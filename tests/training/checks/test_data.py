"""Data is looked through before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder, word_problem, write_lines
from tests.small_runs import Listener, small_page, small_plan

from straw.engines.local.build import load_engine
from straw.errors import DataError
from straw.training.checks.data import check_data, long_prompts, size_of, without_skipped
from straw.training.resolve.page_to_plan import sampling_of
from straw.training.session import run_page

LONG = {"question": f"{'Ada has apples. ' * 40}How many?", "answer": "Two.\n#### 2"}


@pytest.fixture
def made(tmp_path: Path) -> Any:
    folder = gsm8k_folder(tmp_path / "made")
    write_lines(folder / "train.jsonl", [word_problem(1), LONG, word_problem(2)])
    return folder


def looked_through(words: str) -> Any:
    plan = small_plan("task=gsm8k system_prompt=none max_tokens=8", words)
    engine, heard = load_engine(plan.page), []
    check_data(plan, engine.chat, sampling_of(plan, engine.chat), engine.room, heard.append)
    return plan, engine.chat, heard


def test_a_prompt_that_is_too_long_is_named_by_file_and_line(made: Any) -> None:
    with pytest.raises(DataError) as caught:
        looked_through(f"path={made} max_prompt_tokens=256")
    size = 4 + len(LONG["question"])  # characters, and the marks of a message and of who speaks next
    assert str(caught.value) == (
        f"a prompt has at most 256 tokens; 1 of 3 prompts are longer: {made}/train.jsonl:2 with {size - 1}. "
        f"Write max_prompt_tokens={size - 1}, or long_prompts=skip."
    )


def test_or_skipped_and_told(made: Any) -> None:
    plan, chat, heard = looked_through(f"path={made} max_prompt_tokens=256 long_prompts=skip")
    assert heard == [
        f"skipped, longer than 256 tokens: 1 of 3 prompts: {made}/train.jsonl:2 with {3 + len(LONG['question'])}"
    ]
    shorter = without_skipped(plan, chat)
    assert (plan.task.num_problems, shorter.task.num_problems) == (3, 2)
    assert {shorter.task.problem(index).facts["place"] for index in range(20)} == {"train.jsonl:1", "train.jsonl:3"}


def test_a_prompt_at_the_limit_is_kept(made: Any) -> None:
    plan, chat, _ = looked_through(f"path={made}")
    sizes = {place: size_of(chat, problem) for place, problem in plan.task.placed()}
    longest = max(sizes.values())
    assert long_prompts(plan.task, chat, longest) == {}
    assert list(long_prompts(plan.task, chat, longest - 1).values()) == [longest]
    assert len(long_prompts(plan.task, chat, 1)) == 3


def test_without_a_limit_the_model_s_own_counts(made: Any) -> None:
    write_lines(made / "train.jsonl", [word_problem(1), {**LONG, "question": "x" * 3000}])
    with pytest.raises(
        DataError, match=r"at most 2040 tokens; .*train\.jsonl:2 with 3003\. Write max_prompt_tokens=N long"
    ):
        looked_through(f"path={made}")


def test_what_is_only_asked_may_be_long(made: Any) -> None:
    write_lines(made / "train.jsonl", [word_problem(1)])
    write_lines(made / "test.jsonl", [LONG])
    looked_through(f"path={made} max_prompt_tokens=200")


def test_a_run_with_bad_data_leaves_no_folder(made: Any, tmp_path: Path, home: Path) -> None:
    words = f"task=gsm8k path={made} max_tokens=8 n_batches=1 run_dir={tmp_path / 'run'}"
    with pytest.raises(DataError, match=r"train\.jsonl:2"):
        run_page(small_page(words, "max_prompt_tokens=256"), Listener())
    assert not (tmp_path / "run").exists()


def test_other_tasks_are_not_asked(made: Any) -> None:
    plan = small_plan("task=countdown")
    engine = load_engine(plan.page)
    check_data(plan, engine.chat, sampling_of(plan, engine.chat), engine.room, print)
    assert without_skipped(plan, engine.chat) is plan
