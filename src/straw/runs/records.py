"""A rollout as one line of JSON: what it earned comes first, its tokens last."""

from __future__ import annotations

from dataclasses import asdict

from straw.types import Grade, Play, Rollout, Turn


def rollout_record(step: int, rollout: Rollout, prompt_text: str) -> dict[str, object]:
    """One rollout as one line: what it earned comes first, its tokens last.

    The `prompt_tokens` of a turn are those read since the reply before it, so the turns of a record,
    read one after the other, are the conversation. A turn that begins another one says `restarts`.
    """
    turns = rollout.turns
    return {
        "step": step,
        "problem": rollout.problem.key,
        "reward": rollout.reward,
        "rewards": rollout.rewards,
        **({"raw_rewards": rollout.raw_rewards} if rollout.raw_rewards else {}),
        "turn_rewards": rollout.turn_rewards,
        **({"bonuses": rollout.bonuses} if rollout.bonuses else {}),
        **({"scores": rollout.scores} if rollout.scores else {}),
        **({"unscored": rollout.unscored} if rollout.unscored else {}),
        **({"words": rollout.words} if rollout.words else {}),
        **({"extra": rollout.extra} if rollout.extra else {}),
        "advantages": rollout.advantages,
        "end": rollout.end,
        "policy_version": min((turn.policy_version for turn in turns), default=None),
        "prompt": prompt_text,
        "replies": rollout.replies,
        "facts": rollout.problem.facts,
        "grade": _grade_record(rollout.grade),
        **({"play": _play_record(rollout.play)} if rollout.play is not None else {}),
        "turns": [_turn_record(turn, before) for before, turn in zip((None, *turns), turns, strict=False)],
    }


def _grade_record(grade: Grade) -> dict[str, object]:
    record: dict[str, object] = {"hits": grade.hits, "well_formed": grade.well_formed, "offsets": grade.offsets}
    known = {"answer": grade.answer, "text": grade.text, "form": grade.form or None}
    return {**record, **{name: value for name, value in known.items() if value is not None}}


def _play_record(play: Play) -> dict[str, object]:
    """Calls in their order; what is absent was not so. What the clock said has no place among what repeats itself."""
    record = {**asdict(play), "turn_rewards": None, "seconds": None}  # turns' rewards stand in front already
    return {name: value for name, value in record.items() if value not in (None, "", ())}


def _turn_record(turn: Turn, before: Turn | None) -> dict[str, object]:
    known = before.prompt + before.reply if before else ()
    continues = turn.prompt[: len(known)] == known
    record: dict[str, object] = {
        "policy_version": turn.policy_version,
        "prompt_tokens": turn.prompt[len(known) :] if continues else turn.prompt,
        "reply_tokens": turn.reply,
        "logprobs": turn.logprobs,
    }
    return record if continues else {"restarts": True, **record}
