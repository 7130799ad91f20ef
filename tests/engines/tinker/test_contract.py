"""The Tinker engine keeps the contract of every engine, as far as the wire has its verbs; what has none is refused."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path

import pytest
from tests.engines.contract import DRAWS, Contract, gap, learn, lesson, probabilities, prompts_of
from tests.engines.local.kinds import make_engine
from tests.engines.tinker.fake_service import FakeService

from straw.engines.base import Engine, Loss
from straw.engines.local.engine import LocalEngine
from straw.engines.tinker.engine import TinkerEngine
from straw.engines.tinker.meter import Meter
from straw.errors import ConfigError
from straw.types import Datum

pytest.importorskip("tinker")


def lora(rank: int, seed: int) -> LocalEngine:
    return make_engine("lora")


def made(folder: Path) -> TinkerEngine:
    service = FakeService(lora, folder)
    training = service.create_lora_training_client("tiny-0.2M", 3, 0, train_unembed=False).result()
    return TinkerEngine(service, training, training.engine.chat, Meter(None, None))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinkerEngine, TinkerEngine]:
    """Of one service: a checkpoint of one can be read by the other."""
    first, second = made(tmp_path_factory.mktemp("service")), made(tmp_path_factory.mktemp("unused"))
    second.service = first.service
    second.now.training.service = first.service
    second.now.training.run = "another"
    return first, second


@pytest.mark.slow
class TestTinker(Contract):
    @pytest.fixture
    def engine(self, pair: tuple[TinkerEngine, TinkerEngine]) -> Iterator[Engine]:
        with pair[0].undone():
            yield pair[0]

    @pytest.fixture
    def another(self, pair: tuple[TinkerEngine, TinkerEngine]) -> Iterator[Engine]:
        with pair[1].undone():
            yield pair[1]

    @pytest.mark.parametrize("how", [how for how in DRAWS if how != "temperature"])
    def test_a_sample_does_not_see_the_other_prompts_of_its_batch(self, engine: Engine, how: str) -> None:
        super().test_a_sample_does_not_see_the_other_prompts_of_its_batch(engine, how)

    def test_the_start_stays_the_start(self, engine: Engine) -> None:
        """To float error: of the start a sampler is asked, and of what is trained the trainer."""
        data = lesson(engine)
        start = engine.logprobs(data)
        for _ in range(2):
            assert engine.logprobs(data, "start") == engine.logprobs(data, "reference")
            assert gap(engine.logprobs(data, "start"), start) < 1e-5
            learn(engine)
            assert gap(engine.logprobs(data), start) > 0.01

    @pytest.mark.parametrize("temperature", [1.0])
    def test_the_sampler_says_the_logprobs_that_the_trainer_computes(self, engine: Engine, temperature: float) -> None:
        super().test_the_sampler_says_the_logprobs_that_the_trainer_computes(engine, temperature)

    @pytest.mark.parametrize("temperature", [1.0])
    def test_first_tokens_come_as_often_as_their_probability_says(self, engine: Engine, temperature: float) -> None:
        super().test_first_tokens_come_as_often_as_their_probability_says(engine, temperature)

    def test_the_loss_is_reported_as_its_formula_says(self, engine: Engine) -> None:
        """All but the entropy, which the wire does not tell."""
        data = [
            Datum(
                prompt=one.prompt, tokens=one.tokens, weights=(0.5, 0.25, 1.0), advantages=(2.0, -1.0, 0.5),
            )
            for one in lesson(engine)
        ]  # fmt: skip
        output = engine.forward_backward(data, Loss(name="cross_entropy"))
        weighted = sum(0.5 * row[0] + 0.25 * row[1] + row[2] for row in output.logprobs)
        assert output.metrics["loss"] == pytest.approx(-weighted, rel=1e-5)
        assert output.metrics["weight"] == pytest.approx(3.5) and "entropy" not in output.metrics
        drawn = [
            Datum(
                prompt=one.prompt, tokens=one.tokens, weights=one.weights, advantages=one.advantages, logprobs=row,
            )
            for one, row in zip(data, output.logprobs, strict=True)
        ]  # fmt: skip
        for some in (drawn, data):  # on policy the ratio is 1, and so it is where nobody says how it was drawn
            loss = engine.forward_backward(some, Loss(name="importance_sampling")).metrics["loss"]
            assert loss == pytest.approx(-2.5, rel=1e-4)

    def test_a_text_is_embedded_the_same_whatever_stands_beside_it(self, engine: Engine) -> None:
        with pytest.raises(ConfigError, match="encoder=minilm"):
            engine.embed(["a"])

    def test_what_takes_another_temperature_or_the_whole_distribution_is_refused(self, engine: Engine) -> None:
        with pytest.raises(ConfigError, match="temperature=1"):
            engine.logprobs(lesson(engine), temperature=0.7)
        for loss in (Loss(name="ppo", entropy_coef=0.1), Loss(name="ppo", temperature=0.7)):
            with pytest.raises(ConfigError, match=r"Write (entropy_coef=0|temperature=1)\."):
                engine.forward_backward(lesson(engine), loss)

    def test_log_probabilities_of_the_start_are_those_of_its_sampler(self, engine: Engine) -> None:
        p = probabilities(engine, prompts_of(engine)[1], [11])
        one = Datum(prompt=prompts_of(engine)[1], tokens=(11,), weights=(1.0,))
        assert engine.logprobs([one], "start")[0][0] == pytest.approx(log(p[11]), rel=1e-5)
