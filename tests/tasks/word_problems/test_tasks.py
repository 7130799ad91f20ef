from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_data import word_problem, write_lines

from straw import registry
from straw.config import load_page, parse_overrides
from straw.errors import DataError
from straw.tasks.prompting.gold import as_it_stands, behind_marks, boxed
from straw.tasks.word_problems.tasks import WordProblems, shuffled
from straw.types import End

DATA = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data is not here")


def of_page(kind: str, *words: str) -> WordProblems:
    page = load_page(None, parse_overrides([f"task={kind}", *words])).page
    return registry.find("tasks", kind).from_options(page.task)


# --- golds


def test_the_gold_stands_behind_the_marks_and_calculator_marks_are_left_out() -> None:
    worked = behind_marks("She makes 9 * 2 = $<<9*2=18>>18 a day.\n#### 1,018 ")
    assert worked == ("1,018", "She makes 9 * 2 = $18 a day.")


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        (r"so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{1} and then \boxed{2}", "2"),
        (r"\fbox{x}", "x"),
        (r"\boxed {a{b}c}", "a{b}c"),
        (r"\boxed{1", None),
        ("no box", None),
    ],
)
def test_the_last_box_that_is_closed_is_read(text: str, gold: str | None) -> None:
    assert boxed(text) == gold


@pytest.mark.parametrize(("value", "text"), [(145.0, "145"), (0.5, "0.5"), (7, "7"), (" 8 ", "8"), (-3.0, "-3")])
def test_values_are_written_as_a_person_would(value: Any, text: str) -> None:
    assert as_it_stands(value) == text


# --- problems


def test_a_problem_of_gsm8k(made: Path) -> None:
    task = of_page("gsm8k", f"path={made}")
    problem = task.problem(0)
    system, user = problem.messages
    number = int(user.content.split()[2])
    assert (system.role, user.role) == ("system", "user")
    assert "<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>" in system.content
    assert user.content == word_problem(number)["question"]
    assert problem.reference == (
        f"<reasoning>\nShe has {number}+3={number + 3} apples.\n</reasoning>\n<answer>\n{number + 3}\n</answer>",
    )
    assert problem.facts == {"answer": str(number + 3), "place": f"train.jsonl:{number + 1}"}
    assert (task.num_problems, task.num_held_out) == (12, 4)


@pytest.mark.parametrize(("prompt", "grader"), [("xml", "exact"), ("boxed", "extract"), ("none", "extract")])
def test_each_form_has_a_reference_that_its_grader_takes(made: Path, prompt: str, grader: str) -> None:
    task = of_page("gsm8k", f"path={made}", f"system_prompt={prompt}")
    assert task.grader_name == grader
    problem = task.problem(0)
    grade = task.grade(problem, problem.reference, End.ANSWERED)
    assert (grade.hits, grade.well_formed, grade.text) == ((True,), True, problem.facts["answer"])
    wrong = problem.reference[0].replace(str(problem.facts["answer"]), "77777")
    assert task.grade(problem, [wrong], End.ANSWERED).hits == (False,)


def test_the_boxed_prompt_is_the_study_s(made: Path) -> None:
    system = of_page("gsm8k", f"path={made}", "system_prompt=boxed").problem(0).messages[0]
    assert system.content == "Please reason step by step, and put your final answer within \\boxed{}."
    assert of_page("gsm8k", f"path={made}", "system_prompt=none").problem(0).messages[0].role == "user"


def test_a_reply_without_the_form_is_told_so_and_graded_all_the_same(made: Path) -> None:
    task = of_page("gsm8k", f"path={made}", "grader=lenient")
    problem = task.problem(0)
    grade = task.grade(problem, [f"So it is {problem.facts['answer']}"], End.OUT_OF_TOKENS)
    assert (grade.hits, grade.well_formed, grade.form["xmlcount"]) == ((True,), False, 0)


def test_examples_come_first_in_the_same_form(made: Path) -> None:
    messages = of_page("gsm8k", f"path={made}", "num_shots=2").problem(3).messages
    assert [message.role for message in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert messages[2].content.startswith("<reasoning>\n") and messages[2].content.endswith("\n18\n</answer>")
    boxed_ones = of_page("math", f"path={made}", "num_shots=4", "system_prompt=boxed").problem(3).messages
    assert all("\\boxed{" in message.content for message in boxed_ones if message.role == "assistant")


def test_each_turn_of_the_data_has_an_order_of_its_own(made: Path) -> None:
    task = of_page("gsm8k", f"path={made}", "task_seed=1")
    turns = [[task.problem(turn * 12 + place).key for place in range(12)] for turn in range(3)]
    assert turns[0] != turns[1] != turns[2]
    assert set(turns[0]) == set(turns[1]) == set(turns[2]) and len(set(turns[0])) == 12
    again = of_page("gsm8k", f"path={made}", "task_seed=1")
    assert [again.problem(index).key for index in range(12, 24)] == turns[1]
    assert [of_page("gsm8k", f"path={made}", "task_seed=2").problem(index).key for index in range(12)] != turns[0]


def test_without_a_seed_the_order_is_that_of_0(made: Path) -> None:
    plain, zero, one = (of_page("gsm8k", f"path={made}", *words) for words in ((), ("task_seed=0",), ("task_seed=1",)))
    keys = [[task.problem(index).key for index in range(12)] for task in (plain, zero, one)]
    assert keys[0] == keys[1] != keys[2]


def test_every_seed_is_asked_the_same_and_each_question_once(made: Path) -> None:
    first, second = (of_page("gsm8k", f"path={made}", f"task_seed={seed}") for seed in (1, 2))
    keys = [first.held_out(index).key for index in range(4)]
    assert len(set(keys)) == 4 and keys == [second.held_out(index).key for index in range(4)]


def test_the_order_is_a_permutation() -> None:
    assert sorted(shuffled(0, 0, 100)) == list(range(100)) != shuffled(0, 0, 100)


def test_a_limit_keeps_the_first_rows(made: Path) -> None:
    task = of_page("gsm8k", f"path={made}", "num_problems=5")
    assert {task.problem(index).facts["place"] for index in range(5)} == {f"train.jsonl:{n}" for n in range(1, 6)}
    assert (task.num_problems, task.num_held_out) == (5, 4)


# --- sides


def test_a_question_that_is_asked_is_left_out_of_training_and_told(made: Path) -> None:
    rows = [word_problem(number) for number in range(5)]
    rows[3] = {**word_problem(1001), "question": "  " + word_problem(1001)["question"].upper().replace(" ", "  ")}
    write_lines(made / "train.jsonl", rows)
    task = of_page("gsm8k", f"path={made}")
    assert task.num_problems == 4
    assert task.remarks == [
        f"left out of training, since they are asked too: {made}/train.jsonl:4 is {made}/test.jsonl:2"
    ]


def test_one_file_is_divided_by_its_questions(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "all.jsonl", (word_problem(number) for number in range(300)))
    task = of_page("gsm8k", f"path={file}", "eval_share=0.2")
    trained = {task.problem(index).facts["place"] for index in range(task.num_problems)}
    asked = {task.held_out(index).facts["place"] for index in range(task.num_held_out)}
    assert not trained & asked and len(trained | asked) == 300
    assert 40 < len(asked) < 80
    longer = write_lines(tmp_path / "all.jsonl", (word_problem(number) for number in range(400)))
    again = of_page("gsm8k", f"path={longer}", "eval_share=0.2")
    assert asked <= {again.held_out(index).facts["place"] for index in range(again.num_held_out)}


def test_twins_in_one_file_are_on_one_side(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "all.jsonl", [word_problem(number % 30) for number in range(90)])
    task = of_page("gsm8k", f"path={file}", "eval_share=0.3")
    trained = {task.problem(index).key for index in range(task.num_problems)}
    asked = {task.held_out(index).key for index in range(task.num_held_out)}
    assert not trained & asked and len(trained) + len(asked) == 30


def test_the_same_split_on_both_sides_is_divided_too(made: Path) -> None:
    write_lines(made / "test.jsonl", (word_problem(number) for number in range(100)))
    task = of_page("gsm8k", f"path={made}", "train_split=test", "eval_split=test")
    assert task.num_problems + task.num_held_out == 100 and task.num_held_out < 30


def test_a_split_alone_can_be_asked_in_full(made: Path) -> None:
    (made / "train.jsonl").unlink()
    task = of_page("gsm8k", f"path={made}", "train_split=none")
    assert task.num_held_out == 4 and task.held_out(0)
    with pytest.raises(DataError, match="Write train_split=train"):
        task.problem(0)
    assert of_page("gsm8k", f"path={made}").held_out(0)  # nobody trains, so nobody misses the other side


def test_training_and_held_out_questions_may_stand_apart(made: Path, tmp_path: Path) -> None:
    other = write_lines(tmp_path / "other.jsonl", [{"problem": "1+1?", "answer": "2", "solution": "It is $2$."}])
    task = of_page("math", f"path={made}", f"eval_path={other}")
    assert (task.num_problems, task.num_held_out) == (12, 1)
    assert task.held_out(0).facts["answer"] == "2"


def test_too_few_rows_for_two_sides_are_refused(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "one.jsonl", [word_problem(1)])
    with pytest.raises(DataError, match=r"of 1 questions in .* none is (held out|trained on), with eval_share=0\.1"):
        of_page("gsm8k", f"path={file}").held_out(0)
        of_page("gsm8k", f"path={file}").problem(0)


# --- fields


def test_math_takes_the_answer_or_the_box_of_the_solution(tmp_path: Path) -> None:
    rows = [
        {"problem": "a?", "solution": "It is $\\boxed{\\frac12}$."},  # NuminaMath
        {"problem": "b?", "solution": "It is $\\boxed{3}$.", "answer": "3"},  # MATH-500
        {"Body": "He has 3 pens", "Question": "How many?", "Answer": 3.0, "Equation": "( 1.0 + 2.0 )"},  # SVAMP
        {"question": "d?", "answer": 4},
        {"question": "e?", "answer": "2+3=5\n#### 5"},  # GSM8K
    ]
    write_lines(tmp_path / "test.jsonl", rows)
    task = of_page("math", f"path={tmp_path}", "train_split=none")
    found = {one.messages[-1].content: one.facts["answer"] for one in map(task.held_out, range(5))}
    assert found == {"a?": "\\frac12", "b?": "3", "He has 3 pens. How many?": "3", "d?": "4", "e?": "5"}
    task.check_golds()


def test_fields_can_be_named(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "test.jsonl", [{"context": "1+1", "ask": "is?", "gold": "#### 2"}])
    words = ["question_field=context,ask", "answer_field=gold", "train_split=none"]
    assert of_page("gsm8k", f"path={file}", *words).held_out(0).messages[-1].content == "1+1. is?"


def test_a_choice_is_asked_by_letter_and_answered_by_one(tmp_path: Path) -> None:
    rows = [{"question": "Which?", "choices": ["x", "y", "z", "w"], "answer": answer} for answer in (2, "c")]
    write_lines(tmp_path / "test.jsonl", rows)
    task = of_page("mmlu", f"path={tmp_path}", "train_split=none")
    for index in range(2):
        problem = task.held_out(index)
        assert problem.messages[-1].content == "Which?\nA. x\nB. y\nC. z\nD. w\nThe answer is one letter."
        assert problem.reference == ("C",) and task.grader_name == "exact"
        assert task.grade(problem, ["C"], End.ANSWERED).hits == (True,)
        assert task.grade(problem, ["A"], End.ANSWERED).hits == (False,)
    tagged = of_page("mmlu", f"path={tmp_path}", "train_split=none", "system_prompt=xml", "num_shots=1").held_out(0)
    assert tagged.reference[0].endswith("<answer>\nC\n</answer>") and len(tagged.messages) == 4
