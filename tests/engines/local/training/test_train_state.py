"""Steps, noise and versions of what trains, on a few numbers."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
import torch
from tests.engines.contract import CROSS_ENTROPY, STEP, learn, lesson
from tests.engines.local.kinds import make_engine
from torch import nn

from straw.engines.base import AdamParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.training.adamw import AdamW
from straw.engines.local.training.train_state import adam_step, add_normal
from straw.errors import RunError, TrainingError


def parameters(*gradients: list[float] | None) -> list[nn.Parameter]:
    made = []
    for gradient in gradients:
        p = nn.Parameter(torch.zeros(2))
        p.grad = None if gradient is None else torch.tensor(gradient)
        made.append(p)
    return made


PLAIN = AdamParams(learning_rate=0.5, eps=1.0, weight_decay=0.0, grad_clip=0.0)


def test_the_norm_is_that_of_all_gradients_and_they_are_gone_behind_the_step() -> None:
    trained = parameters([3.0, 0.0], None, [0.0, 4.0])
    assert adam_step(AdamW(trained), trained, PLAIN) == 5.0
    assert all(p.grad is None for p in trained)
    # after one step m' is g and v' is g^2, so a weight moves by lr g / (|g| + eps)
    assert trained[0].tolist() == pytest.approx([-0.5 * 3 / 4, 0.0]) and trained[1].tolist() == [0.0, 0.0]
    assert trained[2].tolist() == pytest.approx([0.0, -0.5 * 4 / 5])


def test_a_gradient_is_clipped_to_its_norm_and_the_norm_that_is_told_is_the_one_before() -> None:
    trained = parameters([3.0, 0.0], [0.0, 4.0])
    assert adam_step(AdamW(trained), trained, AdamParams(learning_rate=0.5, eps=1.0, grad_clip=2.5)) == 5.0
    assert trained[0].tolist() == pytest.approx([-0.5 * 1.5 / 2.5, 0.0], rel=1e-4)
    assert trained[1].tolist() == pytest.approx([0.0, -0.5 * 2.0 / 3.0], rel=1e-4)
    under = parameters([3.0, 0.0])
    adam_step(AdamW(under), under, AdamParams(learning_rate=0.5, eps=1.0, grad_clip=3.5))
    assert under[0].tolist() == pytest.approx([-0.5 * 3 / 4, 0.0])


def test_where_others_have_a_part_the_norm_of_the_whole_clips() -> None:
    trained = parameters([3.0, 0.0])
    clip = AdamParams(learning_rate=0.5, eps=1.0, grad_clip=5.0)
    assert adam_step(AdamW(trained), trained, clip, lambda norm: 10 * norm / 3) == pytest.approx(10.0)
    assert trained[0].tolist() == pytest.approx([-0.5 * 1.5 / 2.5, 0.0], rel=1e-4)


def test_a_norm_that_is_not_finite_moves_nothing_and_leaves_no_gradient() -> None:
    trained = parameters([inf, 0.0], [1.0, 1.0])
    optimizer = AdamW(trained)
    with pytest.raises(TrainingError, match="the gradient is not finite"):
        adam_step(optimizer, trained, PLAIN)
    assert all(p.grad is None and not p.any() for p in trained) and not optimizer.state


def test_noise_is_drawn_parameter_after_parameter_from_the_seed_times_the_scale() -> None:
    drawn = torch.randn(4, generator=torch.Generator().manual_seed(7))
    trained = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1))]
    add_normal(trained, 7, 0.5)
    generator = torch.Generator().manual_seed(7)
    for p in trained:
        torch.testing.assert_close(p.data, 1 + 0.5 * torch.randn(p.shape, generator=generator))
    assert drawn.shape == (4,)
    same, negative = [nn.Parameter(torch.zeros(3))], [nn.Parameter(torch.zeros(3))]
    add_normal(same, 2**63 + 7, 1.0)
    add_normal(negative, 7, -1.0)
    assert torch.equal(same[0], -negative[0]) and bool(same[0].any())
    add_normal(same, -1, 1.0)  # seeds of any size and sign


def version_of(engine: LocalEngine) -> tuple[int, bool, int]:
    return engine.policy_version, engine.is_published, engine.changes


def test_noise_for_a_while_is_a_change_there_and_back_and_no_version() -> None:
    engine = make_engine("embedded")
    before = {name: p.detach().clone() for name, p in engine.trained.items()}
    with pytest.raises(KeyError), engine.noisy(3, 0.1):
        assert version_of(engine) == (0, True, 1)
        assert not any(torch.equal(before[name], p) for name, p in engine.trained.items())
        raise KeyError
    assert version_of(engine) == (0, True, 2) and engine.policies.is_at_start
    assert all(torch.equal(before[name], p) for name, p in engine.trained.items())


def test_noise_that_stays_is_a_change_that_waits_for_its_publication() -> None:
    engine = make_engine("embedded")
    one = next(iter(engine.trained.values()))
    before = one.detach().clone()
    engine.add_noise([3, 4], [0.1, -0.2])
    wanted = [nn.Parameter(before.clone())]
    add_normal(wanted, 3, 0.1)
    add_normal(wanted, 4, -0.2)
    assert torch.equal(one, wanted[0])
    assert version_of(engine) == (0, False, 1) and not engine.policies.is_at_start
    assert engine.publish() == 1 and engine.publish() == 1
    assert version_of(engine) == (1, True, 1)


def test_a_step_is_a_change_and_tells_its_norm() -> None:
    engine = make_engine("embedded")
    engine.forward_backward(lesson(engine), CROSS_ENTROPY)
    assert engine.optim_step(STEP)["grad_norm"] > 0
    assert version_of(engine) == (0, False, 1)


@pytest.mark.parametrize("is_made", [False, True])
def test_what_lies_beneath_adapters_is_kept_where_no_name_brings_it_back(is_made: bool, tmp_path: Path) -> None:
    engine = make_engine("lora")
    engine.is_made = is_made
    names = {name for name, _ in engine.model.named_parameters()} - set(engine.trained)
    assert set(engine.frozen()) == (names if is_made else set())
    engine.save_base(tmp_path)
    assert (tmp_path / "base").is_dir() is is_made
    before = {name: tensor.clone() for name, tensor in engine.frozen().items()}
    for tensor in engine.frozen().values():
        tensor.zero_()
    engine.load_base(tmp_path)
    assert engine.changes == int(is_made)
    assert all(torch.equal(before[name], tensor) for name, tensor in engine.frozen().items())
    (tmp_path / "other").mkdir()
    if is_made:
        with pytest.raises(RunError, match="the weights beneath its adapters, and here it does not: restore it"):
            engine.load_base(tmp_path / "other")


def test_weights_may_be_saved_without_the_optimizer_and_taken_up_as_a_start(tmp_path: Path) -> None:
    engine, other = make_engine("embedded"), make_engine("embedded")
    learn(engine, 2)
    engine.publish()
    engine.save(tmp_path / "deep" / "one", optimizer=False)
    assert [file.name for file in (tmp_path / "deep" / "one").iterdir()] == ["weights.safetensors"]
    other.load(tmp_path / "deep" / "one", optimizer=False)
    assert version_of(other) == (0, True, 1) and not other.optimizer.state
    assert other.policies.is_at_start
    engine.save(tmp_path / "two")
    other.load(tmp_path / "two")
    assert version_of(other) == (1, True, 2) and len(other.optimizer.state) == len(other.trained)
    assert set(other.policies.kept) == {"start"}
