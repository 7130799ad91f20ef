"""Does the reward pay models that answer in another form than they are asked for?

    0 of 32 rollouts at the start kept the form that is asked for (xml), and 14 were right by the lenient grader where
    exact found 0 right: ...

A word problem is asked for tags, and by default only what stands in them is paid. A model that says "The answer is 18"
is right and earns nothing, so the run would teach it tags at best, or nothing. The rollouts that the gates make tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.config import TaskSection
from straw.tasks.base import Graded, Task
from straw.text.graders import GRADERS
from straw.types import Rollout

LENIENT = "lenient"
FEW = 0.1  # of the rollouts


def starved(task: Task, options: TaskSection, rollouts: Sequence[Rollout]) -> str | None:
    """A line for a person, where hardly anything that the model says now can be paid for its answer."""
    if not (isinstance(task, Graded) and options.reply_form is not None and rollouts):
        return None
    golds = [one.problem.facts.get("answer") for one in rollouts]
    if not all(isinstance(gold, str) for gold in golds):  # countdown compares values, in its own way
        return None
    kept = sum(one.grade.well_formed for one in rollouts)
    right = sum(all(one.grade.hits) for one in rollouts)
    lenient = sum(GRADERS[LENIENT].judge(one.replies[0], str(gold)) for one, gold in zip(rollouts, golds, strict=True))
    is_misread = 2 * right < lenient and right <= FEW * len(rollouts)
    if not is_misread and (right or kept > FEW * len(rollouts)):
        return None
    return (
        f"{kept} of {len(rollouts)} rollouts at the start kept the form that is asked for ({options.reply_form}), "
        f"and {lenient} were right by the {LENIENT} grader where {task.grader_name} found {right} right: "
        + (PAY_THEM if lenient else NOTHING_THERE)
    )


PAY_THEM = (
    "answers in another form earn nothing. Pay them with grader=extract or grader=lenient, ask in a form that this "
    "model keeps (system_prompt=boxed or none, num_shots=2), or warm up first (warmup=auto warmup_accuracy=0.1)"
)
NOTHING_THERE = (
    "there is no right answer to reinforce yet. Show the form (num_shots=2), warm up first (warmup=auto "
    "warmup_accuracy=0.1), or take a larger model or easier problems"
)
