from __future__ import annotations

import json

import pytest

from straw import registry
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.tasks.reasoning_gym import task as gym
from straw.tasks.reasoning_gym.task import Gym
from straw.types import End

library = pytest.importorskip("reasoning_gym")


def of_page(kind: str, *words: str) -> Gym:
    page = load_page(None, parse_overrides([f"task={kind}", *words])).page
    return registry.find("tasks", kind).from_options(page.task)


def test_a_problem_has_the_generator_s_question_and_answer() -> None:
    task = of_page("gym:chain_sum", "gym_options=min_terms=2,max_terms=2,min_digits=1,max_digits=1")
    problem = task.problem(0)
    question = problem.messages[-1].content
    left, symbol, right = question.partition(": ")[2].removesuffix(" =").split()
    assert int(problem.facts["answer"]) == (int(left) + int(right) if symbol == "+" else int(left) - int(right))
    assert problem.messages[0].content.startswith("Respond in the following format")
    assert json.loads(json.dumps(problem.facts)) == problem.facts


@pytest.mark.parametrize("kind", ["gym:chain_sum", "gym:leg_counting", "gym:gsm_symbolic", "gym:spell_backward"])
@pytest.mark.parametrize("prompt", ["xml", "none"])
def test_the_reference_earns_full_marks(kind: str, prompt: str) -> None:
    task = of_page(kind, f"system_prompt={prompt}")
    for index in range(3):
        for problem in (task.problem(index), task.held_out(index)):
            grade = task.grade(problem, problem.reference, End.ANSWERED)
            assert (grade.hits, grade.well_formed, grade.text) == ((True,), True, problem.facts["answer"])
            assert task.grade(problem, ["<answer>no idea</answer>"], End.ANSWERED).hits == (False,)


def test_blanks_around_an_answer_are_no_part_of_it() -> None:
    task = of_page("gym:chain_sum", "system_prompt=xml")
    problem = task.problem(0)
    assert (
        task.grade(problem, [f"<answer>\n {problem.facts['answer']} \n</answer>"], End.ANSWERED).text
        == (problem.facts["answer"])
    )
    assert task.grade(problem, ["<answer> </answer>"], End.ANSWERED).text is None


def test_neighbouring_problems_and_seeds_share_nothing() -> None:
    """In the library itself item 1 of seed 0 is item 0 of seed 1."""
    first, second = (library.create_dataset("chain_sum", seed=seed, size=3) for seed in (0, 1))
    assert first[1]["question"] == second[0]["question"]
    tasks = [of_page("gym:chain_sum", f"task_seed={seed}") for seed in range(3)]
    asked = [task.problem(index).messages[-1].content for task in tasks for index in range(40)]
    assert len(set(asked)) == len(asked)


def test_no_question_is_on_both_sides_even_where_there_are_few() -> None:
    few = "gym_options=min_terms=2,max_terms=2,min_digits=1,max_digits=1"
    tasks = [of_page("gym:chain_sum", few, f"task_seed={seed}") for seed in range(2)]
    trained = {task.problem(index).messages[-1].content for task in tasks for index in range(150)}
    asked = {task.held_out(index).messages[-1].content for task in tasks for index in range(40)}
    assert len(trained) > 50 and len(asked) > 10 and not trained & asked


def test_too_few_questions_to_hold_some_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gym, "split_of", lambda generator, question: "train")
    monkeypatch.setattr(gym, "MOST_TRIES", 5)
    task = Gym(generator="chain_sum", task_seed=77)
    assert task.problem(0)
    with pytest.raises(ConfigError, match="too few different questions to hold some out: 5 draws gave none"):
        task.held_out(0)


def test_a_problem_is_a_function_of_seed_and_index() -> None:
    one, other = of_page("gym:leg_counting", "task_seed=3"), of_page("gym:leg_counting", "task_seed=3")
    assert one.problem(5) == other.problem(5) != one.problem(6)


def test_examples_are_made_of_other_training_problems() -> None:
    task = of_page("gym:chain_sum", "num_shots=2")
    problem = task.problem(0)
    assert [message.role for message in problem.messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert problem.messages[1:5] == task.held_out(3).messages[1:5]


def test_the_generator_s_own_scorer_may_judge() -> None:
    task = of_page("gym:power_function", "grader=own")
    problem = task.problem(0)
    assert task.grade(problem, problem.reference, End.ANSWERED).hits == (True,)
    assert task.grade(problem, ["<answer>-12345</answer>"], End.ANSWERED).hits == (False,)
    assert task.grade(problem, ["12345"], End.ANSWERED).hits == (False,)  # no tag


@pytest.mark.parametrize(
    "name", ["countdown", "string_insertion", "spiral_matrix", "binary_matrix", "n_queens", "puzzle24"]
)
def test_a_scorer_that_evaluates_what_a_model_wrote_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"never evaluated\. Write grader=exact"):
        of_page(f"gym:{name}", "grader=own")
    assert of_page(f"gym:{name}").problem(0)


@pytest.mark.parametrize(
    ("kind", "words", "message"),
    [
        ("gym:chain_sums", "", "no generator 'chain_sums'; did you mean 'chain_sum'"),
        ("gym:NAME", "", "no generator 'NAME'"),
        ("gym:chain_sum", "gym_options=min_term=2", "did you mean 'min_terms'"),
        ("gym:chain_sum", "gym_options=seed=2", "gym_options are name=value, got 'seed=2'"),
        ("gym:chain_sum", "gym_options=min_terms", "gym_options are name=value"),
        ("gym:chain_sum", "gym_options=min_terms=0", "gym:chain_sum refuses its options: min_terms must be positive"),
        ("gym:chain_sum", "gym_options=min_terms=many", "refuses its options"),
        ("gym:chain_sum", "grader=exakt", "there is no grader 'exakt'"),
        ("gym:rush_hour", "", "tells no answer that could be compared"),
        ("gym:composite", "", "refuses its options"),
    ],
)
def test_what_is_wrong_is_said_before_a_run(kind: str, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of_page(kind, *words.split())


@pytest.mark.slow
def test_every_generator_is_a_task() -> None:
    from reasoning_gym.factory import DATASETS

    silent = {"boxnet", "composite", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"}
    for name in sorted(set(DATASETS) - silent):
        task = of_page(f"gym:{name}")
        for problem in (task.problem(0), task.held_out(0)):
            assert task.grade(problem, problem.reference, End.ANSWERED).hits == (True,), name
        assert of_page(f"gym:{name}").problem(1) == task.problem(1), name
