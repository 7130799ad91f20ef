"""Ranks in processes: two are one up to the float error that one process has too; checkpoints fit any number.

The judge of the numbers is a run in float64 that is written here, with transformers' forward, torch's AdamW, and
nothing of straw's.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from tests.engines.contract import CROSS_ENTROPY
from tests.engines.ranks.ranks_here import (
    POLICY,
    STEP,
    apart,
    files_in,
    learn,
    lessons,
    local_engine,
    page_of,
    ranks_engine,
    weights_of,
)

from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.ranks.engine import RanksEngine
from straw.errors import ConfigError, TrainingError

pytestmark = pytest.mark.slow
WORDS = {"full": "", "lora": "lora_rank=3", "micro": "tokens_per_microbatch=40", "modules": "fast_llama=false"}
STEPS = 4


@pytest.fixture(scope="module", params=WORDS)
def words(request: pytest.FixtureRequest) -> str:
    return WORDS[request.param]


@pytest.fixture(scope="module")
def two(words: str) -> Iterator[RanksEngine]:
    with ranks_engine(page_of(words, ranks=2)) as engine:
        yield engine


@pytest.fixture(scope="module")
def three(words: str) -> Iterator[RanksEngine]:
    with ranks_engine(page_of(words, ranks=3)) as engine:
        yield engine


@pytest.fixture
def local(words: str) -> LocalEngine:
    return local_engine(page_of(words))


def in_float64(engine: LocalEngine, steps: int) -> dict[str, torch.Tensor]:
    """The weights after so many steps of cross-entropy, by transformers and torch alone."""
    model = deepcopy(engine.model).double()
    model.set_attn_implementation("eager")
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    adam = torch.optim.AdamW(trained.values(), lr=STEP.learning_rate, betas=(STEP.beta1, STEP.beta2), eps=STEP.eps,
                             weight_decay=STEP.weight_decay)  # fmt: skip
    for _ in range(steps):
        for datum in lessons(engine):
            tokens = torch.tensor([datum.prompt + datum.tokens])
            logprobs = model(tokens, use_cache=False).logits[0].log_softmax(-1)
            for place, (token, weight) in enumerate(zip(datum.tokens, datum.weights, strict=True)):
                (-weight * logprobs[len(datum.prompt) + place - 1, token]).backward(retain_graph=True)
        torch.nn.utils.clip_grad_norm_(trained.values(), STEP.grad_clip)
        adam.step()
        adam.zero_grad()
    return {name: p.detach() for name, p in trained.items()}


def test_ranks_are_as_near_to_float64_as_one_process_is(
    local: LocalEngine, two: RanksEngine, three: RanksEngine
) -> None:
    true = in_float64(local, STEPS)
    start = weights_of(local)
    learn(local, STEPS)
    ours = apart(weights_of(local), true)
    assert ours < 1e-4 < apart(start, true)  # a step is 1e-3 of every weight
    for engine in (two, three):
        with engine.undone():
            learn(engine, STEPS)
            found = weights_of(engine)
            assert apart(found, true) < 3 * ours + 1e-6
            assert 0 < apart(found, weights_of(local)) < 3 * ours + 1e-6  # another order of sums


def test_a_step_of_a_policy_gradient_agrees(local: LocalEngine, two: RanksEngine) -> None:
    with two.undone():
        learn(two, 1)
        learn(local, 1)
        ours, theirs = (one.forward_backward(lessons(one), POLICY) for one in (two, local))
        assert ours.metrics.keys() == theirs.metrics.keys()
        for name, value in theirs.metrics.items():
            assert ours.metrics[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
        for mine, other in zip(ours.logprobs, theirs.logprobs, strict=True):
            assert mine == pytest.approx(other, abs=1e-4)
        assert two.optim_step(STEP)["grad_norm"] == pytest.approx(local.optim_step(STEP)["grad_norm"], rel=1e-4)


def test_a_run_repeats_bit_for_bit_and_goes_on_where_it_was_saved(two: RanksEngine, words: str, tmp_path: Path) -> None:
    with two.undone():
        learn(two, 2)
        two.save(tmp_path / "middle")
        learn(two, 2, POLICY)
        two.save(tmp_path / "end")
    with ranks_engine(page_of(words, ranks=2)) as again:
        again.load(tmp_path / "middle")
        assert again.policy_version == 1
        learn(again, 2, POLICY)
        again.save(tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(tmp_path / "end")


def test_a_checkpoint_fits_any_number_of_ranks_and_none(
    two: RanksEngine, three: RanksEngine, local: LocalEngine, tmp_path: Path
) -> None:
    with two.undone(), three.undone():
        learn(two, 2)
        two.save(tmp_path / "two")
        three.load(tmp_path / "two")
        three.save(tmp_path / "three")
        local.load(tmp_path / "two")
        local.save(tmp_path / "local")
        assert files_in(tmp_path / "three") == files_in(tmp_path / "two")  # the same file, whoever wrote it
        assert apart(weights_of(local), weights_of(two)) == 0
        assert files_in(tmp_path / "local") == files_in(tmp_path / "two")
        if local.adapters is not None:
            names = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json")
            assert files_in(tmp_path / "local", names) == files_in(tmp_path / "two", names)
        learn(local, 1)
        local.save(tmp_path / "on")
        two.load(tmp_path / "on")
        assert apart(weights_of(local), weights_of(two)) == 0 and two.policy_version == local.policy_version == 2


def test_what_cannot_be_read_leaves_the_ranks_as_they_were(two: RanksEngine, tmp_path: Path) -> None:
    before = weights_of(two)
    with two.undone():
        two.save(tmp_path / "cut")
        (tmp_path / "cut" / "optimizer.safetensors").write_bytes(b"")
        with pytest.raises(Exception, match="is damaged"):
            two.load(tmp_path / "cut")
        assert apart(before, weights_of(two)) == 0
        learn(two, 1)  # they are all there


def test_a_gradient_that_is_not_finite_is_no_step(two: RanksEngine) -> None:
    with two.undone():
        datum = lessons(two)[1]
        weights = (float("inf"),) * len(datum.tokens)
        broken = [type(datum)(prompt=datum.prompt, tokens=datum.tokens, weights=weights)]
        two.forward_backward(broken, CROSS_ENTROPY)
        with pytest.raises(TrainingError, match="not finite"):
            two.optim_step(STEP)
        learn(two, 1)


def test_nobody_samples_between_a_step_and_its_publishing(two: RanksEngine) -> None:
    prompt = two.chat.encode("a")
    with two.undone():
        two.forward_backward(lessons(two), CROSS_ENTROPY)
        two.optim_step(STEP)
        with pytest.raises(TrainingError, match="call publish"):
            two.sample([prompt], 1, SamplingParams(max_tokens=2), [[0]])
        assert two.publish() == 1
        ((reply,),) = two.sample([prompt], 1, SamplingParams(max_tokens=3), [[0]])
        datum = lessons(two)[0]
        (read,) = two.logprobs([type(datum)(prompt=prompt, tokens=reply.tokens, weights=(1.0,) * len(reply.tokens))])
        assert read == pytest.approx(reply.logprobs, abs=1e-4)


def test_more_tokens_than_the_model_reads_are_refused(two: RanksEngine) -> None:
    datum = lessons(two)[0]
    long = type(datum)(prompt=datum.prompt, tokens=(3,) * 2048, weights=(1.0,) * 2048)
    with pytest.raises(ConfigError, match="reads 2048 tokens"):
        two.logprobs([long])
