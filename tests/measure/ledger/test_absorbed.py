from __future__ import annotations

from math import log, log2
from pathlib import Path
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
