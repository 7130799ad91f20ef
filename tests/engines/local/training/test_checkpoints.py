"""What the local engine writes, and what it refuses to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engines.contract import CROSS_ENTROPY, STEP, learn, lesson, state
from tests.engines.local.kinds import KINDS, make_engine
from torch import Tensor, nn

from straw.engines.base import AdamParams, Loss
from straw.engines.local.adapters.lora import add_lora, load_adapter
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.resolve import load_model
from straw.engines.local.training.checkpoints import Adam, read_adam, read_base, write_base, write_checkpoint
from straw.errors import StrawError


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """A checkpoint of the embedded model after a step."""
    engine = make_engine("embedded")
    learn(engine)
    engine.publish()
    engine.save(tmp_path / "taught")
    return tmp_path / "taught"


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_holds_what_trains_and_two_moments_of_each(kind: str, tmp_path: Path) -> None:
    engine = make_engine(kind)
    learn(engine)
    engine.save(tmp_path)
    weights, optimizer = load_file(tmp_path / "weights.safetensors"), load_file(tmp_path / "optimizer.safetensors")
    assert weights.keys() == engine.trained.keys()
    moments = {f"{name}|{moment}" for name in weights for moment in ("exp_avg", "exp_avg_sq", "step")}
    assert optimizer.keys() == moments | {"version"}
    assert all(torch.equal(weights[name], p) for name, p in engine.trained.items())
    assert all("lora_" in name for name in weights) == (kind == "lora")


def test_an_engine_that_took_no_step_can_be_saved(tmp_path: Path) -> None:
    one, other = make_engine("embedded"), make_engine("embedded")
    one.save(tmp_path)
    learn(other)
    other.load(tmp_path)
    assert state(other) == state(one)


def test_adapters_are_saved_in_pefts_form_too(tmp_path: Path) -> None:
    engine = make_engine("lora")
    learn(engine)
    engine.save(tmp_path)
    again = make_engine("embedded").model
    load_adapter(again, tmp_path / "adapter")
    ours = {name: p for name, p in engine.model.named_parameters() if "lora_" in name}
    theirs = dict(again.named_parameters())
    assert ours and all(torch.equal(p, theirs[name]) for name, p in ours.items())


def test_the_reference_can_be_another_checkpoint(taught: Path) -> None:
    engine, data = make_engine("embedded"), lesson(make_engine("embedded"))
    start = engine.logprobs(data)
    engine.set_reference(taught)
    there = engine.logprobs(data, "reference")
    assert there != start == engine.logprobs(data, "start")
    learn(engine, 3)
    assert engine.logprobs(data, "reference") == there
    assert engine.logprobs(data, "start") == start
    engine.load(taught, optimizer=False)
    assert engine.logprobs(data) == there


def test_a_reference_that_was_set_for_a_trial_is_undone_with_it(taught: Path) -> None:
    engine, data = make_engine("embedded"), lesson(make_engine("embedded"))
    start = engine.logprobs(data)
    with engine.undone():
        engine.set_reference(taught)
        assert engine.logprobs(data, "reference") != start
    assert engine.logprobs(data, "reference") == start


def test_a_step_away_from_the_reference_is_pulled_back_by_kl(taught: Path) -> None:
    engine, data = make_engine("embedded"), lesson(make_engine("embedded"))
    engine.set_reference(taught)
    pull = Loss(name="cross_entropy", kl_coef=1.0)
    silent = [type(one)(prompt=one.prompt, tokens=one.tokens, weights=one.weights) for one in data]
    before = engine.forward_backward(silent, pull).metrics["kl"]
    engine.optim_step(AdamParams(learning_rate=3e-3))
    assert 0 < engine.forward_backward(silent, pull).metrics["kl"] < before


# --- refused -------------------------------------------------------------------------------


def cut(folder: Path, file: str) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:-100])


def emptied(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b"")


def without(folder: Path, file: str) -> None:
    (folder / file).unlink()


def renamed(folder: Path, file: str) -> None:
    tensors = load_file(folder / file)
    first = min(tensors)
    tensors["another." + first] = tensors.pop(first)
    save_file(tensors, folder / file)


def reshaped(folder: Path, file: str) -> None:
    tensors = load_file(folder / file)
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 2)
    tensors[name] = tensors[name][:-1].contiguous()
    save_file(tensors, folder / file)


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("harm", [cut, emptied, without, renamed, reshaped])
def test_a_broken_checkpoint_is_refused_in_one_line_and_changes_nothing(
    harm: Callable[[Path, str], None], file: str, taught: Path
) -> None:
    harm(taught, file)
    engine = make_engine("embedded")
    learn(engine)
    before = state(engine)
    with pytest.raises(StrawError) as caught:
        engine.load(taught)
    assert "\n" not in str(caught.value) and file in str(caught.value) and ":" in str(caught.value)
    assert state(engine) == before
    if file.startswith("optimizer"):
        engine.load(taught, optimizer=False)  # the weights are whole


@pytest.mark.parametrize("other", ["llama", "lora"])
def test_a_checkpoint_of_another_model_is_refused(other: str, taught: Path) -> None:
    with pytest.raises(StrawError, match="model_name and lora_rank"):
        make_engine(other).load(taught)


def test_a_checkpoint_of_another_rank_is_refused(tmp_path: Path) -> None:
    make_engine("lora").save(tmp_path)
    loaded = load_model("tiny-0.2M")
    adapters = add_lora(loaded.model, rank=2)
    with pytest.raises(StrawError, match="lora_rank"):
        LocalEngine(loaded.model, loaded.chat(), adapters=adapters).load(tmp_path)


def test_a_gradient_that_waited_is_forgotten_by_loading(taught: Path) -> None:
    one, other = make_engine("embedded"), make_engine("embedded")
    one.forward_backward(lesson(one), CROSS_ENTROPY)
    for engine in (one, other):
        engine.load(taught)
        engine.optim_step(STEP)
    assert one.logprobs(lesson(one)) == other.logprobs(lesson(other))


def test_what_lies_beneath_adapters_is_written_into_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    there = tmp_path / "run" / "start"
    write_base(there, {"weight": torch.arange(3.0)})
    found = {"weight": torch.zeros(3)}
    read_base(there, found)
    assert found["weight"].tolist() == [0.0, 1.0, 2.0]


def test_to_undo_a_trial_is_a_change_too_for_whoever_samples_with_a_copy_of_the_weights() -> None:
    """A backend took the trial's weights, and has to take these again."""
    engine = make_engine("embedded")
    before = engine.changes
    with engine.undone():
        learn(engine)
        inside = engine.changes
    assert before < inside < engine.changes


@pytest.mark.parametrize("version", [None, [1], [1, 0, 0]])
def test_an_optimizer_without_a_policy_version_is_refused(version: list[int] | None, tmp_path: Path) -> None:
    weight = nn.Parameter(torch.zeros(2, 3))
    moments = {"w|step": torch.tensor(3.0), "w|exp_avg": torch.ones(2, 3)}
    more = {} if version is None else {"version": torch.tensor(version)}
    save_file({**moments, **more}, tmp_path / "optimizer.safetensors")
    with pytest.raises(StrawError, match="names no policy version: use another checkpoint"):
        read_adam(tmp_path, {"w": weight})


@pytest.mark.parametrize("is_published", [False, True])
def test_moments_and_version_come_back_by_their_parameter(is_published: bool, tmp_path: Path) -> None:
    """A parameter that took no step has no moments."""
    trained = {"w": nn.Parameter(torch.zeros(2, 3)), "idle": nn.Parameter(torch.zeros(1))}
    state: dict[Tensor, dict[str, Tensor]] = {
        trained["w"]: {"step": torch.tensor(3.0), "exp_avg": torch.ones(3, 2).t(), "exp_avg_sq": torch.ones(2, 3)}
    }
    write_checkpoint(tmp_path, trained, Adam(state, 7, is_published))
    found = read_adam(tmp_path, trained)
    assert (found.policy_version, found.is_published) == (7, is_published) and list(found.state) == [trained["w"]]
    assert float(found.state[trained["w"]]["step"]) == 3.0 and len(found.state[trained["w"]]) == 3
    write_checkpoint(tmp_path, trained, None)
    assert set(load_file(tmp_path / "weights.safetensors")) == {"w", "idle"}
