"""Does a reply end where the sampler thinks it ends?

    the stop set holds every token that ends a reply: the template's, the tokenizer's, the generation config's
    a reference reply and its end token are read as a reply that stopped by itself, whole
    and a line where not one rollout at the start ended by itself

A model that closes its turn with a token nobody waits for writes on to the last token, every time, and every reply
is graded as unfinished.
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.engines.base import Engine
from straw.errors import TrainingError
from straw.tasks.base import Task
from straw.text.chat.chat import Chat
from straw.training.checks.reward_checks import references
from straw.types import Rollout


def check_ends(engine: Engine, task: Task, stop: frozenset[int]) -> str:
    chat = engine.chat
    if missing := ends_of(engine) - stop:
        names = ", ".join(f"{token} {chat.tokenizer.convert_ids_to_tokens(token)!r}" for token in sorted(missing))
        raise TrainingError(f"a reply stops at every end token of its model; the sampler does not know {names}.")
    for rollout in references(chat, task, stop):
        if rollout.end.was_cut_short or rollout.replies != rollout.problem.reference:
            raise TrainingError(
                "a reference reply and its end token are a reply that stopped by itself; "
                f"{' | '.join(rollout.problem.reference)!r} was read as {' | '.join(rollout.replies)!r} "
                f"({rollout.end}): "
                "a stop text may be part of the answer, or the tokenizer does not give it back."
            )
    return f"ends at {', '.join(str(chat.tokenizer.convert_ids_to_tokens(token)) for token in sorted(stop))}"


def ends_of(engine: Engine) -> set[int]:
    """Every token that may close a reply."""
    chat: Chat = engine.chat
    config = getattr(getattr(engine, "model", None), "generation_config", None)
    named = getattr(config, "eos_token_id", None)
    own = {chat.tokenizer.eos_token_id, *(named if isinstance(named, list | tuple) else [named])}
    return {token for token in own if token is not None} | set(chat.closes)


def unended(rollouts: Sequence[Rollout]) -> str | None:
    """A line, where no rollout ended by itself."""
    if not rollouts or not all(rollout.end.was_cut_short for rollout in rollouts):
        return None
    longest = max(len(turn.reply) for rollout in rollouts for turn in rollout.turns)
    return (
        f"none of {len(rollouts)} rollouts at the start ended by itself within {longest} tokens, so all were graded as "
        "unfinished: raise max_tokens, warm up (warmup=auto), or choose a model that was taught to end"
    )
