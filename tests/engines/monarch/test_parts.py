"""The small parts of the distributed engine, without a process."""

from __future__ import annotations

import os
from importlib import metadata

import pytest
import torch
from tests.small_runs import small_page

from straw.engines.monarch import adapter
from straw.engines.monarch.room import check_room
from straw.engines.monarch.shared import Shared, mapped, places_of
from straw.errors import ConfigError

GIB = 2**30
WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([7], dtype=torch.int64), "c": torch.ones(3).bfloat16()}


def test_others_look_at_the_same_bytes():
    shared = Shared.holding(WEIGHTS)
    there = mapped(shared.handle)
    assert all(torch.equal(there[name], tensor) for name, tensor in WEIGHTS.items())
    shared.write({"a": torch.full((2, 3), 9.0)})
    assert there["a"].tolist() == [[9.0] * 3] * 2
    shared.close()
    assert there["b"].tolist() == [7]  # who has mapped it keeps it
    with pytest.raises(RuntimeError):
        mapped(shared.handle)


def test_every_tensor_begins_at_a_line_of_the_cache():
    assert [place.start for place in places_of(WEIGHTS).values()] == [0, 64, 128]


def test_without_nameless_memory_a_private_file_does(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    shared = Shared.holding(WEIGHTS)
    folder = os.path.dirname(shared.handle.path)
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert mapped(shared.handle)["a"].tolist() == WEIGHTS["a"].tolist()
    shared.close()
    assert not os.path.exists(folder)


def test_a_missing_monarch_is_told_with_its_extra(monkeypatch):
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(adapter.metadata, "version", missing)
    with pytest.raises(ConfigError, match=r"pip install 'straw\[monarch\]'"):
        adapter.check_monarch()


def test_another_monarch_is_told_with_the_one_that_is_wanted(monkeypatch):
    monkeypatch.setattr(adapter.metadata, "version", lambda name: "0.3.0")
    with pytest.raises(ConfigError, match=r"got 0\.3\.0: pip install torchmonarch==0\.7\.0"):
        adapter.check_monarch()


def test_generators_that_do_not_fit_are_refused_with_the_number_that_does():
    check_room(2, GIB, GIB, slots=2, available=16 * GIB)
    with pytest.raises(ConfigError, match=r"num_generators=30 would take about .* Write num_generators=22\."):
        check_room(30, GIB, GIB, slots=2, available=16 * GIB)  # 16 - 7 - 0.39 GiB, at 0.39 each: 22
    with pytest.raises(ConfigError, match="Write engine=local"):
        check_room(1, 4 * GIB, 4 * GIB, slots=2, available=8 * GIB)


def test_no_generator_is_none():
    with pytest.raises(ConfigError, match=r"num_generators is .* has to be >= 1; got num_generators=0"):
        small_page("engine=monarch num_generators=0")
