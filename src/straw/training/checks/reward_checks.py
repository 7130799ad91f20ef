"""Does the reward pay what it says? Asked of the reference replies and of a few real rollouts.

    full            the reference reply earns the channel's highest pay
    deterministic   the same rollout is graded and paid the same twice, with the same coin
    in range        every pay lies from the channel's lowest to its highest

The reference goes through the model's own tokens and back, so that a tokenizer that spells an answer in another
way is found too. What full pay is for a reference, a channel says (`full`): nothing where its highest pay does not
point at the target (coins, exchanged levels), less than its highest where it pays by length. One with a coin owes it
full pay for its luckiest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isclose, isfinite
from typing import TypeVar

from straw.errors import TrainingError
from straw.rewards.channel import Channel
from straw.rollouts.collect import finish
from straw.tasks.base import Task
from straw.text.chat.chat import Chat
from straw.types import Payment, Problem, Rollout, Turn

Thing = TypeVar("Thing")
COINS = (0.0, 0.25, 0.5, 0.75, 0.999)
MOST_PROBLEMS = 8


def references(chat: Chat, task: Task, stop: frozenset[int]) -> Iterator[Rollout]:
    """The first problems, answered as they should be, graded and not yet paid; nobody may know how."""
    for index in range(min(task.num_problems or MOST_PROBLEMS, MOST_PROBLEMS)):
        problem = task.problem(index)
        if not any(problem.reference) and problem.facts.get("has_reference") is False:
            continue
        yield finish(chat, task, problem, [said(chat, text, stop) for text in problem.reference])


def said(chat: Chat, text: str, stop: frozenset[int]) -> tuple[Turn, bool]:
    """A turn as the sampler would hand it over: up to the first token that stops it."""
    tokens = chat.encode_reply(text)
    end = next((place for place, token in enumerate(tokens) if token in stop), None)
    reply = tokens if end is None else tokens[: end + 1]
    turn = Turn(prompt=(chat.end,), reply=reply, logprobs=(0.0,) * len(reply), policy_version=0)
    return turn, end is not None


def check_full(channel: Channel, rollouts: Sequence[Rollout]) -> str:
    owed = [channel.full(rollout.grade) for rollout in rollouts]
    for rollout, full in zip(rollouts, owed, strict=True):
        most = max(payment_for(channel, rollout, coin).total for coin in coins_of(channel))
        if full is not None and not isclose(most, full, abs_tol=1e-9):
            raise TrainingError(
                f"a reference reply earns full reward, {full:.4g}; {spelled(rollout.problem)} was read as "
                f"{' | '.join(rollout.replies)!r} and earned {most:.4g} from {channel.name}{parted(rollout, channel)}: "
                "the task grades it wrong, or the tokenizer spells it in another way."
            )
    paid = [full for full in owed if full is not None]
    if not paid and channel.reads_replies:
        return f"{channel.name} promises a reference nothing"
    if not paid:
        return f"the highest pay of {channel.name} does not point at the reference"
    return f"the reference earns {min(paid):.4g}" + (f" to {max(paid):.4g}" if max(paid) > min(paid) else "")


def parted(rollout: Rollout, channel: Channel) -> str:
    """Part by part, where there are several."""
    parts = payment_for(channel, rollout, COINS[0]).raw
    return f" ({', '.join(f'{name} {value:.3g}' for name, value in parts.items())})" if parts else ""


def check_deterministic(channel: Channel, task: Task, rollouts: Sequence[Rollout]) -> str:
    for rollout in rollouts:
        again = [task.grade(rollout.problem, rollout.replies, rollout.end) for _ in range(2)]
        grades = different([rollout.grade, *(replace(one, num_tokens=rollout.grade.num_tokens) for one in again)])
        if len(grades) > 1:
            raise TrainingError(
                f"a task grades equal replies alike; {' | '.join(rollout.replies)!r} was graded in {len(grades)} ways: "
                "facts may depend on nothing but the problem and the replies."
            )
        if channel.reads_replies and not channel.deterministic:
            continue  # somebody else's function, which promises nothing
        coins = coins_of(channel) if channel.deterministic else COINS[:1]
        found = different([payment_for(channel, rollout, coin) for coin in (*coins, *coins)])
        if len(found) > 1:
            raise TrainingError(
                f"{channel.name} pays the same for the same grade and coin; {' | '.join(rollout.replies)!r} was paid "
                f"{', '.join(sorted(f'{one.total:.4g}' for one in found))}: let chance come from the coin alone, and "
                "declare deterministic=False."
            )
    return "equal rollouts paid alike"


def different(things: Sequence[Thing]) -> list[Thing]:
    """Each once; facts by name have no hash."""
    return [one for place, one in enumerate(things) if one not in things[:place]]


def check_range(channel: Channel, rollouts: Sequence[Rollout]) -> str:
    low, high = channel.lowest, channel.highest
    for rollout in rollouts:
        for coin in coins_of(channel):
            payment = payment_for(channel, rollout, coin)
            turns = payment.per_turn
            if not (isfinite(payment.total) and low - 1e-9 <= payment.total <= high + 1e-9):
                raise TrainingError(
                    f"{channel.name} declares pay from {low:.4g} to {high:.4g}; {' | '.join(rollout.replies)!r} was "
                    f"paid {payment.total:.4g}: mend the channel or what it declares."
                )
            if turns is not None and not isclose(sum(turns), payment.total, abs_tol=1e-9):
                raise TrainingError(
                    f"the pay of all turns is the rollout's; {channel.name} paid turns {sum(turns):.4g} and the "
                    f"rollout {payment.total:.4g}: mend the channel."
                )
    return f"pay from {low:.4g} to {high:.4g}" if isfinite(high - low) else "pay undeclared"


def payment_for(channel: Channel, rollout: Rollout, coin: float) -> Payment:
    return channel.pay([rollout], [coin], 0)[0]


def coins_of(channel: Channel) -> tuple[float, ...]:
    """A function of the replies is dear, and has no coin."""
    return COINS[:1] if channel.reads_replies else COINS


def spelled(problem: Problem) -> str:
    return f"{' | '.join(problem.reference)!r} of {problem.key}"
