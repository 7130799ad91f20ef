"""Which weights an engine acts as, on two small parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from straw.engines.local.training import reference_policy
from straw.engines.local.training.reference_policy import Policies


def made() -> tuple[Policies, dict[str, nn.Parameter]]:
    trained = {"a": nn.Parameter(torch.tensor([1.0, 2.0])), "b": nn.Parameter(torch.tensor([[3.0]]))}
    return Policies(trained), trained


def values(trained: dict[str, nn.Parameter]) -> list[float]:
    return [*trained["a"].tolist(), *trained["b"].flatten().tolist()]


@torch.no_grad()
def moved(policies: Policies, trained: dict[str, nn.Parameter]) -> None:
    """A change, as an engine makes it."""
    policies.leave_start()
    for p in trained.values():
        p.mul_(10)


def kept(folder: Path, *numbers: float) -> Path:
    folder.mkdir()
    tensors = {"a": torch.tensor(numbers[:2]), "b": torch.tensor([[numbers[2]]])}
    save_file(tensors, folder / "weights.safetensors")
    return folder


def acted(policies: Policies, trained: dict[str, nn.Parameter], policy: str) -> list[float]:
    before = values(trained)
    with policies.acting_as(policy):  # type: ignore[arg-type]
        found = values(trained)
    assert values(trained) == before
    return found


def test_before_the_first_change_all_three_are_those_that_train_and_nothing_is_copied() -> None:
    policies, trained = made()
    assert [policies.weights_of(one) for one in ("current", "start", "reference")] == [None] * 3
    assert acted(policies, trained, "start") == [1.0, 2.0, 3.0] and policies.kept == {} and policies.is_at_start


def test_at_the_first_change_the_start_is_copied_and_later_ones_leave_it() -> None:
    policies, trained = made()
    moved(policies, trained)
    moved(policies, trained)
    assert not policies.is_at_start and list(policies.kept) == ["start"]
    for policy, numbers in (("current", [100.0, 200.0, 300.0]), ("start", [1.0, 2.0, 3.0])):
        assert acted(policies, trained, policy) == numbers
    assert acted(policies, trained, "reference") == [1.0, 2.0, 3.0]
    assert acted(policies, trained, "start") == [1.0, 2.0, 3.0]  # and again


def test_a_start_in_a_folder_is_read_when_somebody_asks_and_once(tmp_path: Path) -> None:
    policies, trained = made()
    policies.start_is_in(kept(tmp_path / "start", 4.0, 5.0, 6.0))
    moved(policies, trained)
    assert policies.kept == {}
    assert acted(policies, trained, "start") == [4.0, 5.0, 6.0]
    (tmp_path / "start" / "weights.safetensors").unlink()
    assert acted(policies, trained, "reference") == [4.0, 5.0, 6.0]


def test_a_start_in_a_folder_takes_the_place_of_a_copy(tmp_path: Path) -> None:
    policies, trained = made()
    moved(policies, trained)
    policies.start_is_in(kept(tmp_path / "start", 4.0, 5.0, 6.0))
    assert policies.kept == {} and acted(policies, trained, "start") == [4.0, 5.0, 6.0]


def test_a_named_reference_is_no_start_and_holds_before_any_change(tmp_path: Path) -> None:
    policies, trained = made()
    policies.refer_to(kept(tmp_path / "other", 7.0, 8.0, 9.0))
    assert acted(policies, trained, "reference") == [7.0, 8.0, 9.0]
    assert acted(policies, trained, "start") == [1.0, 2.0, 3.0]
    moved(policies, trained)
    assert acted(policies, trained, "reference") == [7.0, 8.0, 9.0]
    assert acted(policies, trained, "start") == [1.0, 2.0, 3.0]


def test_a_new_beginning_forgets_the_start_and_its_folder_and_not_a_named_reference(tmp_path: Path) -> None:
    policies, trained = made()
    policies.refer_to(kept(tmp_path / "other", 7.0, 8.0, 9.0))
    policies.start_is_in(kept(tmp_path / "start", 4.0, 5.0, 6.0))
    moved(policies, trained)
    policies.begin_here()
    assert policies.is_at_start and policies.start_folder is None and list(policies.kept) == ["reference"]
    assert acted(policies, trained, "start") == [10.0, 20.0, 30.0]
    moved(policies, trained)
    assert acted(policies, trained, "start") == [10.0, 20.0, 30.0]


@pytest.mark.parametrize("changed_before", [False, True])
def test_what_is_tried_and_undone_leaves_the_policies_as_they_were(changed_before: bool, tmp_path: Path) -> None:
    policies, trained = made()
    if changed_before:
        moved(policies, trained)
    before = dict(policies.kept), policies.start_folder, policies.is_at_start
    copy = {name: p.detach().clone() for name, p in trained.items()}
    with pytest.raises(KeyError), policies.undone(copy):
        moved(policies, trained)
        assert acted(policies, trained, "start") == [1.0, 2.0, 3.0]
        policies.refer_to(kept(tmp_path / "other", 7.0, 8.0, 9.0))
        policies.start_is_in(tmp_path / "other")
        raise KeyError
    assert (policies.kept, policies.start_folder, policies.is_at_start) == before


@pytest.mark.parametrize("stays", [False, True])
def test_weights_come_back_after_an_error_and_stay_in_place_where_a_graph_looks_for_them(
    stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_policy, "keeps_bits", lambda device: not stays)
    policies, trained = made()
    moved(policies, trained)
    places = [p.data_ptr() for p in trained.values()]
    with pytest.raises(KeyError), policies.acting_as("start"):
        assert values(trained) == [1.0, 2.0, 3.0]
        assert ([p.data_ptr() for p in trained.values()] == places) is stays
        raise KeyError
    assert values(trained) == [10.0, 20.0, 30.0] and [p.data_ptr() for p in trained.values()] == places
    assert acted(policies, trained, "start") == [1.0, 2.0, 3.0]
