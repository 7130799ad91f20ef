"""The test of the test: wherever the engine forgets a device, the pretend device notices."""

from __future__ import annotations

from typing import Any

import pytest
from tests.pretend.plants import Plant, caught_by, healthy, plants, plants_in

ALL = plants()
FIRST = list({(plant.file, plant.function): plant for plant in reversed(ALL)}.values())  # of each function
OTHERS = [pytest.param(plant, marks=pytest.mark.slow, id=plant.name) for plant in ALL if plant not in FIRST]


@pytest.fixture(scope="module")
def well() -> dict[str, tuple[Any, int]]:
    return healthy()


@pytest.mark.parametrize("plant", [*(pytest.param(plant, id=plant.name) for plant in FIRST), *OTHERS])
def test_a_device_that_is_forgotten_is_noticed(plant: Plant, well: dict[str, tuple[Any, int]]) -> None:
    assert caught_by(plant, well), f"nothing notices {plant.new} for {plant.old}"


def test_every_room_that_makes_tensors_is_there() -> None:
    rooms = {plant.file.rpartition("/")[2] for plant in ALL}
    assert {
        "sampler.py",
        "continuous_batching.py",
        "kv_cache.py",
        "packing.py",
        "checkpoints.py",
        "batches.py",
    } <= rooms
    assert len(ALL) >= 50


def test_a_place_is_a_call_that_names_a_device() -> None:
    source = (
        "class A:\n    def f(self, x):\n"
        "        a = torch.zeros(2, device=x.device)\n        b = x.to(self.device, torch.float32)\n"
        "        return a.to(x.dtype), b.cpu(), x.to(device)\n"
    )
    found = [(plant.function, plant.old, plant.new) for plant in plants_in(source)]
    assert found == [
        ("A.f", "torch.zeros(2, device=x.device)", "torch.zeros(2)"),
        ("A.f", "x.to(self.device, torch.float32)", "x.to(torch.float32)"),
        ("A.f", "b.cpu()", "b"),
        ("A.f", "x.to(device)", "x"),
    ]
