"""Rows are cut as torch cuts them, and files have the form that safetensors gives them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from straw.engines.local.training.checkpoints import Adam, read_adam, write_checkpoint
from straw.engines.ranks import checkpoints
from straw.engines.ranks.rows import Share, give, take
from straw.errors import ConfigError, RunError


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("rows", [1, 2, 5, 12, 64])
def test_rows_are_those_of_a_chunk(ranks: int, rows: int) -> None:
    chunks = torch.arange(rows).chunk(ranks)
    for rank in range(ranks):
        mine = torch.arange(rows)[Share(rank, ranks).of(rows)]
        assert mine.tolist() == (chunks[rank].tolist() if rank < len(chunks) else [])


def test_what_ranks_take_and_give_is_the_whole() -> None:
    whole = {"a": torch.randn(5, 3), "b": torch.randn(1)}
    back = {name: torch.zeros_like(tensor) for name, tensor in whole.items()}
    for rank in range(3):
        share = Share(rank, 3)
        rows = {name: torch.zeros(share.shape(tuple(tensor.shape))) for name, tensor in whole.items()}
        take(share, rows, whole)
        give(share, rows, back)
    assert all(torch.equal(back[name], whole[name]) for name in whole)


TRAINED = {"body.weight": nn.Parameter(torch.randn(5, 3)), "body.bias": nn.Parameter(torch.randn(1))}
SHAPES = {name: tuple(p.shape) for name, p in TRAINED.items()}


def adam() -> Adam:
    state = {
        p: {"step": torch.tensor(4.0), "exp_avg": torch.randn_like(p), "exp_avg_sq": torch.rand_like(p)}
        for p in TRAINED.values()
    }
    return Adam(state, 4, False)


def write_by_ranks(folder: Path, ranks: int, state: Adam) -> None:
    folder.mkdir()
    moments = checkpoints.moments_of(TRAINED, state)
    checkpoints.lay_out(folder / "weights.safetensors", {name: (p.dtype, SHAPES[name]) for name, p in TRAINED.items()})
    kinds = {name: (value.dtype, tuple(value.shape)) for name, value in moments.items()}
    checkpoints.lay_out(folder / "optimizer.safetensors", {**kinds, "version": (torch.int64, (2,))})
    version = torch.tensor([state.policy_version, state.is_published])
    for rank in reversed(range(ranks)):
        share = Share(rank, ranks)
        weights = {name: p.detach()[share.of(len(p))] for name, p in TRAINED.items()}
        mine = {name: value[share.of(len(value))] if value.dim() else value for name, value in moments.items()}
        checkpoints.write_rows(folder / "weights.safetensors", share, weights)
        checkpoints.write_rows(folder / "optimizer.safetensors", share, {**mine, "version": version[share.of(2)]})


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_files_are_byte_for_byte_what_safetensors_writes(tmp_path: Path, ranks: int) -> None:
    state = adam()
    write_by_ranks(tmp_path / "ours", ranks, state)
    (tmp_path / "theirs").mkdir()
    write_checkpoint(tmp_path / "theirs", TRAINED, state)
    save_file({name: p.detach() for name, p in TRAINED.items()}, tmp_path / "theirs" / "weights.safetensors")
    for name in ("weights.safetensors", "optimizer.safetensors"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_any_number_of_ranks_reads_its_rows(tmp_path: Path, ranks: int) -> None:
    state = adam()
    write_by_ranks(tmp_path / "two", 2, state)
    whole, known = load_file(tmp_path / "two" / "weights.safetensors"), read_adam(tmp_path / "two", TRAINED)
    for name, p in TRAINED.items():
        read = [checkpoints.read_weights(tmp_path / "two", SHAPES, Share(rank, ranks))[name] for rank in range(ranks)]
        assert torch.equal(torch.cat(read), whole[name])
        shares = [Share(rank, ranks) for rank in range(ranks)]
        states = [checkpoints.read_adam(tmp_path / "two", TRAINED, SHAPES, share) for share in shares]
        assert torch.equal(torch.cat([one.state[p]["exp_avg_sq"] for one in states]), known.state[p]["exp_avg_sq"])
        assert {(float(one.state[p]["step"]), one.policy_version, one.is_published) for one in states} == {
            (4, 4, False)
        }


def test_what_does_not_fit_is_refused_in_the_local_engines_words(tmp_path: Path) -> None:
    write_by_ranks(tmp_path / "two", 2, adam())
    share = Share(0, 2)
    with pytest.raises(ConfigError, match="another model than the 1 that train here"):
        checkpoints.read_weights(tmp_path / "two", {"body.weight": (5, 4)}, share)
    with pytest.raises(ConfigError, match="is of another model"):
        checkpoints.read_adam(tmp_path / "two", TRAINED, {**SHAPES, "body.weight": (5, 4)}, share)
    with pytest.raises(RunError, match=r"holds weights\.safetensors"):
        checkpoints.read_weights(tmp_path, SHAPES, share)
    (tmp_path / "two" / "weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RunError, match="is damaged"):
        checkpoints.read_weights(tmp_path / "two", SHAPES, share)
