"""What goes through the wall, as lines of JSON: rollouts without their secret one way, the engine's verbs the other.

    payer  -> learner    {"learn": step, "groups": [...]}               replies, what was paid for them and said of them
    learner -> payer     {"verb": "optim_step", "with": {...}}          as often as it likes
    payer  -> learner    {"value": {...}}  or  {"error": "..."}
    learner -> payer     {"learned": {...}}                             its turn is over

Nothing that comes from the learner is unpickled or evaluated: it is JSON that becomes a few known records. Floats are
written so that they read back equal, so a run through the wall has the bits of one without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from straw.engines.base import AdamParams, Loss, Reply, SamplingParams
from straw.errors import RunError
from straw.registry import REGISTRY
from straw.types import Datum, End, Grade, Message, Problem, Rollout, Turn

LONGEST = 1 << 28  # bytes of a line
MOST_TOKENS = 2048  # of a row, prompt included: no game has so many, and attention takes memory by the square
MOST_SHARES = 1 << 22  # probabilities that are told at once
MOST_NOISE = 10.0
MOST_CANDIDATES = 1 << 16
BUILT_IN_LOSSES = tuple(REGISTRY["losses"])
Plain = dict[str, Any]


def line_of(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def message_in(line: bytes) -> Plain:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RunError(f"the learner's process speaks JSON, and said {line[:60]!r}: it must not write to its pipe")
    return found


# --- rollouts, on their way to the learner -------------------------------------------------------


def blind(rollout: Rollout) -> Plain:
    """What a learner may know of it: prompt, replies, how it ended, what was paid and what was said in words.

    No reference, fact or grade: of the secret it knows what these tell, and they are what the ledger charges for.
    """
    return {
        "key": rollout.problem.key,
        "messages": [list(message) for message in rollout.problem.messages],
        "num_references": len(rollout.problem.reference),
        "turns": [asdict(turn) for turn in rollout.turns],
        "replies": rollout.replies,
        "end": str(rollout.end),
        "well_formed": rollout.grade.well_formed,
        "rewards": dict(rollout.rewards),
        "turn_rewards": rollout.turn_rewards,
        "words": rollout.words,
    }


def unblinded(plain: Plain) -> Rollout:
    """On the learner's side: its reference is a question mark, and its grade says nothing of the secret."""
    problem = Problem(
        key=plain["key"], messages=tuple(Message(*message) for message in plain["messages"]),
        reference=("?",) * plain["num_references"],
    )  # fmt: skip
    turns = tuple(
        Turn(
            prompt=tuple(turn["prompt"]), reply=tuple(turn["reply"]), logprobs=tuple(turn["logprobs"]),
            policy_version=turn["policy_version"],
        )
        for turn in plain["turns"]
    )  # fmt: skip
    paid = plain["turn_rewards"]
    return Rollout(
        problem=problem, turns=turns, replies=tuple(plain["replies"]), end=End(plain["end"]),
        grade=Grade(hits=(), well_formed=plain["well_formed"]), rewards=plain["rewards"],
        turn_rewards=None if paid is None else tuple(paid), words=plain["words"],
    )  # fmt: skip


# --- what verbs take and give --------------------------------------------------------------------


def plain_data(data: Sequence[Datum]) -> list[Plain]:
    return [{name: getattr(datum, name) for name in Datum.__slots__} for datum in data]


def data_of(plain: Sequence[Plain]) -> list[Datum]:
    return [datum_of(one) for one in plain]


def datum_of(plain: Plain) -> Datum:
    soft = plain["soft_targets"]
    targets = (
        None if soft is None else tuple({int(token): float(share) for token, share in one.items()} for one in soft)
    )
    first = row_of(plain["prompt"])
    return Datum(
        prompt=first, tokens=row_of(plain["tokens"], behind=len(first)), weights=real(plain["weights"]),
        advantages=real(plain["advantages"]), logprobs=real(plain["logprobs"]), soft_targets=targets,
    )  # fmt: skip


def row_of(values: Sequence[Any], behind: int = 0) -> tuple[int, ...]:
    """Tokens that the engine is to read."""
    if behind + len(values) > MOST_TOKENS:
        raise RunError(f"a row of the benchmark has at most {MOST_TOKENS:,} tokens; got {behind + len(values):,}")
    return whole(values)


def whole(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def real(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def plain_loss(loss: Loss) -> Plain:
    return asdict(loss)


def loss_of(plain: Plain) -> Loss:
    """Losses of ours alone: one from a file would run beside the secret."""
    if plain["name"] not in BUILT_IN_LOSSES:
        raise RunError(
            f"the benchmark's engine computes {', '.join(BUILT_IN_LOSSES)}, and is asked for {plain['name']!r:.60}: "
            "a loss of your own would run where the secret is"
        )
    return Loss(**plain)


def plain_params(params: SamplingParams) -> Plain:
    return {name: getattr(params, name) for name in ("max_tokens", "temperature", "top_k", "top_p")} | {
        "stop": sorted(params.stop)
    }


def params_of(plain: Plain) -> SamplingParams:
    return SamplingParams(**{**plain, "stop": frozenset(whole(plain["stop"]))})


def adam_of(plain: Plain) -> AdamParams:
    return AdamParams(**{name: float(value) for name, value in plain.items()})


@dataclass(frozen=True, slots=True)
class Noise:
    """Of a learner whose rollouts are by weights with noise, as evolution strategies have them: how much, and whether
    these take the likeliest token."""

    sigma: float
    greedy: bool


def noise_of(plain: Any) -> Noise | None:
    """As a learner declares it before its first rollout; None for those that act by the weights as they are."""
    if plain is None:
        return None
    try:
        noise = Noise(float(plain["sigma"]), bool(plain["greedy"]))
    except (TypeError, ValueError, KeyError):
        noise = Noise(-1.0, False)
    if not 0 <= noise.sigma <= MOST_NOISE:
        raise RunError(f"the noise of a member is from 0 to {MOST_NOISE:g} and greedy or not; got {plain!r:.80}")
    return noise


@dataclass(frozen=True, slots=True)
class Way:
    """How rollouts are drawn for a learner: by weights with noise, until a group has new replies, or in two halves."""

    noise: Noise | None = None
    candidates: int = 0  # for a group; 0: none is passed over
    second_tries: bool = False  # half of a group answers behind what was said of the other half


def way_of(ready: Mapping[str, Any]) -> Way:
    candidates = ready.get("candidates", 0)
    if not isinstance(candidates, int) or not 0 <= candidates <= MOST_CANDIDATES:
        raise RunError(f"a group has from 0 to {MOST_CANDIDATES:,} candidates; got {candidates!r:.80}")
    second = ready.get("second_tries", False)
    if not isinstance(second, bool):
        raise RunError(f"a group has second tries or none; got {second!r:.80}")
    return Way(noise_of(ready.get("noise")), candidates, second)


def plain_replies(replies: Sequence[Reply]) -> list[list[Any]]:
    return [[reply.tokens, reply.logprobs, reply.stopped] for reply in replies]


def replies_of(plain: Sequence[Sequence[Any]]) -> list[Reply]:
    return [Reply(tuple(tokens), tuple(logprobs), stopped) for tokens, logprobs, stopped in plain]
