"""transformers' continuous batching draws from the right distribution, with the newest weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.engines.backends.inexact import Inexact
from tests.engines.contract import gap_to_trainer, learn, prompts_of
from tests.engines.local.kinds import SMOLLM2, make_engine

from straw.engines.backends.base import Own
from straw.engines.backends.transformers import ContinuousBatching
from straw.engines.base import SamplingParams
from straw.engines.local import heartbeat as pulse
from straw.engines.local.engine import LocalEngine
from straw.errors import ConfigError, EngineFailed
from straw.registry import find

LORA, GEMMA = (pytest.param(kind, marks=pytest.mark.slow) for kind in ("lora", "gemma3"))


@pytest.fixture(scope="module", params=["embedded", LORA, GEMMA, SMOLLM2])
def made(request: pytest.FixtureRequest) -> Iterator[LocalEngine]:
    with make_engine(request.param, generator="transformers") as engine:
        yield engine


class TestTransformers(Inexact):
    pass


def test_it_is_declared_inexact() -> None:
    assert find("backends", "straw") is Own and Own.is_exact
    assert find("backends", "transformers") is ContinuousBatching and not ContinuousBatching.is_exact
    with pytest.raises(ConfigError, match="no generator 'vlm': did you mean 'vllm'"):
        find("backends", "vlm")


def test_nothing_of_the_weights_before_is_left_in_its_keys() -> None:
    """A prompt of many pages is the same before and after the update; only its keys are not."""
    params, prompt = SamplingParams(max_tokens=4), (prompts_of(make_engine("embedded"))[3] * 3)[:200]
    with make_engine("embedded", generator="transformers") as engine:
        for _ in range(2):
            (replies,) = engine.sample([prompt], 4, params, [range(4)])
            assert gap_to_trainer(engine, prompt, replies) <= 1e-4
            learn(engine, 5)
            engine.publish()
        (replies,) = engine.sample([prompt], 4, params, [range(4)])
        assert gap_to_trainer(engine, prompt, replies) <= 1e-4


def test_its_weights_are_the_engines_own_memory_and_still_train() -> None:
    with make_engine("embedded", generator="transformers") as engine:
        engine.sample([(5, 6)], 1, SamplingParams(max_tokens=1), [[0]])
        assert isinstance(engine.backend, ContinuousBatching)
        ours, theirs = dict(engine.model.named_parameters()), dict(engine.backend.twin.named_parameters())
        assert ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in ours)
        assert all(p.requires_grad for p in engine.trained.values())
        assert engine.model.config._attn_implementation != engine.backend.twin.config._attn_implementation


def test_in_bfloat16_sampler_and_trainer_are_less_than_half_a_nat_apart_also_after_an_update() -> None:
    with make_engine("embedded", dtype="bfloat16", generator="transformers") as engine:
        prompt = prompts_of(engine)[2]
        for _ in range(2):
            (replies,) = engine.sample([prompt], 16, SamplingParams(max_tokens=8), [range(16)])
            assert gap_to_trainer(engine, prompt, replies) <= 0.5
            learn(engine, 40)
            engine.publish()


def test_what_breaks_in_its_thread_is_one_line_and_the_next_call_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(max_tokens=2)
    with make_engine("embedded", generator="transformers") as engine:
        engine.sample([(5, 6)], 1, params, [[0]])

        def broken() -> None:
            raise RuntimeError("out of paper")

        monkeypatch.setattr(pulse, "beat", broken)
        with pytest.raises(
            EngineFailed, match=r"continuous batching (failed|stopped) \(.*paper.*write generator=straw"
        ):
            engine.sample([(5, 6)], 1, params, [[0]])
        monkeypatch.undo()
        assert engine.sample([(5, 6)], 1, params, [[0]])[0][0].tokens


@pytest.mark.slow
def test_a_process_ends_though_nobody_closed_the_engine() -> None:
    program = """
from tests.engines.local.kinds import make_engine
from straw.engines.base import SamplingParams
make_engine("embedded", generator="transformers").sample([(5, 6)], 1, SamplingParams(max_tokens=1), [[0]])
print("sampled")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "sampled\n"), done.stderr
