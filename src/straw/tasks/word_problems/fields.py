"""Which fields of a row hold the question, the answer and the worked solution, and what is read from them.

    gsm8k   question, answer                    the gold stands behind ####
    math    problem, solution (, answer)        MATH and NuminaMath: the gold is the answer, or boxed in the solution
            Body + Question, Answer, Equation   SVAMP
            question, answer                    any other
    mmlu    question, choices, answer           the gold is a letter

A page may name the fields itself. A question in several fields is put together in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.errors import did_you_mean
from straw.tasks.prompting.gold import MARKS, Worked, as_it_stands, behind_marks, boxed
from straw.tasks.word_problems.data_loading import Row

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ONE_LETTER = "The answer is one letter."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Names of fields; an empty one stands for what the data itself is known by."""

    question: tuple[str, ...] = ()
    answer: str = ""
    solution: str = ""

    def over(self, known: Fields) -> Fields:
        """What was named, and for the rest what is known."""
        return Fields(
            question=self.question or known.question,
            answer=self.answer or known.answer,
            solution=self.solution or known.solution,
        )


OF_GSM8K = Fields(question=("question",), answer="answer")
OF_MATH = (
    Fields(question=("problem",), answer="answer", solution="solution"),
    Fields(question=("problem",), solution="solution"),
    Fields(question=("Body", "Question"), answer="Answer", solution="Equation"),
    Fields(question=("question",), answer="answer", solution="solution"),
    Fields(question=("question",), answer="answer"),
)


def marked_question(row: Row, fields: Fields) -> tuple[str, Worked]:
    """GSM8K: the answer is a worked solution, then #### and the number."""
    fields = fields.over(OF_GSM8K)
    answer = value_of(row, fields.answer)
    if not isinstance(answer, str):
        raise ValueError(f"{fields.answer} is to be a text with {MARKS} in it, got {type(answer).__name__}")
    return question_of(row, fields.question), behind_marks(answer)


def worked_question(row: Row, fields: Fields) -> tuple[str, Worked]:
    """Any question with an answer, a solution that has it in a box, or both."""
    fields = fields.over(next((known for known in OF_MATH if fits(known, row)), OF_MATH[-1]))
    question = question_of(row, fields.question)
    solution = str(value_of(row, fields.solution)).strip() if fields.solution else ""
    if fields.answer:
        answer = as_it_stands(value_of(row, fields.answer))
        return question, behind_marks(answer) if MARKS in answer else Worked(answer, solution)
    gold = boxed(solution)
    if not gold:
        raise ValueError(f"{fields.solution} has no \\boxed{{...}} with the answer")
    return question, Worked(gold, solution)


def choice_question(row: Row, fields: Fields, choices_field: str = "choices") -> tuple[str, Worked]:
    """A question and its choices by letter; the answer is a letter, or the place of the choice from 0."""
    fields = fields.over(OF_GSM8K)
    choices = value_of(row, choices_field)
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not 2 <= len(choices) <= len(LETTERS):
        raise ValueError(f"{choices_field} is to be a list of 2 to {len(LETTERS)} choices")
    lines = [f"{letter}. {as_it_stands(choice)}" for letter, choice in zip(LETTERS, choices, strict=False)]
    letter = letter_of(value_of(row, fields.answer), len(choices))
    return "\n".join([question_of(row, fields.question), *lines]), Worked(letter, "")


def letter_of(answer: object, count: int) -> str:
    letters = LETTERS[:count]
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < count:
        return letters[answer]
    if isinstance(answer, str) and len(answer.strip()) == 1 and answer.strip().upper() in letters:
        return answer.strip().upper()
    raise ValueError(
        f"its answer is to be a letter up to {letters[-1]}, or a place from 0 to {count - 1}; got {answer!r}"
    )


def fits(known: Fields, row: Row) -> bool:
    named = (*known.question, known.answer, known.solution)
    return all(row.get(name) is not None for name in named if name)


def value_of(row: Row, name: str) -> object:
    if row.get(name) is None:
        raise ValueError(
            f"the field {name!r} is {'empty' if name in row else 'missing'}; {did_you_mean(name, map(str, row))}. "
            "Name another with question_field, answer_field or solution_field"
        )
    return row[name]


def question_of(row: Row, names: Sequence[str]) -> str:
    """The parts as sentences: a full stop where one lacks its own."""
    parts = []
    for name in names:
        part = value_of(row, name)
        if not isinstance(part, str) or not part.strip():
            raise ValueError(f"the field {name!r} is to hold a text that is not empty")
        parts.append(part.strip())
    ended = [part if part[-1] in ".,:;?!" else f"{part}." for part in parts[:-1]]
    return " ".join([*ended, parts[-1]])
