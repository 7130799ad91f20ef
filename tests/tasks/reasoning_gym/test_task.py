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


@pytest.mark.parametrize(
    ("words", "grader"),
    [
        ("", "exact"), ("system_prompt=none", "exact"), ("system_prompt=boxed", "extract"),
        ("system_prompt=none grader=extract", "extract"), ("system_prompt=boxed grader=exact", "exact"),
    ],
)  # fmt: skip
def test_answers_are_compared_by_the_form_s_grader_and_exactly_without_a_form(words: str, grader: str) -> None:
    task = of_page("gym:chain_sum", *words.split())
    assert (task.grader_name, task.name, task.reply_limit) == (grader, "gym-chain_sum", 0)


def test_options_that_nobody_chose_are_none() -> None:
    task = Gym(generator="chain_sum")
    assert (task.settings, task.form.name, task.grader_name, task.num_shots, task.task_seed) == (
        (),
        "xml",
        "exact",
        0,
        0,
    )
    assert of_page("gym:chain_sum", "num_shots=2", "task_seed=3") == Gym(
        generator="chain_sum", num_shots=2, task_seed=3
    )


class Scorer:
    """A generator whose scorer pays what it is told, and notes what it was shown."""

    def __init__(self, score: float) -> None:
        self.score, self.shown = score, []  # type: ignore[var-annotated]

    def __getitem__(self, place: int) -> dict[str, str]:
        return {"question": "?", "answer": f" item {place} "}

    def score_answer(self, said: str, entry: dict[str, str]) -> float:
        self.shown.append((said, entry["answer"]))
        return self.score


@pytest.mark.parametrize(("score", "is_right"), [(1.0, True), (1.5, True), (0.99, False), (0.0, False)])
def test_a_scorer_of_theirs_finds_an_answer_right_from_one_on(
    score: float, is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(score)
    asked: list[object] = []

    def dataset(*args: object) -> Scorer:
        asked.append(args)
        return scorer

    monkeypatch.setattr(gym, "dataset", dataset)
    task = Gym(generator="mine", grader_name="own", settings=(("a", 1),))
    problem = task.problem(0)
    seed = problem.facts["generator_seed"]
    assert (problem.reference, problem.facts["answer"]) == (
        ("<reasoning>\nIt has to be item 0.\n</reasoning>\n<answer>\nitem 0\n</answer>",), "item 0"
    )  # fmt: skip
    asked.clear()
    assert task.grade(problem, ["<answer> 7 </answer>"], End.ANSWERED).hits == (is_right,)
    assert scorer.shown == [("7", " item 0 ")] and asked == [("mine", (("a", 1),), seed)]


def test_a_scorer_of_theirs_is_shown_ten_thousand_characters_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(1.0)
    monkeypatch.setattr(gym, "dataset", lambda *args: scorer)
    task = Gym(generator="mine", grader_name="own")
    problem = task.problem(0)
    for length, is_right in ((10_000, True), (10_001, False)):
        assert task.grade(problem, [f"<answer>{'x' * length}</answer>"], End.ANSWERED).hits == (is_right,)
    for reply in ("x", "<answer></answer>"):
        assert task.grade(problem, [reply], End.ANSWERED).hits == (False,)
    assert [len(said) for said, _ in scorer.shown] == [10_000]


def test_a_generator_without_an_answer_begins_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (None, "", " "):
        monkeypatch.setattr(gym, "dataset", lambda *args: [{"question": "?", "answer": answer}])  # noqa: B023
        with pytest.raises(ConfigError, match="gym:mine tells no answer that could be compared"):
            gym.entry_of(Gym(generator="mine"), 1)
    monkeypatch.setattr(gym, "dataset", lambda *args: [{"question": "?", "answer": 0}])
    assert gym.entry_of(Gym(generator="mine"), 1)["answer"] == 0


def test_seeds_are_those_of_numpy_and_use_all_31_bits() -> None:
    task = Gym(generator="chain_sum", task_seed=11)
    seeds = [int(str(task.problem(index).facts["generator_seed"])) for index in range(40)]
    assert max(seeds) < 2**31 and max(seeds) > 2**30 and len({*seeds}) == 40
    assert task.problem(0).key == f"gym-chain_sum-{seeds[0]}"


def test_a_fifth_of_all_questions_is_held_out() -> None:
    held_out = sum(gym.split_of("chain_sum", f"{number}?") == "held out" for number in range(2000))
    assert held_out / 2000 == pytest.approx(0.2, abs=0.03)


def test_examples_are_the_training_problems_behind_the_first_and_each_another() -> None:
    task = Gym(generator="chain_sum", num_shots=3)
    shown = [one.content for one in task.problem(0).messages[1:-1]]
    alone = Gym(generator="chain_sum")
    entries = [gym.drawn(task, "train", -1 - place)[1] for place in range(3)]
    assert shown[::2] == [entry["question"] for entry in entries] and len({*shown}) == 6
    assert shown[1::2] == [task.form.written("", str(entry["answer"]).strip()) for entry in entries]
    assert task.problem(0).messages[-1] == alone.problem(0).messages[-1]
