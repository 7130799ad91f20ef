"""Data sets of prompts in every format that people have them, and the reward functions that judge them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import Listener, small_words

from straw.cli import main
from straw.cli.commands.train import source_of
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError, DataError
from straw.runs.reading import read_evaluations, read_metrics, read_rollouts
from straw.tasks.word_problems.data_loading import Source
from straw.tasks.word_problems.given_rows import kept_rows
from straw.training.resolve.page_to_plan import plan_of, task_of
from straw.training.session import run_page
from straw.types import Message

TEXTS = [{"prompt": f"Name {n} birds.", "least": n} for n in range(1, 21)]
TALKS = [
    {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{n}?"}], "n": n}
    for n in range(20)
]
WHOLE = [
    {"messages": [{"role": "user", "content": f"after {n}?"}, {"role": "assistant", "content": f"{n + 1}"}]}
    for n in range(20)
]
COMPLETED = [{"prompt": f"after {n}?", "completion": f"{n + 1}"} for n in range(20)]
ANSWERED = [{"question": f"after {n}?", "answer": str(n + 1)} for n in range(20)]


def lines_in(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder / "data.jsonl"


def task_with(path: Path, *words: str) -> Any:
    return task_of(load_page(None, parse_overrides(["task=data", f"path={path}", *words])).page)


def test_a_text_is_asked_as_a_user_s_message_and_its_columns_are_kept(tmp_path: Path) -> None:
    problem = task_with(lines_in(tmp_path, TEXTS)).problem(0)
    assert [one.role for one in problem.messages] == ["user"] and not problem.is_conversation
    assert problem.messages[0].content == f"Name {problem.columns['least']} birds."


def test_a_conversation_is_asked_as_it_is(tmp_path: Path) -> None:
    problem = task_with(lines_in(tmp_path, TALKS)).problem(0)
    assert problem.messages[0] == Message("system", "Be brief.") and problem.is_conversation
    assert problem.messages[1].content == f"{problem.columns['n']}?"


@pytest.mark.parametrize("rows", [WHOLE, COMPLETED], ids=["messages", "completion"])
def test_what_the_assistant_said_is_the_reference_and_no_part_of_the_prompt(tmp_path: Path, rows: Any) -> None:
    problem = task_with(lines_in(tmp_path, rows)).problem(0)
    (asked,) = problem.messages
    assert problem.reference == (str(int(asked.content.split()[1].rstrip("?")) + 1),)


def test_an_answer_is_compared_and_a_row_without_one_is_never_right(tmp_path: Path) -> None:
    from straw.types import End

    task = task_with(lines_in(tmp_path, ANSWERED))
    problem = task.problem(0)
    assert task.grade(problem, (str(problem.facts["answer"]),), End.ANSWERED).hits == (True,)
    other = task_with(lines_in(tmp_path, TEXTS))
    assert other.grade(other.problem(0), ("5",), End.ANSWERED).hits == (False,)


def test_prompts_of_one_file_are_held_out_by_their_text_and_never_trained_on(tmp_path: Path) -> None:
    task = task_with(lines_in(tmp_path, TEXTS), "eval_share=0.3")
    trained = {task.problem(index).key for index in range(task.num_problems)}
    asked = {task.held_out(index).key for index in range(task.num_held_out)}
    assert trained and asked and not trained & asked and len(trained | asked) == 20


def test_a_folder_is_data_without_a_slash_too_where_no_task_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shells complete a folder to `mine/`, and people write `mine`."""
    monkeypatch.chdir(tmp_path)
    for folder in ("mine", "secret"):
        (tmp_path / folder).mkdir()
    assert source_of(["mine"]) == (None, {"kind": "data", "path": "mine"})
    assert source_of(["secret"]) == (None, {"kind": "secret"})


def test_every_format_has_the_same_rows(tmp_path: Path) -> None:
    import datasets

    path = lines_in(tmp_path, ANSWERED)
    table = datasets.Dataset.from_list(ANSWERED)
    table.to_csv(str(tmp_path / "data.csv"))
    table.to_parquet(str(tmp_path / "data.parquet"))
    (tmp_path / "data.json").write_text(json.dumps(ANSWERED))
    table.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": table, "test": table}).save_to_disk(str(tmp_path / "several"))
    wanted = [row for _, row in Source(path=str(path)).rows("train")]
    for name in ("data.csv", "data.parquet", "data.json", "one", "several"):
        assert [dict(row) for _, row in Source(path=str(tmp_path / name)).rows("train")] == wanted, name
    with pytest.raises(DataError, match=r"there is no split .dev. in .*several.*Write train_split and eval_split"):
        list(Source(path=str(tmp_path / "several")).rows("dev"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("question,answer\n1,2,3\n", "data.csv:2 has another number of fields"),
        ('question,answer\n"1,2\n', "data.csv:.* is not CSV"),
        ("question\n", "it is empty"),
    ],
)
def test_a_broken_table_is_named_by_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(DataError, match=complaint):
        list(Source(path=str(tmp_path / "data.csv")).rows("train"))


def test_a_data_set_is_a_command_s_first_word(tmp_path: Path) -> None:
    path = lines_in(tmp_path, TEXTS)
    assert source_of([str(path)]) == (None, {"kind": "data", "path": str(path)})
    assert source_of([str(tmp_path)]) == (None, {"kind": "data", "path": str(tmp_path)})


def test_data_without_answers_wants_a_reward_function(tmp_path: Path) -> None:
    page = load_page(None, parse_overrides(["task=data", f"path={lines_in(tmp_path, TEXTS)}"]))
    with pytest.raises(ConfigError, match=r"no row of the data has an answer.*reward_type=FILE.py:f"):
        plan_of(page)


def test_functions_see_columns_prompts_and_messages_as_in_trl(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def f(prompts, completions, completion_ids, n, trainer_state, **others):\n"
        "    assert all(talk[-1]['content'] == f'{number}?' for talk, number in zip(prompts, n))\n"
        "    assert all(one[0]['role'] == 'assistant' for one in completions)\n"
        "    assert trainer_state.global_step >= 0\n"
        "    return [len(ids) + 100.0 * number for ids, number in zip(completion_ids, n)]\n"
    )
    words = ["task=data", f"path={lines_in(tmp_path, TALKS)}", f"reward_type={tmp_path}/mine.py:f", "max_tokens=4"]
    words = [word for word in small_words(*words, "n_batches=2", f"run_dir={tmp_path / 'run'}") if word != "N=8"]
    run_page(load_page(None, parse_overrides(words)), Listener())
    rollouts = list(read_rollouts(tmp_path / "run"))
    assert len(rollouts) == 64
    assert all(one["reward"] % 100 == len(one["turns"][0]["reply_tokens"]) for one in rollouts)


def test_data_without_answers_is_measured_by_what_the_reward_pays_held_out_prompts(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can say what is right, so nothing is called accuracy; the rows that are asked are never trained on."""
    (tmp_path / "mine.py").write_text("def f(completions, least): return [float(number) for number in least]\n")
    words = ["task=data", f"path={lines_in(tmp_path, TEXTS)}", f"reward={tmp_path}/mine.py:f", "max_tokens=2"]
    words = [word for word in small_words(*words, "n_batches=1", f"run_dir={tmp_path / 'run'}") if word != "N=8"]
    assert main(["train", *words, "eval_share=0.3"]) == 0
    rows, asked = read_metrics(tmp_path / "run"), read_evaluations(tmp_path / "run")
    numbers = {one["prompt"]: float(one["prompt"].split()[1].rstrip("?")) for one in asked}
    assert {(one["right"], one["reward"]) for one in asked} == {(None, number) for number in numbers.values()}
    trained = {one["prompt"] for one in read_rollouts(tmp_path / "run")}
    assert not trained & numbers.keys()
    mean = sum(numbers.values()) / len(numbers)
    assert [row["eval_reward"] for row in rows] == pytest.approx([mean] * 2)
    assert not any("accuracy" in name or "pass_bits" in name for row in rows for name in row)
    said = " ".join(capsys.readouterr().out.split())
    assert f"held-out reward │ {mean:.3f} -> {mean:.3f}" in said and "accuracy" not in said
    assert main(["runs", str(tmp_path)]) == 0 and main(["show", str(tmp_path / "run")]) == 0
    assert f"held-out reward {mean:.3f}" in " ".join(capsys.readouterr().out.split())
    assert main(["eval", str(tmp_path / "run"), f"out={tmp_path / 'eval'}"]) == 2
    assert "no row of the data has an answer" in capsys.readouterr().err
    assert not (tmp_path / "eval").exists()


def test_imitated_replies_without_answers_are_measured_by_the_reference_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"Name {number}.", "completion": str(number)} for number in range(20)]
    words = ["task=data", f"path={lines_in(tmp_path, rows)}", "algorithm=sft", "max_tokens=4", "eval_share=0.3"]
    words = [word for word in small_words(*words, "n_batches=1") if word != "N=8"]
    assert main(["train", *words, f"run_dir={tmp_path / 'run'}"]) == 0
    names = {name for row in read_metrics(tmp_path / "run") for name in row}
    assert not any("accuracy" in name or "eval_reward" in name for name in names)
    lines_in(tmp_path, TEXTS)
    assert main(["train", *words, f"run_dir={tmp_path / 'other'}"]) == 2
    assert "imitates a reply, and the first row has none" in capsys.readouterr().err


# --- what nobody chose


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        (["model=tiny-0.2M"], 2e-3),
        (["model=smollm2"], 2e-5),
        (["model=smollm2", "lora_rank=8"], 2e-4),
        (["model=Qwen/Qwen2.5-0.5B-Instruct"], 5e-6),
        (["model=some/model-that-is-not-here"], 5e-6),
        (["model=some/model-that-is-not-here", "lora_rank=8"], 2e-4),
    ],
)
def test_all_weights_of_a_larger_model_take_smaller_steps(
    words: list[str], rate: float, home: Path, tmp_path: Path
) -> None:
    plan = plan_of(load_page(None, parse_overrides(["task=data", f"path={lines_in(tmp_path, ANSWERED)}", *words])))
    assert plan.page.optimizer.learning_rate == pytest.approx(rate)


def test_a_small_model_s_grpo_needs_nothing_said_but_the_model(home: Path, tmp_path: Path) -> None:
    page = ["task=data", f"path={lines_in(tmp_path, ANSWERED)}", "model=smollm2"]
    said = plan_of(load_page(None, parse_overrides(page))).page
    assert (said.algorithm.algorithm, said.algorithm.group_size, said.algorithm.kl_coef) == ("grpo", 8, 0.0)
    assert (said.run.n_batches, said.run.eval_every, said.optimizer.schedule) == (100, 25, "linear")
    assert plan_of(load_page(None, parse_overrides([*page, "num_epochs=2"]))).page.run.n_batches == 2 * 18 // 4
    imitated = plan_of(load_page(None, parse_overrides([*page, "algorithm=sft"]))).page
    assert (imitated.algorithm.group_size, imitated.run.n_batches) == (1, 18 // 4)


# --- a system prompt of one's own


def test_a_system_prompt_may_be_any_text_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = lines_in(tmp_path, ANSWERED)
    (tmp_path / "told.txt").write_text("Answer with a number.\n")
    for said in ("Answer with a number.", "@told.txt"):
        problem = task_with(path, f"system_prompt={said}").problem(0)
        assert problem.messages[0] == Message("system", "Answer with a number.")
    page = tmp_path / "page.toml"
    page.write_text('task = "data"\npath = "data.jsonl"\nsystem_prompt = "@told.txt"\n')
    assert load_page(page).page.task.system_prompt == "Answer with a number."


def test_a_page_reads_no_file_elsewhere(tmp_path: Path) -> None:
    page = tmp_path / "page.toml"
    for elsewhere in ("/etc/passwd", "../told.txt"):
        page.write_text(f'task = "data"\nsystem_prompt = "@{elsewhere}"\n')
        with pytest.raises(ConfigError, match="a page may name files below this folder"):
            load_page(page)


def test_rows_that_a_program_holds_become_a_file_in_the_cache(home: Path) -> None:
    import datasets

    path = kept_rows(ANSWERED)
    assert kept_rows(datasets.Dataset.from_list(ANSWERED)) == path
    assert [dict(row) for _, row in Source(path=str(path)).rows("train")] == ANSWERED
    assert kept_rows(TEXTS) != path
    with pytest.raises(DataError, match="row 1 is to be a dict of columns, got str"):
        kept_rows(["text"])
    with pytest.raises(DataError, match="at least one row"):
        kept_rows([])


def test_a_completion_stands_in_the_column_that_is_named(tmp_path: Path) -> None:
    """The option was there, and nobody read it."""
    rows = [{"prompt": f"after {n}?", "said": f"{n + 1}"} for n in range(20)]
    problem = task_with(lines_in(tmp_path, rows), "completion_field=said").problem(0)
    assert problem.reference == (problem.columns["said"],) != ("",)
