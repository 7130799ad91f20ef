from __future__ import annotations

from math import log, log2
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.small_runs import Parts

from straw.information import bits_known, smoothed_absorbed_bits
from straw.measure.bits_known import known_among
from straw.measure.ledger.absorbed import (
    Start,
    absorbed_of,
    answers_kl_bits,
    gold_bits,
    gold_cases,
    measure_secrets,
    rollouts_kl_bits,
)
from straw.tasks.digits import ReverseDigits
from straw.types import Message, Problem


def nats(*probabilities: float) -> dict[int, float]:
    return {index: log(p) for index, p in enumerate(probabilities)}


def test_effort_is_the_divergence_of_the_answers_and_of_what_is_none() -> None:
    """From 1/4 each to 1/2, 1/4, 1/8, 1/8: 1/2 - 1/8 - 1/8 bits."""
    assert answers_kl_bits(4, nats(1 / 2, 1 / 4, 1 / 8, 1 / 8), nats(*[1 / 4] * 4), 0) == pytest.approx(0.25)
    assert answers_kl_bits(2, nats(0.5, 0.25), nats(0.5, 0.25), 0) == 0
    assert answers_kl_bits(2, nats(0.5, 0.25), nats(0.25, 0.25), 0) == pytest.approx(0.5 + 0.25 * log2(0.25 / 0.5))


def test_where_some_answers_stand_for_others_effort_is_estimated() -> None:
    """16 answers of 1/16, all mass to the first: 4 bits; six of them listed."""
    before = {index: log(1 / 16) for index in range(6)}
    now = {0: log(1 - 15e-6), **{index: log(1e-6) for index in range(1, 6)}}
    assert answers_kl_bits(16, now, before, 0) == pytest.approx(4, abs=1e-3)


def test_levels_add_up_over_prompts() -> None:
    known = [known_among(4, nats(1 / 2, 1 / 8, 1 / 8, 1 / 8), 0), known_among(4, nats(1 / 4, 1 / 4, 1 / 4, 1 / 4), 1)]
    found = absorbed_of(4, known)
    assert found["absorbed_bits"] == pytest.approx(1 + 0)
    assert found["absorbed_normalised_bits"] == pytest.approx(log2(2 / (7 / 8)))
    smoothed = smoothed_absorbed_bits(4, log(1 / 2)) + smoothed_absorbed_bits(4, log(1 / 4))
    assert found["absorbed_smoothed_bits"] == pytest.approx(smoothed)
    assert all(bits_known(4, log(one.p_secret)) <= 2 for one in known)


def test_the_start_is_the_same_whenever_it_is_asked_for(home: Path) -> None:
    """At the first measurement, and in a process that takes over later: bit for bit."""
    parts = Parts()
    early, late = Start(), Start()
    measure_secrets(parts.engine, parts.task, early, is_start=True)
    known, effort = measure_secrets(parts.engine, parts.task, late, is_start=False)
    assert early == late
    assert effort == 0
    assert len(known) == 1


def test_effort_of_replies_by_hand() -> None:
    """One token, twice as likely as at the start: d = -ln 2, e^d - d - 1 = 1/2 + ln 2 - 1."""
    assert rollouts_kl_bits([[log(0.5)]], [[log(0.25)]]) == pytest.approx((log(2) - 0.5) / log(2))
    assert rollouts_kl_bits([[-1.0, -2.0], [-3.0]], [[-1.0, -2.0], [-3.0]]) == 0


def test_effort_of_replies_is_right_in_the_mean() -> None:
    """Two tokens, 0.9 and 0.1 where the start had halves: the KL is 0.531 bits."""
    terms = [(p, rollouts_kl_bits([[log(p)]], [[log(0.5)]])) for p in (0.9, 0.1)]
    assert sum(p * bits for p, bits in terms) == pytest.approx(0.9 * log2(1.8) + 0.1 * log2(0.2))


def test_decoys_have_the_format_and_not_the_answer() -> None:
    cases = gold_cases(ReverseDigits(prompt="short"))
    assert len(cases) == 8
    for problem, (gold, *decoys) in cases:
        assert gold == problem.reference
        assert len(decoys) == 3
        assert gold not in decoys
        assert all(decoy[0].startswith("[ANSWER] ") for decoy in decoys)


class Shifted:
    """An engine that gives each token of an answer a log-probability by what was learned."""

    def __init__(self, parts: Parts, form: float, answer: float) -> None:
        self.chat, self.form, self.answer = parts.engine.chat, form, answer
        self.gold = {problem.key: texts[0] for problem, texts in gold_cases(parts.task)}
        self.prompts = {self.chat.opening(p.messages): p.key for p, _ in gold_cases(parts.task)}

    def logprobs(self, data: Any, policy: Any = "current", temperature: Any = 1.0) -> Any:
        if policy == "start":
            return [[-1.0] * len(datum.tokens) for datum in data]
        out = []
        for datum in data:
            (gold,) = self.gold[self.prompts[datum.prompt]]
            is_gold = datum.tokens == self.chat.encode_reply(gold)
            gain = self.form + (self.answer if is_gold else 0.0)
            out.append([-1.0 + gain, *[-1.0] * (len(datum.tokens) - 1)])
        return out


def test_what_was_learned_of_the_format_cancels(home: Path) -> None:
    parts = Parts("kind=reverse_digits model_name=tiny-0.2M warmup=none prompt=short")
    assert gold_bits(Shifted(parts, form=0.5, answer=0.0), parts.task, Start(), is_start=False) == pytest.approx(0)
    learned = Shifted(parts, form=0.5, answer=3 * log(2))
    assert gold_bits(learned, parts.task, Start(), is_start=False) == pytest.approx(3)
    assert gold_bits(learned, parts.task, Start(), is_start=True) == 0


def asking(*references: str, num_problems: int | None = None, max_turns: int = 1) -> Any:
    def problem(index: int) -> Problem:
        text = references[index % len(references)]
        return Problem(key=str(index), messages=(Message("user", str(index)),), reference=(text,))

    return SimpleNamespace(problem=problem, num_problems=num_problems, max_turns=max_turns)


def told(task: Any) -> list[tuple[str, list[str]]]:
    return [(problem.key, [text[0] for text in texts]) for problem, texts in gold_cases(task)]


def test_decoys_are_the_next_three_other_references_each_once() -> None:
    assert told(asking("a", "b", "b", "a", "c", "d", num_problems=6)) == [
        ("0", ["a", "b", "c", "d"]), ("1", ["b", "a", "c", "d"]), ("2", ["b", "a", "c", "d"]),
        ("3", ["a", "c", "d", "b"]), ("4", ["c", "d", "a", "b"]), ("5", ["d", "a", "b", "c"]),
    ]  # fmt: skip
    assert len(told(asking("a", "b"))) == 8 and len(told(asking("a", "b", num_problems=20))) == 8


def test_without_two_answers_or_in_a_conversation_there_is_no_gold() -> None:
    assert told(asking("a", "a")) == told(asking("a", num_problems=1)) == told(asking("a", "b", max_turns=2)) == []
    assert told(asking("a", "a", "b", num_problems=3)) == [("0", ["a", "b"]), ("1", ["a", "b"]), ("2", ["b", "a"])]
    nobody: Any = None
    assert gold_bits(nobody, asking("a", "a"), Start(), is_start=True) is None


def test_gold_is_the_gain_of_the_reference_less_that_of_its_decoys_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two problems: 2 - (0 + 1) / 2 and 4 - 1, in nats; and the start is what it was when it was first asked for."""
    answers = {"current": [[-1.0, -5.0, -4.0], [-1.0, -4.0]], "start": [[-3.0, -5.0, -5.0], [-5.0, -5.0]]}
    asked: list[str] = []

    def logprobs(engine: Any, task: Any, cases: Any, policy: str = "current") -> list[list[float]]:
        asked.append(policy)
        return answers[policy]

    monkeypatch.setattr("straw.measure.ledger.absorbed.case_logprobs", logprobs)
    start, nobody, task = Start(), None, asking("a", "b", "c", num_problems=3)
    for _ in range(2):
        assert gold_bits(nobody, task, start, is_start=False) == pytest.approx((1.5 + 3) / 2 / log(2))  # type: ignore[arg-type]
    assert asked == ["current", "start", "current"]


def test_effort_is_a_mean_over_replies_of_sums_over_their_tokens() -> None:
    """d = ln 2 at two tokens of the first reply, and at none of the others."""
    one = 2 - log(2) - 1
    found = rollouts_kl_bits([[-1.0, -2.0], [-1.0], [-3.0]], [[-1.0 + log(2), -2.0 + log(2)], [-1.0], [-3.0]])
    assert found == pytest.approx(2 * one / 3 / log(2))


def test_an_answer_that_the_start_gave_nothing_is_no_infinite_effort() -> None:
    """As if it had had 10^-18: half of log2 (1/2 / 10^-18), and half of log2 (1/2 / 1)."""
    found = answers_kl_bits(2, nats(0.5, 0.5), {0: -1e9, 1: 0.0}, 0)
    assert found == pytest.approx(0.5 * log2(0.5 / 1e-18) + 0.5 * log2(0.5), abs=1e-6)
    assert answers_kl_bits(2, nats(0.25, 0.25), nats(0.5, 0.5 - 1e-15), 0) == pytest.approx(
        0.5 * log2(0.5) + 0.5 * log2(0.5 / 1e-9), abs=1e-6
    )
