"""Frozen weights in bfloat16: the bits of the weights that autocast rounds anew, half the memory, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.engines.contract import CROSS_ENTROPY, STEP, lesson, prompts_of
from tests.engines.local.kinds import make_engine

from straw.engines.base import SamplingParams
from straw.engines.local import halves
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.packed_weights import can_pack
from straw.engines.local.halves import halve_frozen, halved_weights, packed_bytes


def coarse(kind: str, halved: bool, frozen: bool = False) -> LocalEngine:
    engine = make_engine(kind, dtype="bfloat16")
    if frozen:
        engine.model.requires_grad_(False)
    if halved:
        halve_frozen(engine)
    return engine


@pytest.mark.parametrize(("kind", "frozen"), [("lora", False), ("embedded", True), ("llama", True), ("qwen2", True)])
def test_nobody_can_tell_what_is_rounded_once_from_what_is_rounded_every_time(kind: str, frozen: bool) -> None:
    """Replies, log-probabilities, hidden states and, where something trains, gradients: bit for bit."""
    one, other = (coarse(kind, halved, frozen) for halved in (False, True))
    prompts, params = prompts_of(one), SamplingParams(max_tokens=6)
    assert one.sample(prompts, 3, params, [range(3)] * 5) == other.sample(prompts, 3, params, [range(3)] * 5)
    assert one.logprobs(lesson(one)) == other.logprobs(lesson(other))
    assert one.embed(["What?"]) == other.embed(["What?"])
    if not frozen:
        for engine in (one, other):
            engine.forward_backward(lesson(engine), CROSS_ENTROPY)
            engine.optim_step(STEP)
        assert all(torch.equal(one.trained[name], other.trained[name]) for name in one.trained)


def test_what_trains_stays_whole_and_the_embedding_is_looked_up_unrounded() -> None:
    engine = coarse("lora", halved=True)
    table = engine.model.get_input_embeddings().weight
    assert table.dtype == torch.float32 and engine.head.weight.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in engine.trained.values())
    names = set(halved_weights(engine)) - set(engine.trained)
    assert len(names) == 7 * engine.model.config.num_hidden_layers
    parameters = dict(engine.model.named_parameters())
    assert all(parameters[name].dtype == torch.bfloat16 for name in names)
    assert not torch.equal(table, table.bfloat16().float())


@pytest.mark.parametrize("kind", ["lora", "modules"])
def test_nothing_is_rounded_in_float32_or_where_other_modules_read(kind: str) -> None:
    engine = make_engine(kind) if kind == "lora" else coarse(kind, halved=False, frozen=True)
    halve_frozen(engine)
    assert halved_weights(engine) == {} and {p.dtype for p in engine.model.parameters()} == {torch.float32}


def test_weights_that_a_run_keeps_stay_whole() -> None:
    made = coarse("lora", halved=False)
    made.is_made = True
    before = {name: weight.clone() for name, weight in made.frozen().items()}
    halve_frozen(made)
    assert before and all(torch.equal(before[name], weight) for name, weight in made.frozen().items())
    assert replace(made.head).weight.dtype == torch.bfloat16  # a copy, and the rounding of it alone is spared


def test_a_copy_of_a_tied_head_follows_the_embedding_when_that_is_said_to_be_other() -> None:
    engine = coarse("embedded", halved=False, frozen=True)
    table = engine.model.get_input_embeddings().weight
    halved = halve_frozen(engine)
    assert halved.copy is not None and engine.head.weight is halved.copy and halved.source is table
    before = halved.copy.clone()
    with torch.no_grad():
        table.mul_(2)
    halved.renew([torch.zeros(1)])
    assert torch.equal(halved.copy, before)
    halved.renew([torch.zeros(1), table])
    assert torch.equal(halved.copy, 2 * before) and engine.head.weight is halved.copy


def test_a_head_that_trains_or_is_no_embedding_has_no_copy() -> None:
    assert halve_frozen(coarse("embedded", halved=False)).copy is None
    engine = coarse("llama", halved=False, frozen=True)
    assert halve_frozen(engine).copy is None and engine.head.weight.dtype == torch.bfloat16
    assert halve_frozen(make_engine("embedded")).copy is None


@pytest.mark.parametrize(("packs", "device", "counts"), [(True, "cpu", 2), (False, "cpu", 0), (True, "meta", 0)])
def test_a_packed_matrix_is_laid_out_in_two_bytes_a_number(
    packs: bool, device: str, counts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "can_pack", lambda: packs)
    engine = coarse("llama", halved=False, frozen=True)
    engine.device = torch.device(device)
    numbers = sum(p.numel() for name, p in engine.model.named_parameters() if "proj" in name or "lm_head" in name)
    assert numbers and packed_bytes(engine) == counts * numbers


@pytest.mark.skipif(not can_pack(), reason="needs a processor with AVX-512 BF16 and without AMX")
def test_what_never_changes_has_no_plain_form_beside_its_packed_one_where_nothing_learns() -> None:
    """The same replies, and of the matrices beneath adapters nothing but the packed ones."""
    one, other = (coarse("lora", halved=False) for _ in range(2))
    for engine in (one, other):
        engine.model.requires_grad_(False)
    halve_frozen(one)
    halve_frozen(other).keep_packed_alone(changing=other.trained.values())
    prompts, params = prompts_of(one), SamplingParams(max_tokens=6)
    for _ in range(2):
        assert one.sample(prompts, 3, params, [range(3)] * 5) == other.sample(prompts, 3, params, [range(3)] * 5)
    packed = {name for name, p in other.model.named_parameters() if p.numel() == 0}
    assert packed and all("proj" in name and "lora" not in name for name in packed)
    assert all(weight.numel() for weight in other.trained.values())


def test_what_stays_as_it_is_leaves_the_file_that_it_was_read_from(tmp_path: Path) -> None:
    """An embedding that is a view of a mapped file keeps all of it in memory."""
    engine = coarse("llama", halved=False, frozen=True)
    table = engine.model.get_input_embeddings().weight
    table.numpy().tofile(tmp_path / "weights")
    table.data = torch.from_file(str(tmp_path / "weights"), size=table.numel()).view_as(table)
    before = table.data_ptr()
    halve_frozen(engine)
    assert table.dtype == torch.float32 and table.data_ptr() != before
