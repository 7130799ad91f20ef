"""What every engine promises, whoever computes. One class; `class TestMine(Contract)` with a fixture `engine`.

    engine    a fixture: an engine at version 0; what a test does to it may be undone afterwards
    another   a fixture: one more engine of the same kind, with the same weights

Only the verbs of `engines.base` are used. That gradients are the right ones needs a look inside, so
each engine proves it beside its own code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import exp, isfinite, log, sqrt
from pathlib import Path
from typing import Any

import pytest

from straw.engines.base import AdamParams, Conversation, Engine, Loss, Reply, SamplingParams, Tokens
from straw.errors import StrawError, TrainingError
from straw.types import Datum

CROSS_ENTROPY = Loss(name="cross_entropy")
STEP = AdamParams(learning_rate=1e-3)
DRAWS = {
    "greedy": SamplingParams(max_tokens=6, temperature=0.0),
    "as it is": SamplingParams(max_tokens=6),
    "temperature": SamplingParams(max_tokens=6, temperature=0.7),
    "top k": SamplingParams(max_tokens=6, top_k=5),
    "top p": SamplingParams(max_tokens=6, temperature=1.2, top_p=0.8),
}


def prompts_of(engine: Engine) -> list[Tokens]:
    """Of one token, a few, some dozens, and two of some hundreds, where a sum over the keys is cut into blocks."""
    texts = ("a", "Name the secret.", "Name the secret, please. " * 3, "What is it? " * 21, "What is the number? " * 17)
    first, *others = (engine.chat.encode(text) for text in texts)
    return [first[-1:], *others]


def stops_of(engine: Engine, share: int = 4) -> frozenset[int]:
    """One token in a few, so that rows stop early and at different times."""
    return frozenset(range(0, 50_000, share))


def datum(prompt: Tokens, reply: Reply) -> Datum:
    count = len(reply.tokens)
    return Datum(prompt=prompt, tokens=reply.tokens, weights=(1.0 / count,) * count, logprobs=reply.logprobs)


def lesson(engine: Engine) -> list[Datum]:
    """Something to learn."""
    return [
        Datum(prompt=prompt, tokens=engine.chat.encode_reply("37"), weights=(1.0,) * 3)
        for prompt in prompts_of(engine)[:2]
    ]


def learn(engine: Engine, steps: int = 1) -> None:
    for _ in range(steps):
        engine.forward_backward(lesson(engine), CROSS_ENTROPY)
        engine.optim_step(STEP)


def gap(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    return max(abs(a - b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True))


def gap_to_trainer(engine: Engine, prompt: Tokens, replies: Sequence[Reply], temperature: float = 1.0) -> float:
    data = [datum(prompt, reply) for reply in replies]
    return gap([reply.logprobs for reply in replies], engine.logprobs(data, temperature=temperature))


class Contract:
    # --- a sample is a function of its prompt and its seed -------------------------------

    @pytest.mark.parametrize("how", DRAWS)
    def test_a_sample_has_the_same_bits_alone_and_in_any_group(self, engine: Engine, how: str) -> None:
        prompt = prompts_of(engine)[2]
        (crowd,) = engine.sample([prompt], 64, DRAWS[how], [range(64)])
        for size in (1, 4, 16, 23):
            assert engine.sample([prompt], size, DRAWS[how], [range(size)]) == [crowd[:size]]

    @pytest.mark.parametrize("how", DRAWS)
    def test_a_sample_does_not_see_the_other_prompts_of_its_batch(self, engine: Engine, how: str) -> None:
        prompts = prompts_of(engine)
        together = engine.sample(prompts, 3, DRAWS[how], [range(3)] * len(prompts))
        for prompt, replies in zip(prompts, together, strict=True):
            assert engine.sample([prompt], 3, DRAWS[how], [range(3)]) == [replies]

    def test_a_sample_does_not_see_how_many_prompts_there_are(self, engine: Engine) -> None:
        words, params = prompts_of(engine)[2], DRAWS["as it is"]
        many = [words[:length] for length in range(1, 18)]
        together = engine.sample(many, 1, params, [[0]] * len(many))
        for prompt, replies in zip(many[::5], together[::5], strict=True):
            assert engine.sample([prompt], 1, params, [[0]]) == [replies]

    def test_a_sample_does_not_see_that_its_neighbours_stop(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=20, stop=stops_of(engine))
        prompts = prompts_of(engine)[1:3]
        together = engine.sample(prompts, 40, params, [range(40)] * 2)
        assert len({len(reply.tokens) for reply in together[0]}) > 5
        for prompt, replies in zip(prompts, together, strict=True):
            alone = [engine.sample([prompt], 1, params, [[seed]])[0][0] for seed in range(6)]
            assert alone == replies[:6]

    def test_replies_are_handed_over_one_by_one_too(self, engine: Any) -> None:
        prompts, params = prompts_of(engine)[:2], SamplingParams(max_tokens=6, stop=stops_of(engine, 3))
        told: dict[tuple[int, int], object] = {}
        engine.sample_one_by_one(
            prompts, 3, params, [range(3)] * 2, lambda at, number, reply: told.update({(at, number): reply})
        )
        whole = engine.sample(prompts, 3, params, [range(3)] * 2)
        assert told == {(at, number): reply for at, row in enumerate(whole) for number, reply in enumerate(row)}

    def test_a_long_sample_has_the_same_bits_alone_and_in_a_group(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=66)  # more keys than are summed at once
        prompt = prompts_of(engine)[1]
        (group,) = engine.sample([prompt], 17, params, [range(17)])
        assert engine.sample([prompt], 1, params, [[0]]) == [group[:1]]

    def test_seeds_decide_and_equal_seeds_agree(self, engine: Engine) -> None:
        prompt = prompts_of(engine)[1]
        seeds = [0, 1, 2**63 + 1, 2**64 - 1, 0]
        (replies,) = engine.sample([prompt], 5, SamplingParams(max_tokens=12, temperature=1.5), [seeds])
        assert replies[0] == replies[4]
        assert len({reply.tokens for reply in replies}) == 4

    # --- conversations -------------------------------------------------------------------

    def test_a_conversation_begins_like_a_sample(self, engine: Engine) -> None:
        prompt, params = prompts_of(engine)[2], SamplingParams(max_tokens=5)
        said = engine.converse(prompt, 3).generate(params, range(3))
        assert [said] == engine.sample([prompt], 3, params, [range(3)])

    def test_a_row_of_a_conversation_does_not_see_the_other_rows(self, engine: Engine) -> None:
        prompt = prompts_of(engine)[2]
        crowd = talk(engine, engine.converse(prompt, 20), range(20))
        for row in (0, 1, 7):
            assert talk(engine, engine.converse(prompt, 1), [row]) == [crowd[row]]

    def test_the_trainer_reads_a_conversation_as_the_sampler_held_it(self, engine: Engine) -> None:
        prompt, rows = prompts_of(engine)[1], range(6)
        for row, turns in enumerate(talk(engine, engine.converse(prompt, 6), rows)):
            read = prompt
            for turn, reply in enumerate(turns):
                assert gap_to_trainer(engine, read, [reply]) <= 1e-4
                read = read + reply.tokens + heard(engine, row, turn)

    def test_who_hears_nothing_goes_on_from_what_it_wrote(self, engine: Engine) -> None:
        prompt, params = prompts_of(engine)[1], SamplingParams(max_tokens=4)
        silent, told = engine.converse(prompt, 2), engine.converse(prompt, 2)
        first = silent.generate(params, [1, 2])
        assert first == told.generate(params, [1, 2])
        told.append([(), ()])
        told.append([(), ()])
        second = silent.generate(params, [3, 4])
        assert second == told.generate(params, [3, 4])
        for one, other in zip(first, second, strict=True):
            assert gap_to_trainer(engine, prompt + one.tokens, [other]) <= 1e-4

    def test_hearing_twice_is_hearing_both(self, engine: Engine) -> None:
        prompt, params, words = prompts_of(engine)[1], SamplingParams(max_tokens=4), prompts_of(engine)[2]
        twice, once = engine.converse(prompt, 2), engine.converse(prompt, 2)
        twice.append([words[:5], words[:2]])
        twice.append([words[5:9], ()])
        once.append([words[:9], words[:2]])
        for one, other in zip(twice.generate(params, [0, 1]), once.generate(params, [0, 1]), strict=True):
            assert one.tokens == other.tokens
            assert gap([one.logprobs], [other.logprobs]) <= 1e-4

    # --- what is drawn -------------------------------------------------------------------

    @pytest.mark.parametrize("temperature", [1.0, 0.7, 1.6])
    def test_the_sampler_says_the_logprobs_that_the_trainer_computes(self, engine: Engine, temperature: float) -> None:
        params = SamplingParams(max_tokens=8, temperature=temperature)
        prompts = prompts_of(engine)
        for prompt, replies in zip(prompts, engine.sample(prompts, 4, params, [range(4)] * len(prompts)), strict=True):
            assert gap_to_trainer(engine, prompt, replies, temperature) <= 1e-4

    def test_greedy_takes_the_likeliest_token_and_says_its_own_logprob(self, engine: Engine) -> None:
        prompt = prompts_of(engine)[1]
        for params in (DRAWS["greedy"], replace(DRAWS["as it is"], top_k=1), replace(DRAWS["as it is"], top_p=1e-6)):
            (replies,) = engine.sample([prompt], 2, params, [[0, 1]])
            assert replies[0] == replies[1]
            (likeliest,) = engine.sample([prompt], 1, DRAWS["greedy"], [[7]])
            assert replies[0].tokens == likeliest[0].tokens
        assert gap_to_trainer(engine, prompt, likeliest) <= 1e-4

    @pytest.mark.parametrize("temperature", [1.0, 0.6])
    def test_first_tokens_come_as_often_as_their_probability_says(self, engine: Engine, temperature: float) -> None:
        prompt, draws = prompts_of(engine)[1], 3000
        params = SamplingParams(max_tokens=1, temperature=temperature)
        (replies,) = engine.sample([prompt], draws, params, [range(draws)])
        counts = Counter(reply.tokens[0] for reply in replies)
        p = probabilities(engine, prompt, sorted(counts), temperature)
        common = [token for token in counts if p[token] * draws >= 8]
        rest = 1 - sum(p[token] for token in common)
        cells = [(counts[token], draws * p[token]) for token in common]
        cells.append((draws - sum(count for count, _ in cells), draws * rest))
        chi_squared = sum((count - expected) ** 2 / expected for count, expected in cells if expected >= 1)
        assert chi_squared < len(cells) + 4 * sqrt(2 * len(cells))  # 4 deviations: 1 in 10,000, and the seeds are fixed

    @pytest.mark.parametrize(("top_k", "top_p"), [(5, 1.0), (0, 0.5), (20, 0.7)])
    def test_what_is_cut_off_is_shared_out_among_the_rest(self, engine: Engine, top_k: int, top_p: float) -> None:
        prompt = prompts_of(engine)[1]
        params = SamplingParams(max_tokens=1, top_k=top_k, top_p=top_p)
        (replies,) = engine.sample([prompt], 3000, params, [range(3000)])
        said = {reply.tokens[0]: reply.logprobs[0] for reply in replies}
        p = probabilities(engine, prompt, sorted(said))
        shift = {round(said[token] - log(p[token]), 3) for token in said}
        assert len(shift) == 1 and shift.pop() > 0  # all by the same factor
        if not top_p < 1:
            assert len(said) == top_k
        if max(p.values()) > 0.01:  # then 3000 draws have met them all
            assert sum(map(exp, said.values())) == pytest.approx(1.0, abs=0.02)

    def test_a_stop_token_ends_the_reply_and_belongs_to_it(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=7, stop=stops_of(engine))
        (replies,) = engine.sample([prompts_of(engine)[1]], 64, params, [range(64)])
        assert {reply.stopped for reply in replies} == {True, False}
        for reply in replies:
            *before, last = reply.tokens
            assert not params.stop & set(before)
            assert reply.stopped == (last in params.stop)
            assert reply.stopped or len(reply.tokens) == 7
            assert len(reply.logprobs) == len(reply.tokens) <= 7

    # --- policies and versions -----------------------------------------------------------

    def test_an_update_reaches_trainer_and_sampler(self, engine: Engine) -> None:
        prompt, params = prompts_of(engine)[1], SamplingParams(max_tokens=4)
        before = engine.logprobs(lesson(engine))
        assert engine.policy_version == 0
        learn(engine, 3)
        assert engine.publish() == engine.policy_version == 1
        assert sum(map(sum, engine.logprobs(lesson(engine)))) > sum(map(sum, before)) + 0.1
        (replies,) = engine.sample([prompt], 4, params, [range(4)])
        assert gap_to_trainer(engine, prompt, replies) <= 1e-4

    def test_nothing_is_sampled_between_a_step_and_its_publication(self, engine: Engine) -> None:
        prompt, params = prompts_of(engine)[1], SamplingParams(max_tokens=2)
        talking = engine.converse(prompt, 2)
        talking.generate(params, [0, 1])
        learn(engine)
        for refused in (
            lambda: engine.sample([prompt], 1, params, [[0]]),
            lambda: engine.converse(prompt, 1),
            lambda: talking.generate(params, [0, 1]),
        ):
            with pytest.raises(TrainingError, match="publish"):
                refused()
        engine.publish()
        engine.sample([prompt], 1, params, [[0]])
        with pytest.raises(TrainingError, match="version"):  # its first turns were read by other weights
            talking.append([(), ()])

    def test_only_a_change_makes_a_version(self, engine: Engine) -> None:
        assert engine.publish() == 0
        learn(engine, 2)
        assert engine.publish() == 1
        assert engine.publish() == 1
        engine.forward_backward(lesson(engine), CROSS_ENTROPY)
        assert engine.publish() == 1

    def test_the_start_stays_the_start(self, engine: Engine) -> None:
        data = lesson(engine)
        start = engine.logprobs(data)
        assert engine.logprobs(data, "start") == engine.logprobs(data, "reference") == start
        for _ in range(2):
            learn(engine)
            assert gap(engine.logprobs(data), start) > 0.01
            assert engine.logprobs(data, "start") == engine.logprobs(data, "reference") == start

    # --- training ------------------------------------------------------------------------

    def test_gradients_add_up_until_the_step(self, engine: Engine) -> None:
        first, second = lesson(engine)
        with engine.undone():
            engine.forward_backward([first, second], CROSS_ENTROPY)
            together = engine.optim_step(STEP)["grad_norm"]
        engine.forward_backward([first], CROSS_ENTROPY)
        engine.forward_backward([second], CROSS_ENTROPY)
        assert engine.optim_step(STEP)["grad_norm"] == pytest.approx(together, rel=1e-4)
        assert engine.optim_step(STEP)["grad_norm"] == 0.0

    def test_the_gradient_is_clipped_to_its_norm(self, engine: Engine) -> None:
        data, small = lesson(engine), AdamParams(learning_rate=1e-3, eps=1.0, grad_clip=1e-3)
        before = engine.logprobs(data)
        engine.forward_backward(data, CROSS_ENTROPY)
        with engine.undone():
            engine.forward_backward(data, CROSS_ENTROPY)
            assert engine.optim_step(replace(small, grad_clip=0.0))["grad_norm"] > 1e-2
            free = gap(engine.logprobs(data), before)
        engine.optim_step(small)
        assert gap(engine.logprobs(data), before) < 0.1 * free

    def test_weights_of_zero_teach_nothing(self, engine: Engine) -> None:
        data = [replace(one, weights=(0.0,) * len(one.tokens)) for one in lesson(engine)]
        output = engine.forward_backward(data, CROSS_ENTROPY)
        assert output.logprobs == [(0.0,) * 3] * 2
        assert engine.optim_step(STEP)["grad_norm"] == 0.0

    def test_the_loss_is_reported_as_its_formula_says(self, engine: Engine) -> None:
        data = [replace(one, weights=(0.5, 0.25, 1.0), advantages=(2.0, -1.0, 0.5)) for one in lesson(engine)]
        output = engine.forward_backward(data, CROSS_ENTROPY)
        weighted = sum(
            w * lp
            for one, row in zip(data, output.logprobs, strict=True)
            for w, lp in zip(one.weights, row, strict=True)
        )
        assert output.metrics["loss"] == pytest.approx(-weighted, rel=1e-5)
        assert output.metrics["weight"] == pytest.approx(3.5)
        assert output.metrics["entropy"] > 0
        # on policy the ratio is 1, and the loss is minus the weighted advantages: 2 * (1 - 0.25 + 0.5)
        drawn = [replace(one, logprobs=row) for one, row in zip(data, output.logprobs, strict=True)]
        assert engine.forward_backward(drawn, Loss(name="importance_sampling")).metrics["loss"] == pytest.approx(
            -2.5, rel=1e-4
        )

    def test_a_soft_target_is_learned_as_a_distribution(self, engine: Engine) -> None:
        prompt = prompts_of(engine)[1]
        target = {11: 0.5, 12: 0.25, 13: 0.25}
        one = Datum(prompt=prompt, tokens=(11,), weights=(1.0,), soft_targets=(target,))
        p = probabilities(engine, prompt, list(target))
        (said,) = engine.forward_backward([one], CROSS_ENTROPY).logprobs
        assert said[0] == pytest.approx(sum(share * log(p[token]) for token, share in target.items()), rel=1e-4)
        assert engine.logprobs([one])[0][0] == pytest.approx(log(p[11]), rel=1e-4)  # the token as it stands
        with pytest.raises(StrawError, match="kl_coef"):
            engine.forward_backward([one], replace(CROSS_ENTROPY, kl_coef=0.1))

    def test_a_gradient_that_is_not_finite_is_not_stepped_along(self, engine: Engine) -> None:
        data = [replace(lesson(engine)[0], advantages=(float("inf"), 0.0, 0.0), logprobs=(-1.0,) * 3)]
        before = engine.logprobs(data)
        engine.forward_backward(data, Loss(name="importance_sampling"))
        with pytest.raises(TrainingError, match="not finite"):
            engine.optim_step(STEP)
        assert engine.logprobs(data) == before
        learn(engine)
        assert all(map(isfinite, engine.logprobs(data)[0]))

    # --- what can be taken back, and kept ------------------------------------------------

    @pytest.mark.parametrize("goes_wrong", [False, True])
    def test_what_is_undone_leaves_no_bit_behind(self, engine: Engine, another: Engine, goes_wrong: bool) -> None:
        for one in (engine, another):
            learn(one)
            one.publish()
            one.forward_backward(lesson(one), CROSS_ENTROPY)  # a gradient that waits for its step
        try:
            with engine.undone():
                learn(engine, 2)
                engine.publish()
                if goes_wrong:
                    raise KeyError("something")
        except KeyError:
            assert goes_wrong
        for one in (engine, another):
            assert one.policy_version == 1
            one.optim_step(STEP)
        assert state(engine) == state(another)

    def test_after_loading_it_goes_on_as_if_it_had_never_stopped(
        self, engine: Engine, another: Engine, tmp_path: Path
    ) -> None:
        learn(engine, 2)
        engine.publish()
        engine.save(tmp_path / "two")
        learn(engine, 2)
        engine.publish()
        another.load(tmp_path / "two")
        assert another.policy_version == 1
        learn(another, 2)
        another.publish()
        assert state(another) == state(engine)
        data = lesson(engine)
        assert another.logprobs(data, "start") == engine.logprobs(data, "start")

    def test_a_step_that_waited_for_its_publication_still_does_after_loading(
        self, engine: Engine, another: Engine, tmp_path: Path
    ) -> None:
        learn(engine)
        engine.save(tmp_path / "waits")
        another.load(tmp_path / "waits")
        with pytest.raises(TrainingError, match="publish"):
            another.sample([prompts_of(another)[1]], 1, SamplingParams(max_tokens=1), [[0]])
        assert another.publish() == 1

    def test_weights_alone_are_a_fresh_start(self, engine: Engine, another: Engine, tmp_path: Path) -> None:
        learn(engine, 2)
        engine.publish()
        engine.save(tmp_path / "taught")
        for one in (engine, another):  # one has a past of its own, which is forgotten
            one.load(tmp_path / "taught", optimizer=False)
            assert one.policy_version == 0
            learn(one)
            one.publish()
        assert state(engine) == state(another)
        data = lesson(engine)
        assert engine.logprobs(data, "start") == another.logprobs(data, "start") != engine.logprobs(data)

    def test_a_folder_without_a_checkpoint_is_refused_in_one_line(self, engine: Engine, tmp_path: Path) -> None:
        before = state(engine)
        for optimizer in (True, False):
            with pytest.raises(StrawError) as caught:
                engine.load(tmp_path / "nothing", optimizer=optimizer)
            assert "\n" not in str(caught.value) and "nothing" in str(caught.value)
        assert state(engine) == before

    # --- embeddings ----------------------------------------------------------------------

    def test_a_text_is_embedded_the_same_whatever_stands_beside_it(self, engine: Engine) -> None:
        texts = ["a", "Name the secret.", "", "Name the secret. " * 6]
        together = engine.embed(texts)
        assert len({len(vector) for vector in together}) == 1
        assert together == [engine.embed([text])[0] for text in texts] == engine.embed(texts[::-1])[::-1]
        assert all(isfinite(x) for vector in together for x in vector)
        assert together[0] != together[1]
        assert engine.embed([]) == []


def talk(engine: Engine, conversation: Conversation, rows: Sequence[int]) -> list[list[Reply]]:
    """Three turns in which rows stop or run out of tokens, and hear between nothing and a lot."""
    params = SamplingParams(max_tokens=4, stop=stops_of(engine))
    turns = []
    for turn in range(3):
        turns.append(conversation.generate(params, [100 * turn + row for row in rows]))
        conversation.append([heard(engine, row, turn) for row in rows])
    return [list(replies) for replies in zip(*turns, strict=True)]


def heard(engine: Engine, row: int, turn: int) -> Tokens:
    words = prompts_of(engine)[2]
    return () if (row + turn) % 5 == 4 else words[: (7 * row + 5 * turn) % len(words)]


def probabilities(engine: Engine, prompt: Tokens, tokens: Sequence[int], temperature: float = 1.0) -> dict[int, float]:
    """Of some first tokens, as the trainer computes them."""
    data = [Datum(prompt=prompt, tokens=(token,), weights=(1.0,)) for token in tokens]
    return {
        token: exp(row[0]) for token, row in zip(tokens, engine.logprobs(data, temperature=temperature), strict=True)
    }


def state(engine: Engine) -> tuple[object, ...]:
    """What can be seen of weights and version, every bit of it; one more step shows the optimiser."""
    data = lesson(engine)
    prompt, params = prompts_of(engine)[1], SamplingParams(max_tokens=3)
    with engine.undone():
        here = engine.logprobs(data)
        learn(engine)
        engine.publish()
        return engine.policy_version, here, engine.logprobs(data), engine.sample([prompt], 2, params, [[0, 1]])
