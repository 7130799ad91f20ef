"""What CUDA allows is allowed and what it refuses is refused; what would launch and wait is counted."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch
from tests.pretend.device import NAME, Mixed, Pretend, counted, without_float64

HERE, ONE = torch.arange(4.0), torch.tensor(2.0)
LONGS = torch.arange(4)


def there() -> torch.Tensor:
    return torch.arange(4.0, device=NAME)


ALLOWED: list[Callable[[torch.Tensor], object]] = [
    lambda x: x + 1,
    lambda x: x * ONE,
    lambda x: ONE - x,
    lambda x: x.add_(ONE),
    lambda x: torch.maximum(x, ONE),
    lambda x: torch.where(x > 1, x, ONE),
    lambda x: x.masked_fill(x > 1, ONE),
    lambda x: x.fill_(ONE),
    lambda x: x.copy_(HERE),
    lambda x: x[LONGS],
    lambda x: x[[0, 1]],
    lambda x: x[HERE > 1],
    lambda x: x.index_put_((LONGS,), ONE),
    lambda x: HERE.clone().copy_(x),
]
REFUSED: list[Callable[[torch.Tensor], object]] = [
    lambda x: x + HERE,
    lambda x: HERE + x,
    lambda x: HERE.clone().add_(x),
    lambda x: ONE.clone().add_(x.sum()),
    lambda x: x @ HERE,
    lambda x: torch.cat([x, HERE]),
    lambda x: torch.stack([x[0], ONE]),
    lambda x: torch.where(HERE > 1, x, x),
    lambda x: x.masked_fill(HERE > 1, 0.0),
    lambda x: HERE[LONGS.to(NAME)],
    lambda x: x.gather(0, LONGS),
    lambda x: x.index_put_((LONGS,), HERE),
    lambda x: x.index_copy_(0, LONGS, x),
    lambda x: x.index_add_(0, LONGS.to(NAME), HERE),
    lambda x: torch.searchsorted(x, ONE),
    lambda x: torch.isin(x, HERE),
    lambda x: torch.nn.functional.embedding(LONGS, x.view(4, 1)),
    lambda x: torch.repeat_interleave(x, LONGS),
    lambda x: x.numpy(),
    lambda x: setattr(torch.nn.Parameter(x), "data", HERE),
]


def text_of(case: Callable[[torch.Tensor], object]) -> str:
    return inspect.getsource(case).strip().removeprefix("lambda x: ").rstrip(",")


@pytest.mark.parametrize("case", ALLOWED, ids=text_of)
def test_what_cuda_allows_has_the_cpus_value(case: Callable[[torch.Tensor], object]) -> None:
    found, expected = case(there()), case(HERE.clone())
    assert isinstance(found, torch.Tensor) and isinstance(expected, torch.Tensor)
    assert found.cpu().equal(expected)


@pytest.mark.parametrize("case", REFUSED, ids=text_of)
def test_what_cuda_refuses_is_refused(case: Callable[[torch.Tensor], object]) -> None:
    with pytest.raises((Mixed, TypeError)):
        case(there())


@pytest.mark.parametrize(
    ("case", "launches", "waits"),
    [
        (lambda x: x + 1, 1, 0),
        (lambda x: x.view(2, 2)[0].t(), 0, 0),
        (lambda x: x[x > 1], 2, 1),
        (lambda x: x[[0, 1]], 1, 1),
        (lambda x: (x > 9).nonzero(), 2, 1),
        (lambda x: bool(x.any()), 1, 1),
        (lambda x: x[0].item(), 0, 1),
        (lambda x: x.tolist(), 1, 1),
        (lambda x: x.cpu(), 1, 1),
        (lambda x: torch.where(x > 1, x, 0.0), 2, 0),
        (lambda x: torch.tensor([1.0], device=NAME), 0, 1),
        (lambda x: x.sort(descending=True), 1, 0),
    ],
    ids=[str(n) for n in range(12)],
)
def test_launches_and_waits_are_counted(case: Callable[[torch.Tensor], object], launches: int, waits: int) -> None:
    x = there()
    with counted() as counts:
        case(x)
    assert counts.waits == waits, counts.by_reason
    assert abs(counts.launches - launches) <= 1, counts.by_operator  # a scalar may take a fill


def test_gradients_and_modules_live_there_too() -> None:
    layer = torch.nn.Linear(4, 2).to(NAME)
    weight = layer.weight
    assert isinstance(weight, Pretend) and isinstance(weight, torch.nn.Parameter)
    layer(there()).sum().backward()
    assert isinstance(weight.grad, Pretend)
    assert weight.grad.cpu().equal(HERE.expand(2, 4))
    torch.optim.AdamW(layer.parameters(), fused=True).step()


def test_a_view_shares_the_memory_and_data_may_be_swapped() -> None:
    x = there()
    x[1:3].zero_()
    assert x.tolist() == [0.0, 0.0, 0.0, 3.0]
    parameter = torch.nn.Parameter(there())
    parameter.data = torch.ones(4, device=NAME)
    assert (parameter * 2).tolist() == [2.0] * 4


def test_a_device_without_float64_refuses_it() -> None:
    x = there()
    with without_float64():
        for case in (lambda: x.double(), lambda: x.cumsum(0, dtype=torch.float64), lambda: HERE.double().to(NAME)):
            with pytest.raises(TypeError, match="float64"):
                case()
    assert x.double().dtype == torch.float64
