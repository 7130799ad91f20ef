"""Let the policy answer problems: a group of conversations for each, graded and paid.

Every random draw has a seed of its own, a function of (run, step, problem, sample, turn), so an
rollout does not depend on what else is in the batch. Finished rows of a conversation fall silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from straw.engines.base import Reply, Sampler, SamplingParams
from straw.rewards.outcome import Channel
from straw.rollouts.worlds import play
from straw.seeds import seed_for, uniform_for
from straw.tasks.base import Task, World
from straw.text.chat.chat import Chat
from straw.types import End, Played, Problem, Rollout, Turn

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeedKey:
    """Where in the run a group stands; the randomness of its rollouts is a function of this."""

    seed: int
    step: int
    group: int

    def sample_seed(self, sample: int, turn: int) -> int:
        return seed_for(self.seed, "sample", self.step, self.group, sample, turn)

    def coin(self, sample: int) -> float:
        return uniform_for(self.seed, "channel", self.step, self.group, sample)


RolloutKey = tuple[SeedKey, int]  # where in the run a rollout stands: its group's place and its sample
Turns = list[tuple[Turn, bool]]  # each turn, and whether the model ended it by itself


def collect(
    engine: Sampler,
    task: Task,
    channel: Channel,
    problems: Sequence[Problem],
    seed_keys: Sequence[SeedKey],
    group_size: int,
    params: SamplingParams,
) -> list[list[Rollout]]:
    """One group of rollouts per problem. Groups of one problem read its prompt together."""
    groups_of: dict[str, list[int]] = {}
    for group, problem in enumerate(problems):
        groups_of.setdefault(problem.key, []).append(group)
    alike: dict[int, list[list[int]]] = {}  # problems with equally many groups can share a call
    for groups in groups_of.values():
        alike.setdefault(len(groups), []).append(groups)
    rollouts: dict[int, list[Rollout]] = {}
    coins: dict[int, list[float]] = {}
    for bunch in alike.values():
        firsts = [problems[groups[0]] for groups in bunch]
        keys = [[(seed_keys[group], sample) for group in groups for sample in range(group_size)] for groups in bunch]
        for groups, row, done in zip(bunch, keys, finished(engine, task, firsts, keys, params), strict=True):
            drawn = [key.coin(sample) for key, sample in row]
            for position, group in enumerate(groups):
                keys_of_group = slice(position * group_size, (position + 1) * group_size)
                rollouts[group], coins[group] = list(done[keys_of_group]), drawn[keys_of_group]
    return paid_by_step(channel, seed_keys, rollouts, coins)


def paid_by_step(
    channel: Channel,
    seed_keys: Sequence[SeedKey],
    rollouts: Mapping[int, list[Rollout]],
    coins: Mapping[int, list[float]],
) -> list[list[Rollout]]:
    """All rollouts of a step are paid together: a reward may compare them."""
    out: dict[int, list[Rollout]] = {}
    for step in dict.fromkeys(key.step for key in seed_keys):
        groups = [group for group, key in enumerate(seed_keys) if key.step == step]
        members = [one for group in groups for one in rollouts[group]]
        paid = iter(pay(members, channel, [coin for group in groups for coin in coins[group]], step))
        out |= {group: [next(paid) for _ in rollouts[group]] for group in groups}
    return [out[group] for group in range(len(seed_keys))]


def finished(
    engine: Sampler,
    task: Task,
    problems: Sequence[Problem],
    keys: Sequence[Sequence[RolloutKey]],
    params: SamplingParams,
) -> Sequence[Sequence[Rollout]]:
    """Equally many rollouts at different problems, graded; nobody was paid yet."""
    if isinstance(task, World):
        return play(engine, task, problems, keys, params)
    sampled = sample_turns(engine, task, problems, keys, params)
    return [
        [finish(engine.chat, task, problem, turns) for turns in row]
        for problem, row in zip(problems, sampled, strict=True)
    ]


def sample_turns(
    engine: Sampler,
    task: Task,
    problems: Sequence[Problem],
    keys: Sequence[Sequence[RolloutKey]],
    params: SamplingParams,
) -> list[list[Turns]]:
    """Equally many rollouts at different problems."""
    if task.max_turns == 1:
        return single_turns(engine, problems, keys, params)
    return [conversations(engine, task, problem, row, params) for problem, row in zip(problems, keys, strict=True)]


def single_turns(
    engine: Sampler, problems: Sequence[Problem], keys: Sequence[Sequence[RolloutKey]], params: SamplingParams
) -> list[list[Turns]]:
    prompts = [engine.chat.opening(problem.messages) for problem in problems]
    seeds = [[key.sample_seed(sample, 0) for key, sample in row] for row in keys]
    replies = engine.sample(prompts, len(keys[0]), params, seeds)
    return [
        [[(turn_of(prompt, reply, engine.policy_version), reply.stopped)] for reply in group]
        for prompt, group in zip(prompts, replies, strict=True)
    ]


def conversations(
    engine: Sampler, task: Task, problem: Problem, keys: Sequence[RolloutKey], params: SamplingParams
) -> list[Turns]:
    """All rows take their turns together; what a row says after its end is not written down."""
    chat, prompt = engine.chat, engine.chat.opening(problem.messages)
    talk = engine.converse(prompt, len(keys))
    rollouts: list[Turns] = [[] for _ in keys]
    read: list[Tokens] = [prompt] * len(keys)
    talking = [True] * len(keys)
    for turn in range(task.max_turns):
        replies = talk.generate(params, [key.sample_seed(sample, turn) for key, sample in keys])
        heard: list[Tokens] = [()] * len(keys)
        for row, reply in enumerate(replies):
            if not talking[row]:
                continue
            rollouts[row].append((turn_of(read[row], reply, engine.policy_version), reply.stopped))
            message = task.next_message(problem, [chat.decode(said.reply) for said, _ in rollouts[row]])
            talking[row] = message is not None
            if message is not None:
                heard[row] = (() if reply.stopped else (chat.end,)) + chat.continuation(message)
                read[row] = read[row] + reply.tokens + heard[row]
        if not any(talking):
            break
        talk.append([more or max(heard, key=len) for more in heard])
    return rollouts


def turn_of(prompt: Tokens, reply: Reply, version: int) -> Turn:
    return Turn(prompt=prompt, reply=reply.tokens, logprobs=reply.logprobs, policy_version=version)


def finish(chat: Chat, task: Task, problem: Problem, turns: Sequence[tuple[Turn, bool]]) -> Rollout:
    """Read the replies, say how it ended, and grade."""
    texts = tuple(chat.decode(turn.reply) for turn, _ in turns)
    if not all(stopped for _, stopped in turns):
        end = End.OUT_OF_TOKENS
    else:
        end = End.OUT_OF_TURNS if task.next_message(problem, texts) is not None else End.ANSWERED
    num_tokens = sum(len(turn.reply) for turn, _ in turns)
    grade = replace(task.grade(problem, texts, end), num_tokens=num_tokens)
    return Rollout(problem=problem, turns=tuple(turn for turn, _ in turns), replies=texts, end=end, grade=grade)


def pay(rollouts: Sequence[Rollout], channel: Channel, coins: Sequence[float], step: int) -> list[Rollout]:
    payments = channel.pay(rollouts, coins, step)
    return [
        replace(
            plain(one), rewards={channel.name: paid.total} if paid.parts is None else paid.parts, raw_rewards=paid.raw,
            turn_rewards=paid.per_turn, words=paid.words, extra=paid.extra, metrics=paid.metrics,
        )
        for one, paid in zip(rollouts, payments, strict=True)
    ]  # fmt: skip


def plain(rollout: Rollout) -> Rollout:
    """What is kept of one: its environment goes back, to be reset and used again."""
    if not isinstance(rollout, Played):
        return rollout
    rollout.leave()
    return rollout.plain
