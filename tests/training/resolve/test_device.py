from __future__ import annotations

import pytest
import torch
from tests.small_runs import small_plan

from straw.errors import ConfigError
from straw.training.resolve import device
from straw.training.resolve.device import best_device, best_dtype


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:", "cuda:x", "tpu", "", "cpu; rm"])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"got device={name}.*Write device=auto"):
        best_device(name)


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be used here \(.*\)\. Write device=cpu") as caught:
        best_device(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_more_threads_than_cores_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cores", lambda: 2)
    assert small_plan("threads=2").notes == ()
    (note,) = small_plan("threads=64").notes
    assert note == "threads=64 on 2 cores wait for each other: threads=1 is faster for small models"


def test_a_mac_stays_on_its_processor_until_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert best_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device("auto") == "cuda"


def test_the_cpu_is_always_there() -> None:
    assert best_device("cpu") == "cpu"
    torch.empty(1, device=best_device("auto"))


@pytest.mark.parametrize(
    ("is_fast", "is_embedded", "expected"),
    [(True, False, "bfloat16"), (False, False, "float32"), (True, True, "float32")],
)
def test_bfloat16_is_taken_where_the_device_is_fast_in_it(
    monkeypatch: pytest.MonkeyPatch, is_fast: bool, is_embedded: bool, expected: str
) -> None:
    monkeypatch.setattr(device, "is_fast_in_bfloat16", lambda name: is_fast)
    assert best_dtype("auto", "cpu", is_embedded) == expected
    assert best_dtype("float32", "cpu", is_embedded) == "float32"
    assert best_dtype("bfloat16", "cpu", is_embedded) == "bfloat16"
