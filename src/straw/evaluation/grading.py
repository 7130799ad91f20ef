"""An evaluation: problems are asked, replies are kept, graders judge, and every score names its grader.

    asked      replies[problem, sample], each from a seed of (seed, problem, sample) alone
    graded     the same replies judged by every grader at once
    scored     accuracy with its interval, pass@k where there are several samples

Asking costs hours and judging seconds, so they are apart: other graders, or more problems, find the replies there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

from straw.engines.base import Reply, Sampler, SamplingParams
from straw.errors import ConfigError, RunError
from straw.measure.diversity import mean
from straw.measure.pass_at_k import ks_for, mean_pass
from straw.runs.evaluation import EvaluationFolder, Place
from straw.seeds import seed_for
from straw.tasks.base import Graded, HeldOut, InFiles, Task
from straw.text.graders import Grader, check_replies, grader_named
from straw.types import End, Problem

OWN = "own"  # the grader that a task is by itself
ENDLESS = 200  # problems, of a task that never ends
Heard = Callable[[int, int], None]  # (replies there, replies wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Which problems are asked, and how often.

    Replies are seeded by (seed, index, sample) alone, so any of them can be asked for at any time.
    """

    task: Task
    is_held_out: bool
    num_problems: int
    num_samples: int
    seed: int

    def problem(self, index: int) -> Problem:
        if not self.is_held_out:
            return self.task.problem(index)
        return cast(HeldOut, self.task).held_out(index)

    @property
    def where(self) -> str:
        """The file that they stand in, for a task that has one."""
        if not hasattr(type(self.task), "stands_in"):
            return ""
        return f" of {cast(InFiles, self.task).stands_in(held_out=self.is_held_out)}"

    @property
    def places(self) -> list[Place]:
        return [(index, sample) for index in range(self.num_problems) for sample in range(self.num_samples)]


def questions_of(task: Task, split: str, num_problems: int | None, num_samples: int, seed: int) -> Questions:
    """All there are, or as many as somebody wants, if there are so many.

    The class is asked what it can do: isinstance would read every property, and data that is only asked has nothing to
    train on.
    """
    is_held_out = split == "test"
    if is_held_out and not hasattr(type(task), "held_out"):
        raise ConfigError(f"{task.name} has no held-out problems; got split=test. Write split=train.")
    there = cast(HeldOut, task).num_held_out if is_held_out else task.num_problems
    if there is not None and num_problems is not None and num_problems > there:
        raise ConfigError(f"{task.name} has {there} problems in split={split}; got num_problems={num_problems}.")
    asked = num_problems or there or ENDLESS
    return Questions(task=task, is_held_out=is_held_out, num_problems=asked, num_samples=num_samples, seed=seed)


def ask_all(
    engine: Sampler, questions: Questions, params: SamplingParams, folder: EvaluationFolder, at_once: int, heard: Heard
) -> None:
    """Whatever is not in the folder yet; a problem's missing samples are asked for together."""
    check_problems(questions, folder)
    missing: dict[int, list[int]] = {}
    for index, sample in questions.places:
        if (index, sample) not in folder.replies:
            missing.setdefault(index, []).append(sample)
    wanted, left = len(questions.places), sum(map(len, missing.values()))
    there = count(wanted - left)
    heard(next(there), wanted)

    def keep(record: dict[str, object]) -> None:
        folder.add([record])
        heard(next(there), wanted)

    for samples, indices in alike(missing):
        size = max(1, at_once // len(samples))
        for start in range(0, len(indices), size):
            ask_some(engine, questions, indices[start : start + size], samples, params, keep)


def alike(missing: Mapping[int, Sequence[int]]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Problems that lack the same samples can share a call."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, samples in missing.items():
        groups.setdefault(tuple(samples), []).append(index)
    yield from groups.items()


def ask_some(
    engine: Sampler, questions: Questions, indices: Sequence[int], samples: Sequence[int], params: SamplingParams,
    keep: Callable[[dict[str, object]], None],
) -> None:  # fmt: skip
    """Every reply is kept as soon as it is complete: others may take minutes, and a kill costs only those."""
    problems = [questions.problem(index) for index in indices]
    prompts = [engine.chat.opening(problem.messages) for problem in problems]
    seeds = [[seed_for(questions.seed, "evaluation", index, sample) for sample in samples] for index in indices]

    def done(prompt: int, number: int, reply: Reply) -> None:
        keep(
            {
                "index": indices[prompt],
                "sample": samples[number],
                "problem": problems[prompt].key,
                "reply": engine.chat.decode(reply.tokens),
                "stopped": reply.stopped,
                "tokens": len(reply.tokens),
            }
        )

    engine.sample_one_by_one(prompts, len(samples), params, seeds, done)


def check_problems(questions: Questions, folder: EvaluationFolder) -> None:
    """Replies belong to their problem; data that was changed since has others."""
    there = {index: line["problem"] for (index, _), line in folder.replies.items() if index < questions.num_problems}
    for index, asked in there.items():
        if (key := questions.problem(index).key) != asked:
            raise RunError(
                f"the replies in {folder.path} answer other problems (problem {index} was {asked} and is "
                f"{key}): the data has changed. Choose another folder with out=FOLDER."
            )


def graders_of(task: Task, names: Sequence[str]) -> dict[str, Grader | None]:
    """By name; None stands for the task's own judgement, which is asked where it has no grader by name."""
    wanted = names or [cast(Graded, task).grader_name if hasattr(type(task), "grader_name") else OWN]
    found = (None if name == OWN else grader_named(name) for name in wanted)
    return {OWN if grader is None else grader.name: grader for grader in found}


def unread(questions: Questions, graders: Mapping[str, Grader | None]) -> dict[str, int]:
    """How many right answers each grader fails, written as the task writes them; those that fail none are absent."""
    problems = [questions.problem(index) for index in range(questions.num_problems)]
    pairs = [(one.reference[-1], str(one.facts["answer"])) for one in problems if "answer" in one.facts]
    failed = {name: len(check_replies(grader, pairs)) for name, grader in graders.items() if grader is not None}
    return {name: count for name, count in failed.items() if count}


def grade_all(
    questions: Questions, replies: Mapping[Place, Mapping[str, Any]], graders: Mapping[str, Grader | None]
) -> list[dict[str, Any]]:
    """A record for each reply, in order: what each grader read, and whether it is right."""
    problems = {index: questions.problem(index) for index in range(questions.num_problems)}
    return [graded(questions.task, problems[place[0]], replies[place], graders) for place in questions.places]


def graded(
    task: Task, problem: Problem, line: Mapping[str, Any], graders: Mapping[str, Grader | None]
) -> dict[str, Any]:
    reply, gold = line["reply"], problem.facts.get("answer")
    grade = task.grade(problem, [reply], End.ANSWERED if line["stopped"] else End.OUT_OF_TOKENS)
    read, right = {}, {}
    for name, grader in graders.items():
        if grader is None:
            read[name], right[name] = grade.text, all(grade.hits)
        elif gold is None:
            raise ConfigError(
                f"{task.name} has no gold answers for grader={name}: write grader={OWN}, its own judgement."
            )
        else:
            read[name], right[name] = grader.extract(reply), grader.judge(reply, str(gold))
    asked = {"question": problem.messages[-1].content, "gold": gold}
    return {**line, **asked, "well_formed": grade.well_formed, "read": read, "right": right}


def scored(records: Sequence[Mapping[str, Any]], graders: Sequence[str], num_samples: int) -> dict[str, Any]:
    """What a table shows; every score stands under its grader."""
    asked = len(records)
    return {
        "num_problems": asked // num_samples,
        "num_samples": num_samples,
        "format_compliance": sum(one["well_formed"] for one in records) / asked,
        "cut_short": sum(not one["stopped"] for one in records) / asked,
        "mean_tokens": sum(one["tokens"] for one in records) / asked,
        "scores": {name: scores_of([one["right"][name] for one in records], num_samples) for name in graders},
        **({"distinct": distinct_by(graders, records, num_samples)} if num_samples > 1 else {}),
    }


def scores_of(right: Sequence[bool], num_samples: int) -> dict[str, dict[str, float]]:
    """accuracy, and pass@2, pass@4, ... where there are as many samples."""
    counts = [sum(right[start : start + num_samples]) for start in range(0, len(right), num_samples)]
    found = {}
    for k in ks_for(num_samples):
        value, low, high = mean_pass(counts, num_samples, k)
        found["accuracy" if k == 1 else f"pass@{k}"] = {"value": value, "low": low, "high": high}
    return found


def distinct_by(
    graders: Sequence[str], records: Sequence[Mapping[str, Any]], num_samples: int
) -> dict[str, dict[str, float]]:
    return {name: distinct_of(records, name, num_samples) for name in graders}


def distinct_of(records: Sequence[Mapping[str, Any]], grader: str, num_samples: int) -> dict[str, float]:
    """How many different answers a problem got, and how many different right ones: means over problems."""
    problems = [records[start : start + num_samples] for start in range(0, len(records), num_samples)]
    said = [[one["read"][grader] or one["reply"] for one in some] for some in problems]
    right = [[one["read"][grader] or one["reply"] for one in some if one["right"][grader]] for some in problems]
    return {"answers": mean([len({*one}) for one in said]), "right": mean([len({*one}) for one in right])}
