"""Intrinsic rewards in a run: rollouts become traces, scores become pay.

    groups -> texts -> one call of the encoder for what is new -> scores -> rewards (inside) or bonuses (outside)

Every step embeds the distinct texts of its replies and the questions that were not met before. A score s in [0, 1] is
paid in one of two ways:

    inside    reward + weight s                          one more reward of the group
    outside   advantage + weight s, of right replies     behind the group's centring; of wrong ones where s < 0

Exploit is always inside: it says which wrong reply is nearer to a right one. Novelty enters outside, unless the page
says otherwise or runs the memory study, which has it inside. Inside a centred group a repeated failure pays for the
others: of four wrong replies with novelty 0, 1, 1, 1 the new ones get +1/4 each and are learned, as wrong as they are.
A centring of its own would do the same. Outside, no wrong reply gains by novelty and none is blamed for the lack of it;
a right one that is unlike what failed earns more. So where nobody is right novelty teaches nothing: that is the price.
To blame wrong replies for the lack of it would push down what they share with good ones, the form first; `repeats`
blames those alone that were wrong before, word for word.
`straw sweep recipes/sweeps/novelty-small.toml`, 64 secrets, 480 rollouts, 8 seeds, explore alone: the mean of the bits
known of 6, and the runs that came to less than chance knows

    no novelty 5.93, 0      outside 5.99, 0      inside -3.55, 4

What there is nothing to compare with earns nothing, either way; the share of it is logged as memory/empty. A reply
whose embedding, or whose question's, is not finite has no score at all: its intrinsic rewards are absent, not 0, the
reason stands in its record, and the number of these is logged as memory/skipped. Every score that was measured stands
in the record of its rollout, paid or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from straw.config import Memory, Page
from straw.engines.base import Engine
from straw.engines.encoder import POLICY, Encoder, encoder_named
from straw.errors import RunError
from straw.measure.diversity import semantic
from straw.rewards.intrinsic.base import Judge, Trace, check_finite, is_finite
from straw.rewards.intrinsic.episodic import Episodic, named, part
from straw.rewards.intrinsic.memory_parts import joined_questions, packed, unpacked
from straw.rewards.intrinsic.registry import kind_named
from straw.rewards.intrinsic.step import Intrinsic, Rules, Scores
from straw.rewards.intrinsic.write_first import WriteFirst
from straw.runs.metrics import mean_of
from straw.text.reading.answer_tags import END_OF_REASONING, REASONING
from straw.text.reading.sentences import sentences
from straw.training.memory_files import MEMORY, read_memory, write_memory
from straw.types import Metric, Rollout

Groups = list[list[Rollout]]
Vectors = dict[str, Tensor]  # by a question's hash, or by a text


class NoIntrinsic:
    """A run that is paid by its channel alone."""

    def paid(self, groups: Groups, step: int) -> Groups:
        return groups

    def metrics(self) -> dict[str, Metric]:
        return {}

    def save(self, folder: Path, before: Path | None) -> None: ...
    def kept(self) -> None: ...
    def load(self, folder: Path) -> None: ...


class IntrinsicPay(NoIntrinsic):
    """An encoder, a judge with its memory, and the questions that were embedded before."""

    def __init__(self, memory: Memory, intrinsic: Intrinsic, encoder: Encoder | None) -> None:
        self.memory, self.intrinsic, self.encoder = memory, intrinsic, encoder
        self.questions: dict[str, Tensor] = {}  # the newest, by hash
        self.new_questions: set[str] = set()  # since a checkpoint had them
        self.found: dict[str, Metric] = {}

    def paid(self, groups: Groups, step: int) -> Groups:
        """The same rollouts, paid for this step's scores as well; then they are remembered."""
        before = self.encoder.num_encoded if self.encoder else 0
        traces = self._traces(groups)
        scores = self.intrinsic.score(traces, step)
        self.found = self._metrics(scores, groups, traces, before)
        remaining = iter(range(len(traces)))
        return [[self._pay(one, scores, next(remaining)) if one.replies else one for one in group] for group in groups]

    def metrics(self) -> dict[str, Metric]:
        return self.found

    # --- looking

    def _traces(self, groups: Groups) -> list[Trace]:
        rollouts = [rollout for group in groups for rollout in group if rollout.replies]
        asked = [question for group, question in self._asked(groups) for rollout in group if rollout.replies]
        texts = [embedded_part("\n".join(one.replies), self.memory.embed) for one in rollouts]
        questions, vectors = self._vectors({hash_of(text): text for text in asked}, texts)
        return [
            Trace(
                key=hash_of(question), question=questions[hash_of(question)], text=text, vectors=vectors[text],
                is_right=all(one.grade.hits), surprisal=surprisal(one),
            )
            for one, question, text in zip(rollouts, asked, texts, strict=True)
        ]  # fmt: skip

    def _asked(self, groups: Groups) -> Iterator[tuple[list[Rollout], str]]:
        """Each group with the question that it is filed under: its own, or the first of those filed together."""
        together = self.memory.groups_per_key
        for place, group in enumerate(groups):
            yield group, groups[place - place % together][0].problem.messages[-1].content

    def _vectors(self, asked: Mapping[str, str], texts: Sequence[str]) -> tuple[Vectors, Vectors]:
        """Questions by hash; texts, one row a sentence or one in all. What is not known is embedded in one call."""
        if self.encoder is None:
            return dict.fromkeys(asked, torch.zeros(0)), dict.fromkeys(texts, torch.zeros(1, 0))
        if self.memory.encoder == POLICY:  # it sees them with other weights now
            self.questions = {}
        new = {key: text for key, text in asked.items() if key not in self.questions}
        pieces = {text: sentences(text) if self.memory.memory_unit == "sentence" else [text] for text in texts}
        distinct = list(dict.fromkeys([*new.values(), *(piece for found in pieces.values() for piece in found)]))
        rows = dict(zip(distinct, self.encoder.encode(distinct), strict=True)) if distinct else {}
        met = {key: rows[text] for key, text in new.items()}
        questions = {key: met[key] if key in met else self.questions[key] for key in asked}
        self._remember({key: vector for key, vector in met.items() if is_finite(vector)}, asked)
        return questions, {text: torch.stack([rows[piece] for piece in found]) for text, found in pieces.items()}

    def _remember(self, met: Vectors, asked: Mapping[str, str]) -> None:
        """The newest questions stay, and those that were asked just now."""
        self.questions.update(met)
        self.new_questions.update(met)
        while len(self.questions) > max(self.memory.memory_keys, len(asked)):
            del self.questions[next(key for key in self.questions if key not in asked)]

    def _metrics(self, scores: Scores, groups: Groups, traces: Sequence[Trace], before: int) -> dict[str, Metric]:
        flaws = self.intrinsic.flaws
        sound = {place: trace for place, trace in enumerate(traces) if place not in flaws}
        found = {name: Metric(float(count)) for name, count in self.intrinsic.counts().items()}
        for name, values in scores.items():
            if self._is_outside(name):
                found[f"rewards/{name}/mean"] = mean_of([values[place] or 0.0 for place in sound])
        if self.memory.is_memory:
            found["memory/empty"] = Metric(self.intrinsic.empty_share, len(sound))
        found["memory/skipped"] = Metric(float(len(flaws)))
        if self.encoder is not None:
            found["memory/encoded"] = Metric(float(self.encoder.num_encoded - before))
            found["diversity/semantic"] = semantic_of(groups, sound)
        return found

    # --- paying

    def _is_outside(self, name: str) -> bool:
        return name != "exploit" and self.memory.novelty != "inside"

    def _pay(self, rollout: Rollout, scores: Scores, place: int) -> Rollout:
        if place in self.intrinsic.flaws:
            return replace(rollout, unscored=self.intrinsic.flaws[place])
        rewards, raw, bonuses = dict(rollout.rewards), dict(rollout.raw_rewards), dict(rollout.bonuses)
        extra = 0.0
        for name, values in scores.items():
            score, weight = values[place], self._weight(name)
            if self._is_outside(name):
                # no wrong reply gains, and no right one loses
                if score is not None and (score >= 0) == all(rollout.grade.hits):
                    bonuses[name] = weight * score
                continue
            raw[name], rewards[name] = score or 0.0, weight * (score or 0.0)
            extra += rewards[name]
        per_turn = rollout.turn_rewards
        if per_turn is not None:
            per_turn = tuple(reward + extra for reward in per_turn)
        measured = self._measured(place)
        return replace(
            rollout, rewards=rewards, raw_rewards=raw, turn_rewards=per_turn, bonuses=bonuses, scores=measured
        )

    def _measured(self, place: int) -> dict[str, float]:
        found = {name: values[place] for name, values in self.intrinsic.measured.items()}
        return {name: score for name, score in found.items() if score is not None}

    def _weight(self, name: str) -> float:
        return self.memory.exploit_weight if name == "exploit" else self.memory.explore_weight

    # --- keeping

    def save(self, folder: Path, before: Path | None) -> None:
        """`before`: the last checkpoint, whose files this one may share."""
        write_memory(folder, before, self._whole, self._changes)

    def kept(self) -> None:
        """The checkpoint is whole; what changes from here on is new."""
        self.new_questions.clear()
        self.intrinsic.kept()

    def _whole(self) -> dict[str, Tensor]:
        asked = {"hashes": packed(list(self.questions)), "vectors": stacked(self.questions.values())}
        return named("questions", asked) | self.intrinsic.arrays()

    def _changes(self) -> dict[str, Tensor]:
        new = [key for key in self.questions if key in self.new_questions]
        vectors = stacked(self.questions[key] for key in new)
        asked = {"hashes": packed(list(self.questions)), "new": packed(new), "vectors": vectors}
        return named("questions", asked) | self.intrinsic.changes()

    def load(self, folder: Path) -> None:
        try:
            parts = read_memory(folder)
            self.intrinsic.load(self.intrinsic.joined(parts))  # which checks them all
            asked = joined_questions([part(one, "questions") for one in parts])
            check_finite(named("questions", asked))
            self.questions = dict(zip(unpacked(asked["hashes"]), asked["vectors"].clone(), strict=True))
            self.new_questions.clear()
        except Exception as error:  # safetensors raises its own class for every kind of damage
            raise RunError(
                f"a checkpoint of a run with use_ir={self.memory.use_ir} holds {MEMORY}, and that of {folder} cannot "
                f"be used ({error!r}): go on from another checkpoint"
            ) from error


def intrinsic_of(page: Page, engine: Engine) -> NoIntrinsic:
    """What the page asks for, with an empty memory."""
    memory = page.memory
    if not memory.is_on:
        return NoIntrinsic()
    encoder = None
    if memory.needs_encoder:
        encoder = encoder_named(str(memory.encoder), engine, memory.encoder_device, memory.encoder_dtype)
    return IntrinsicPay(memory, scorer_of(page, encoder.width if encoder else 0), encoder)


def scorer_of(page: Page, width: int) -> Intrinsic:
    """A judge and what makes numbers in [0, 1] of its scores."""
    judge = judge_of(page, width)
    if page.memory.write_first and isinstance(judge, Episodic):
        return WriteFirst(judge, rules_of(page.memory))
    return Intrinsic(judge, rules_of(page.memory))


def judge_of(page: Page, width: int) -> Judge:
    made: Judge = kind_named(page.memory.use_ir).make(page.memory, width, page.run.seed)
    return made


def rules_of(memory: Memory) -> Rules:
    return Rules(
        window=memory.score_window, window_eps=memory.score_eps, constant_window=memory.constant_window,
        per_outcome=memory.window_per_outcome, warmup_steps=memory.explore_warmup,
        warmup_keys=memory.explore_warmup_keys, anneal_rate=memory.anneal_rate,
    )  # fmt: skip


def embedded_part(reply: str, what: str) -> str:
    """What stands behind the last <reasoning>, up to its end or the reply's; or all, without a tag left open."""
    before, tag, behind = reply.rpartition(REASONING)
    inside, closed, _ = behind.partition(END_OF_REASONING)
    if what == "reasoning":
        return inside.strip()
    return (before + behind).strip() if tag and not closed else reply


def semantic_of(groups: Groups, traces: Mapping[int, Trace]) -> Metric:
    """How different the replies to one question are, as far as they have a trace; by place."""
    by_question: dict[str, list[Tensor]] = {}
    rollouts = [rollout for group in groups for rollout in group if rollout.replies]
    for place, trace in traces.items():
        question = rollouts[place].problem.messages[-1].content
        by_question.setdefault(question, []).append(trace.vectors.mean(0))
    return mean_of([semantic(torch.stack(rows).numpy()) for rows in by_question.values() if len(rows) > 1])


def stacked(vectors: Iterable[Tensor]) -> Tensor:
    found = list(vectors)
    return torch.stack(found) if found else torch.zeros(0, 0)


def hash_of(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


def surprisal(rollout: Rollout) -> float:
    """Nats a token, over all turns."""
    logprobs = [logprob for turn in rollout.turns for logprob in turn.logprobs]
    return -sum(logprobs) / len(logprobs) if logprobs else 0.0
