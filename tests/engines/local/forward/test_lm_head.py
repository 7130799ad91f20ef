"""Log-probabilities and entropies from hidden states, and their gradients, for every kind of head."""

from __future__ import annotations

import os
import subprocess
import sys
from math import log, tanh
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engines.local.test_gradients import other_model
from torch import Tensor, nn

from straw.engines.local.forward import lm_head as head_module
from straw.engines.local.forward import plain_head
from straw.engines.local.forward.lm_head import Head, log_probabilities

VOCABULARY, WIDTH, POSITIONS = 37, 8, 11
ROWS = torch.tensor([0, 0, 0, 1, 3, 4, 4, 7, 8, 9, 10])  # several targets on one state, and states without any
TARGETS = torch.tensor([5, 5, 36, 0, 1, 2, 30, 7, 8, 9, 36])


def made(name: str) -> tuple[Head, Tensor]:
    """A head and hidden states for it, both with gradients."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(VOCABULARY, WIDTH, generator=draw).requires_grad_()
    hidden = torch.randn(POSITIONS, WIDTH, generator=draw).requires_grad_()
    bias = torch.randn(VOCABULARY, generator=draw).requires_grad_() if "bias" in name else None
    softcap = 3.0 if "cap" in name else None
    return Head(weight, bias, multiplier=0.25 if "multiplier" in name else 1.0, softcap=softcap), hidden


def by_formula(head: Head, hidden: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    z = hidden.double() @ head.weight.double().t()
    if head.bias is not None:
        z = z + head.bias.double()
    z = z * head.multiplier
    if head.softcap is not None:
        z = head.softcap * torch.tanh(z / head.softcap)
    logp = (z / temperature).log_softmax(-1)
    return logp[ROWS, TARGETS], -(logp.exp() * logp).sum(-1)


def with_gradients(head: Head, hidden: Tensor, values: tuple[Tensor, Tensor]) -> list[Tensor]:
    """The values, and the gradients of an odd sum of them."""
    logp, entropy = values
    total = (logp * torch.linspace(-1, 2, len(logp))).sum() + (entropy * torch.linspace(1, -1, len(entropy))).sum()
    inputs = [hidden, head.weight, *([head.bias] if head.bias is not None else [])]
    return [logp, entropy, *torch.autograd.grad(total, inputs)]


@pytest.mark.parametrize("budget", [1, 4 * VOCABULARY, 2**20])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("name", ["plain", "bias", "cap", "multiplier", "bias, cap and multiplier"])
def test_values_and_gradients_are_those_of_the_formula_in_any_chunks(
    name: str, temperature: float, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_module, "BUDGET", budget)
    head, hidden = made(name)
    ours = with_gradients(head, hidden, log_probabilities(head, hidden, ROWS, TARGETS, temperature))
    theirs = with_gradients(head, hidden, by_formula(head, hidden, temperature))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("budget", [4 * VOCABULARY, 2**20])  # computed again on the way back, and kept
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_blocks_of_rows_have_the_formula_and_the_bits_of_all_rows_at_once(
    rows: int, budget: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_module, "BUDGET", budget)

    def measured() -> list[Tensor]:
        head, hidden = made("multiplier")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            values = log_probabilities(head, hidden, ROWS, TARGETS, 0.6)
        return with_gradients(head, hidden, values)

    whole = measured()
    monkeypatch.setattr(plain_head, "BLOCK", rows * VOCABULARY)
    in_blocks = measured()
    assert all(torch.equal(one, other) for one, other in zip(whole, in_blocks, strict=True))
    head, hidden = made("multiplier")
    near = 1e-5 if dtype == torch.float32 else 0.05
    for one, other in zip(in_blocks, with_gradients(head, hidden, by_formula(head, hidden, 0.6)), strict=True):
        assert torch.allclose(one.double(), other.double(), rtol=near, atol=near)


def test_a_head_of_zeros_gives_every_token_its_even_share() -> None:
    head = Head(torch.zeros(8, WIDTH), None)
    logp, entropy = log_probabilities(head, torch.randn(1, WIDTH), torch.tensor([0]), torch.tensor([3]))
    assert float(logp) == pytest.approx(-log(8))
    assert float(entropy) == pytest.approx(log(8))


def test_a_token_that_cannot_be_drawn_adds_no_entropy_and_no_gradient_that_is_not_finite() -> None:
    head = Head(torch.tensor([[200.0], [-200.0]], requires_grad=True), None)
    hidden = torch.ones(1, 1, requires_grad=True)
    logp, entropy = log_probabilities(head, hidden, torch.tensor([0]), torch.tensor([0]))
    assert logp.tolist() == entropy.tolist() == [0.0]
    (gradient,) = torch.autograd.grad(logp.sum() + entropy.sum(), [hidden])
    assert torch.isfinite(gradient).all()


def test_adapters_leave_the_head_without_a_gradient() -> None:
    head, hidden = made("plain")
    head.weight.requires_grad_(False)
    logp, _ = log_probabilities(head, hidden, ROWS, TARGETS)
    logp.sum().backward()
    assert hidden.grad is not None and head.weight.grad is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("gemma2", {"softcap": 4.0, "multiplier": 1.0, "bias": False}),
        ("phi", {"softcap": None, "multiplier": 1.0, "bias": True}),
        ("granite", {"softcap": None, "multiplier": 1 / 3, "bias": False}),
        ("mistral", {"softcap": None, "multiplier": 1.0, "bias": False}),
    ],
)
def test_what_an_architecture_does_to_its_logits_is_read_from_its_config(
    kind: str, expected: dict[str, object]
) -> None:
    head = Head.of(other_model(kind))
    assert {"softcap": head.softcap, "multiplier": head.multiplier, "bias": head.bias is not None} == expected
    assert head.is_plain == (kind in ("granite", "mistral"))


def config_of(**numbers: float | None) -> Any:
    """A model whose config has these."""
    layer, config = nn.Linear(WIDTH, VOCABULARY, bias=False), SimpleNamespace(**numbers)
    config.get_text_config = lambda: config
    return SimpleNamespace(get_output_embeddings=lambda: layer, config=config)


@pytest.mark.parametrize(
    ("numbers", "multiplier"),
    [
        ({"logit_scale": 0.0625}, 0.0625),  # Cohere multiplies
        ({"logits_scaling": 8.0}, 0.125),  # Granite divides
        ({"logit_scale": 0.5, "logits_scaling": 8.0}, 0.5),
        ({"logit_scale": None, "logits_scaling": None}, 1.0),
        ({}, 1.0),
    ],
)
def test_a_scale_multiplies_or_divides_by_what_it_is_called(numbers: dict[str, Any], multiplier: float) -> None:
    head = Head.of(config_of(**numbers))
    assert (head.multiplier, head.softcap, head.bias) == (multiplier, None, None)
    assert Head.of(config_of(final_logit_softcapping=30.0)).softcap == 30.0


def test_logits_are_scaled_then_capped_then_cooled() -> None:
    hidden = torch.tensor([[2.0, 1.0]])
    weight, bias = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([2.0, 1.0])  # 4 + 2 and 5 + 1
    assert Head(weight, bias).logits(hidden).tolist() == [[6.0, 6.0]]
    assert Head(weight, None, multiplier=0.5).logits(hidden, 4.0).tolist() == [[0.5, 0.625]]
    capped = Head(weight, bias, multiplier=0.5, softcap=2.0).logits(hidden, 0.5)
    assert capped.tolist() == [[pytest.approx(2 * tanh(1.5) / 0.5)] * 2]
    assert not Head(weight, bias).is_plain and not Head(weight, None, softcap=1.0).is_plain
    assert Head(weight, None, multiplier=3.0).is_plain and Head(weight, None).low_rank() is None


def test_logits_at_once_are_192_mebibytes_of_float32() -> None:
    assert head_module.BUDGET * 4 == 192 * 2**20


def test_an_adapter_beside_the_head_has_the_values_and_gradients_of_the_formula(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """z = W h + share B A h, in one piece and in pieces of two states."""
    head, hidden = made("multiplier")
    generator = torch.Generator().manual_seed(3)
    a, b = (torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, WIDTH), (VOCABULARY, 3)))
    monkeypatch.setattr(Head, "low_rank", lambda self: (a, b, 0.5))
    whole = Head(head.weight + 0.5 * b @ a, None, multiplier=0.25)
    wanted = by_formula(whole, hidden, 0.6)
    pull = torch.linspace(-1, 2, len(ROWS)), torch.linspace(1, -1, POSITIONS)
    inputs = [hidden, head.weight, a, b]
    theirs = torch.autograd.grad(sum((x * y).sum() for x, y in zip(wanted, pull, strict=True)), inputs)  # type: ignore[arg-type]
    for budget in (2**20, 2 * VOCABULARY):
        monkeypatch.setattr(head_module, "BUDGET", budget)
        found = log_probabilities(head, hidden, ROWS, TARGETS, 0.6)
        ours = torch.autograd.grad(sum((x * y).sum() for x, y in zip(found, pull, strict=True)), inputs)  # type: ignore[arg-type]
        for one, other in zip([*found, *ours], [*wanted, *theirs], strict=True):
            torch.testing.assert_close(one.double(), other.double(), atol=1e-5, rtol=1e-4)


PEAK = """
import resource, sys, torch
from straw.engines.local.forward import lm_head as head
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** (20 if sys.platform == "darwin" else 10)
positions, head.BUDGET = int(sys.argv[1]), int(sys.argv[2])
weight = torch.randn(150_000, 8, requires_grad=True)
def there_and_back(positions):
    hidden, rows = torch.randn(positions, 8, requires_grad=True), torch.arange(positions)
    logp, entropy = head.log_probabilities(head.Head(weight, None), hidden, rows, rows)
    (logp.sum() + 0.1 * entropy.sum()).backward()
there_and_back(1)
before = peak()
there_and_back(positions)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process is asked from the resource module")
@pytest.mark.parametrize(
    ("positions", "budget", "mebibytes"),
    [(150, 150_000 * 15, 70), pytest.param(2_000, head_module.BUDGET, 900, marks=pytest.mark.slow)],
)
def test_the_logits_of_a_large_vocabulary_never_exist_at_once(positions: int, budget: int, mebibytes: int) -> None:
    """All at once, 2,000 positions would be 1.1 GiB, and on the way back there are three such arrays."""
    command = [sys.executable, "-c", PEAK, str(positions), str(budget)]
    at_once_returned = {
        "MALLOC_MMAP_THRESHOLD_": "65536"
    }  # or the C library keeps what is freed, and the peak is noise
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | at_once_returned)
    assert float(run.stdout) < mebibytes
