"""Rollouts that say something new: a reply that was paid once is drawn again, not paid again.

    draw a group -> pass over what was paid before -> draw again, up to `candidates` in all -> pay

Where the same reply earns the same reward, to hear it twice tells nothing. A reply that is passed over costs no
episode, since nothing is told; it is work all the same, and counted (`unpaid_draws`). Once a reply to a prompt was paid
in full nothing is passed over there. If all candidates are old the first of them are paid again.

In conversations nothing is passed over: what comes behind a turn may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from straw.engines.base import Conversation, Reply, Sampler, SamplingParams, Tokens
from straw.seeds import seed_for
from straw.training.sources.base import Collector, Groups, NoRollouts
from straw.types import Rollout


class AlreadyPaid:
    """First replies that were paid, by prompt, and the prompts that have a full pay."""

    def __init__(self, full: float) -> None:
        self.full = full
        self.replies: dict[Tokens, set[Tokens]] = {}
        self.found: set[Tokens] = set()

    def add(self, groups: Iterable[Sequence[Rollout]]) -> None:
        for rollout in (rollout for group in groups for rollout in group if rollout.turns):
            self.hear(rollout.turns[0].prompt, rollout.turns[0].reply, rollout.reward)

    def hear(self, prompt: Tokens, reply: Tokens, reward: float) -> None:
        self.replies.setdefault(prompt, set()).add(reply)
        if reward >= self.full:
            self.found.add(prompt)

    def state_dict(self) -> dict[str, Any]:
        replies = [[list(prompt), sorted(map(list, said))] for prompt, said in self.replies.items()]
        return {"replies": replies, "found": sorted(map(list, self.found))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.replies = {tuple(prompt): {tuple(reply) for reply in said} for prompt, said in state["replies"]}
        self.found = {tuple(prompt) for prompt in state["found"]}

    def is_new(self, prompt: Tokens, reply: Tokens) -> bool:
        return prompt in self.found or reply not in self.replies.get(prompt, ())


class FreshSampler(Sampler):
    """A sampler of single replies that passes over what `paid` has."""

    def __init__(self, sampler: Sampler, paid: AlreadyPaid, candidates: int) -> None:
        self.sampler, self.paid, self.candidates = sampler, paid, candidates
        self.chat, self.policy_version = sampler.chat, sampler.policy_version
        self.unpaid_draws = 0

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        return self.sampler.converse(prompt, num_rows)

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        found = self.sampler.sample(prompts, num_samples, params, seeds)
        if not self.candidates:
            return found
        return [
            self.chosen(prompt, first, params, row) for prompt, first, row in zip(prompts, found, seeds, strict=True)
        ]

    def chosen(
        self, prompt: Tokens, first: Sequence[Reply], params: SamplingParams, seeds: Sequence[int]
    ) -> list[Reply]:
        """As many as were drawn first: new ones, each once, in the order in which they were drawn."""
        new = [*self.new(prompt, first)]
        more = self.candidates - len(first)
        if len(new) == len(first) or more <= 0:
            return [*first]
        again = [seed_for(seeds[number % len(seeds)], "again", number) for number in range(more)]
        (drawn,) = self.sampler.sample([prompt], more, params, [again])
        self.unpaid_draws += more
        every = [*first, *drawn]
        new = [*self.new(prompt, every)]
        chosen = {id(reply) for reply in new}
        return [*new, *(reply for reply in every if id(reply) not in chosen)][: len(first)]

    def new(self, prompt: Tokens, replies: Sequence[Reply]) -> Iterator[Reply]:
        seen: set[Tokens] = set()
        for reply in replies:
            is_again = reply.tokens in seen and prompt not in self.paid.found
            if not is_again and self.paid.is_new(prompt, reply.tokens):
                yield reply
            seen.add(reply.tokens)


class Fresh(NoRollouts):
    """At once, for a learner that keeps the log and says how many draws of a step were not paid (`unpaid_draws`)."""

    def __init__(self, collector: Collector, sampler: Sampler, paid: AlreadyPaid, candidates: int) -> None:
        self.collector, self.sampler, self.paid, self.candidates = collector, sampler, paid, candidates
        self.unpaid_draws = 0

    def rollouts(self, step: int) -> Groups:
        sampler = FreshSampler(self.sampler, self.paid, self.candidates)
        groups = self.collector.of(step, sampler)
        self.unpaid_draws = sampler.unpaid_draws
        return groups
