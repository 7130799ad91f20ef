from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from straw import registry
from straw.config import load_page, parse_overrides
from straw.errors import ConfigError
from straw.tasks.base import Enumerable, HeldOut
from straw.tasks.countdown.expression import equation
from straw.tasks.countdown.numbers import MOST_DRAWS, Draw, a_way
from straw.tasks.countdown.task import HELD_OUT, SHOTS, Countdown, split_of, target_of
from straw.tasks.prompting.prompt_formats import FORMS
from straw.types import End

EASY = Draw(least=3, most=3, max_number=9, max_target=20)
DRAWS = [Draw(), EASY, Draw(generator="random", least=2, most=3), Draw(least=5, most=6, operators="+-")]


def of_page(*words: str) -> Countdown:
    page = load_page(None, parse_overrides(["task=countdown", *words])).page
    return registry.find("tasks", "countdown").from_options(page.task)


def graded(task: Countdown, reply: str, index: int = 0) -> Any:
    return task.grade(task.problem(index), [reply], End.ANSWERED)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("prompt", "form"), [("short", "xml"), ("long", "xml"), ("long", "boxed"), ("long", "none")])
def test_the_reference_is_right_and_uses_each_number_once(draw: Any, prompt: str, form: str) -> None:
    task = Countdown(draw=draw, prompt=prompt, form=FORMS[form])
    for index in range(20):
        problem = task.problem(index)
        grade = task.grade(problem, problem.reference, End.ANSWERED)
        assert grade.hits == (True,) and grade.well_formed
        assert draw.least <= len(problem.facts["numbers"]) <= draw.most
        assert 1 <= problem.facts["target"] <= draw.max_target
        assert max(problem.facts["numbers"]) <= draw.max_number
        if prompt == "short":
            assert len(problem.reference[0]) <= task.reply_limit


def test_a_problem_looks_like_this() -> None:
    problem = Countdown(draw=EASY, prompt="short").problem(0)
    assert (
        problem.messages[0].content == f"{' '.join(map(str, problem.facts['numbers']))} make {problem.facts['target']}?"
    )
    long = Countdown(draw=EASY).problem(0)
    assert [message.role for message in long.messages] == ["system", "user"]
    assert "exactly once" in long.messages[1].content
    assert json.loads(json.dumps(long.facts)) == long.facts


def made(numbers: list[int], target: int, said: str) -> Any:
    task = Countdown(prompt="short")
    problem = task.problem(0)
    facts = {"numbers": numbers, "target": target}
    return task.grade(
        type(problem)(key="k", messages=problem.messages, reference=("1",), facts=facts), [said], End.ANSWERED
    )


@pytest.mark.parametrize(
    ("said", "is_right", "was_read"),
    [
        ("3*4+2", True, True),
        ("2 + 4*3", True, True),  # another order
        ("(3*4)+2", True, True),
        ("3*4+3", False, True),  # another number
        ("14", False, True),  # the target itself
        ("3*4+2+0", False, True),  # one more
        ("7+7", False, True),
        ("2*3+4", False, True),  # another value
        ("3*4+2=14", False, False),
        ("", False, False),
    ],
)
def test_right_is_the_value_with_the_given_numbers(said: str, is_right: bool, was_read: bool) -> None:
    grade = made([2, 3, 4], 14, said)
    assert (grade.hits, grade.well_formed) == ((is_right,), was_read)


def test_a_number_that_is_given_twice_is_used_twice() -> None:
    assert made([5, 5, 1], 26, "5*5+1").hits == (True,)
    assert made([5, 5, 1], 6, "5+1").hits == (False,)


def test_fractions_on_the_way_are_exact() -> None:
    assert made([1, 3, 3], 1, "1/3*3").hits == (True,)
    assert made([8, 3, 8, 3], 24, "8/(3-8/3)").hits == (True,)


def test_the_expression_is_looked_for_in_the_tags() -> None:
    task = Countdown(draw=EASY)
    way = task.problem(0).reference[0].partition("<answer>\n")[2].partition("\n")[0]
    assert graded(task, f"<answer>1</answer> no: <answer> {way} </answer>").hits == (True,)
    assert graded(task, way).well_formed is False
    assert graded(task, f"<answer>{way}</answer>").text == way.replace(" ", ""), "blanks make no other answer"
    assert graded(task, f"<answer>{way}</answer>").form["xmlcount"] < 1


@pytest.mark.parametrize("draw", DRAWS[:3])
@pytest.mark.parametrize("count", [30, pytest.param(120, marks=pytest.mark.slow)])
def test_no_problem_is_on_both_sides_whatever_the_seeds(draw: Any, count: int) -> None:
    def names(problem: Any) -> Any:
        return (*sorted(problem.facts["numbers"]), problem.facts["target"])

    tasks = [Countdown(draw=draw, task_seed=seed) for seed in range(2)]
    trained = {names(task.problem(index)) for task in tasks for index in range(count)}
    asked = {names(task.held_out(index)) for task in tasks for index in range(count // 5)}
    assert not trained & asked


def test_a_tenth_is_held_out() -> None:
    held = sum(split_of((a, b), 7) == "held out" for a in range(100) for b in range(100, 150))
    assert held / 5000 == pytest.approx(HELD_OUT, abs=0.02)


def test_a_problem_is_a_function_of_seed_and_index() -> None:
    assert Countdown(task_seed=3).problem(7) == Countdown(task_seed=3).problem(7)
    assert len({Countdown(task_seed=seed).problem(index).key for seed in range(5) for index in range(20)}) > 95


def test_the_order_of_the_numbers_tells_nothing() -> None:
    task = Countdown(draw=EASY, prompt="short")
    problems = [task.problem(index) for index in range(200)]
    as_used = sum(tuple(p.facts["numbers"]) == equation(p.reference[0]).numbers for p in problems)
    assert 10 < as_used < 80  # a third or so: of three numbers there are six orders, fewer where two are equal


def test_a_search_finds_a_way_where_there_is_one() -> None:
    assert str(a_way([3, 3, 8, 8], 24)) == "8 / (3 - 8 / 3)"
    assert a_way([1, 1, 1], 24) is None
    assert a_way([2, 3], 6, "+-") is None
    assert a_way([0, 5], 5) is not None  # 5 / 0 is never tried


def test_examples_are_shown_and_right() -> None:
    problem = Countdown(draw=EASY, shots=SHOTS[:2]).problem(0)
    assert [message.role for message in problem.messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    for shot in SHOTS:
        found = equation(shot.gold)
        assert sorted(found.numbers) == sorted(
            int(word) for word in shot.question.replace("and", ",").replace(" ", "").split(",")
        )
        assert shot.solution.endswith(f"= {target_of(shot)}")
        for line in shot.solution.splitlines():
            left, right = line.split(" = ")
            assert equation(left).value == int(right)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("numbers=1", "numbers says how many are given, from 2 to 6; got numbers=1"),
        ("numbers=4..3", "from 2 to 6"),
        ("numbers=three", "from 2 to 6"),
        ("numbers=5 countdown_generator=random", "takes too long for more than 4"),
        ("operators=+^", r"operators are some of \+ - \* and /"),
        ("min_number=9 max_number=3", "min_number is at most max_number"),
        ("numbers=7", "from 2 to 6"),
        ("numbers=2..7", "from 2 to 6"),
        ("grader=exact", "compares values by itself"),
        ("num_shots=9", "got num_shots=9. Write num_shots=4 or less"),
        ("countdown_generator=expresion", r"did you mean 'expression'\?"),
    ],
)
def test_what_cannot_be_drawn_is_refused(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of_page(*words.split())


def test_numbers_that_reach_no_target_are_said_and_not_waited_for() -> None:
    with pytest.raises(ConfigError, match="Write a larger max_target"):
        Countdown(draw=Draw(least=2, most=2, min_number=50, max_number=60, max_target=1, operators="+")).problem(0)


def test_a_generator_of_one_problem_is_refused_and_not_waited_for(home: Path, tmp_path: Path) -> None:
    """A tenth of all problems is held out, and of one problem no tenth."""
    (tmp_path / "one.py").write_text("def same(random, draw):\n    return '1 + 2'\n")
    task = of_page(f"countdown_generator={tmp_path}/one.py:same")
    with pytest.raises(ConfigError, match=r"none is on the side .*it has to draw more.*1 \+ 2 = 3"):
        task.problem(0), task.held_out(0)


def test_options_reach_the_draw() -> None:
    task = of_page("numbers=2..3", "max_number=9", "max_target=30", "operators=+*", "countdown_generator=random")
    assert task.draw == Draw(
        generator="random", least=2, most=3, min_number=1, max_number=9, max_target=30, operators="+*"
    )


def test_countdown_can_be_held_out_and_not_listed() -> None:
    assert isinstance(Countdown(), HeldOut) and not isinstance(Countdown(), Enumerable)


def test_what_can_just_be_drawn_is_not_refused() -> None:
    assert (of_page("numbers=2..6").draw.least, of_page("numbers=2..6").draw.most) == (2, 6)
    assert (of_page("numbers=5").draw.least, of_page("numbers=5").draw.most) == (5, 5)
    assert of_page("numbers=4", "countdown_generator=random").draw.most == 4
    assert of_page("min_number=7", "max_number=7", "operators=+").draw.min_number == 7


def test_numbers_and_targets_are_those_of_the_page_unless_it_says_otherwise() -> None:
    draw = Draw()
    assert (draw.generator, draw.least, draw.most, draw.operators) == ("expression", 3, 4, "+-*/")
    assert (draw.min_number, draw.max_number, draw.max_target) == (1, 99, 100)
    assert (HELD_OUT, MOST_DRAWS, Countdown().task_seed) == (0.1, 10_000, 0)


def test_a_target_is_a_whole_number_from_one_to_the_largest() -> None:
    draw = Draw(max_target=20)
    assert [value for value in (-1, 0, 1, 2, 20, 21, Fraction(3, 2), Fraction(41, 2)) if draw.is_target(value)] == [
        1, 2, 20
    ]  # fmt: skip
    assert Draw(generator="random", least=2, most=2, max_number=3, max_target=1).drawn(Random(0)).target == 1


def test_numbers_are_drawn_from_the_smallest_to_the_largest_and_both_are_drawn() -> None:
    draw = Draw(least=2, most=3, min_number=4, max_number=6)
    drawn = [draw.numbers(Random(seed)) for seed in range(60)]
    assert {len(one) for one in drawn} == {2, 3} and {number for one in drawn for number in one} == {4, 5, 6}


def test_nothing_is_divided_by_nought_and_by_one_it_may_be() -> None:
    with pytest.raises(ConfigError, match="Write a larger max_target"):
        Draw(least=2, most=2, min_number=0, max_number=0, operators="/").drawn(Random(0))
    ones = Draw(least=2, most=2, min_number=1, max_number=1, operators="/").drawn(Random(0))
    assert (ones.target, str(ones.way), ones.numbers) == (1, "1 / 1", (1, 1))


def test_a_short_reply_has_room_for_every_number_its_operator_and_its_brackets() -> None:
    assert Countdown(draw=EASY, prompt="short").reply_limit == 3 * (1 + 3)
    assert Countdown(draw=Draw(most=4, max_number=999), prompt="short").reply_limit == 4 * (3 + 3)
    assert Countdown(draw=EASY).reply_limit == 0


def test_an_empty_reply_has_no_text_and_another_is_kept_without_blanks() -> None:
    assert made([2, 3], 5, "  ").text is None and made([2, 3], 5, " 2 + 3\n").text == "2+3"


def test_an_expression_from_outside_is_a_target_where_its_value_may_be_one() -> None:
    draw = Draw(generator="mine.py:f", max_target=28)
    found = draw.read("(7 + 9) * 2 - 4")
    assert found is not None and (found.target, found.numbers) == (28, (7, 9, 2, 4))
    assert draw.read("1/2") is None and draw.read("28+1") is None and draw.read("1-1") is None
    with pytest.raises(ConfigError, match=r"countdown_generator=mine\.py:f is to return an expression .*returned 'x'"):
        draw.read("x")
