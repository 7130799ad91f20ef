"""A rank alone, in this process: FSDP2's way through the model has the local engine's bits, over every kind of model.

With more ranks the same code sums in another order; that, and the processes, is for `test_equality`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tests.engines.contract import CROSS_ENTROPY
from tests.engines.local.small_models import save_small
from tests.engines.ranks.ranks_here import POLICY, STEP, lessons, local_engine, page_of

from straw.config import with_values
from straw.engines.base import Loss
from straw.engines.local.engine import LocalEngine
from straw.engines.monarch.memory.shared_memory import Shared
from straw.engines.ranks.dealing import dealt, in_order
from straw.engines.ranks.engine import config_of
from straw.engines.ranks.rows import Share
from straw.engines.ranks.trainer import RankTrainer
from straw.types import Datum

KINDS = {
    "embedded": "", "modules": "fast_llama=false", "recomputed": "gradient_checkpointing=true",
    "modules recomputed": "fast_llama=false gradient_checkpointing=true", "lora": "lora_rank=2",
    "lora recomputed": "lora_rank=2 gradient_checkpointing=true", "rank one": "lora_rank=1",
    "bfloat16": "dtype=bfloat16",
    "bfloat16 recomputed": "dtype=bfloat16 gradient_checkpointing=true", "llama": "", "qwen2": "", "gemma3": "",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    store = dist.FileStore(str(tmp_path_factory.mktemp("meeting") / "place"), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", store=store, rank=0, world_size=1)
        yield
        dist.destroy_process_group()


class Pair:
    """The local engine, and a rank that began with its weights."""

    def __init__(self, kind: str, folder: Path) -> None:
        page = page_of(KINDS[kind])
        if kind in ("llama", "qwen2", "gemma3"):
            page = with_values(page, {"model_name": str(save_small(kind, folder / kind))})
        self.local: LocalEngine = local_engine(page)
        rest = {name: p.detach() for name, p in self.local.model.named_parameters() if name not in self.local.trained}
        self.shown = Shared.holding({name: p.detach() for name, p in self.local.trained.items()})
        self.other = Shared.holding({**rest, **dict(self.local.model.named_buffers())})
        handles = self.shown.handle, self.other.handle
        self.rank = RankTrainer(page, Share(0, 1), config_of(self.local.model), *handles, {})
        self.data = lessons(self.local)

    def batches(self) -> list[list[list[Datum]]]:
        (hand,) = dealt(self.data, self.local.tokens_at_once, 1)
        return [[[self.data[index] for index in group] for group in batch] for batch in hand]

    def learn(self, loss: Loss) -> None:
        ours, sums = self.rank.forward_backward(self.batches(), loss)
        theirs = self.local.forward_backward(self.data, loss)
        (hand,) = dealt(self.data, self.local.tokens_at_once, 1)
        assert [tuple(row) for row in ours] == [theirs.logprobs[index] for index in in_order(hand)]
        assert sums == theirs.metrics
        assert self.rank.optim_step(STEP) == self.local.optim_step(STEP)

    def check_equal(self) -> None:
        self.rank.show()
        for name, p in self.local.trained.items():
            assert torch.equal(self.shown.tensors[name], p), name


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(request.param, tmp_path)
    yield made
    made.shown.close()
    made.other.close()


@pytest.mark.parametrize("pair", KINDS, indirect=True)
def test_one_rank_has_the_local_engines_bits(pair: Pair) -> None:
    for loss in (CROSS_ENTROPY, POLICY, CROSS_ENTROPY):
        pair.learn(loss)
    pair.check_equal()


@pytest.mark.parametrize("pair", ["embedded", "lora"], indirect=True)
def test_micro_batches_add_up_as_the_local_engines_do(pair: Pair) -> None:
    pair.local.tokens_at_once = 40
    assert len(pair.batches()) > 2
    for _ in range(2):
        pair.learn(POLICY)
    pair.check_equal()


@pytest.mark.parametrize("pair", ["embedded", "lora"], indirect=True)
def test_a_stand_in_counts_for_nothing(pair: Pair) -> None:
    pair.rank.forward_backward([[], *pair.batches(), []], CROSS_ENTROPY)
    pair.local.forward_backward(pair.data, CROSS_ENTROPY)
    assert pair.rank.optim_step(STEP) == pair.local.optim_step(STEP)
    pair.check_equal()


@pytest.mark.parametrize("pair", ["embedded"], indirect=True)
def test_what_is_remembered_comes_back_bit_for_bit(pair: Pair) -> None:
    pair.learn(CROSS_ENTROPY)
    pair.rank.remember()
    pair.rank.forward_backward(pair.batches(), CROSS_ENTROPY)
    pair.rank.optim_step(STEP)
    pair.rank.go_back()
    pair.check_equal()
    pair.learn(POLICY)  # with Adam's moments as they were
    pair.check_equal()


@pytest.mark.parametrize("pair", ["embedded", "lora"], indirect=True)
@pytest.mark.parametrize("policy", ["current", "start", "reference"])
def test_policies_are_those_of_the_local_engine(pair: Pair, policy: str) -> None:
    pair.learn(CROSS_ENTROPY)
    (hand,) = dealt(pair.data, pair.local.tokens_at_once, 1)
    theirs = pair.local.logprobs(pair.data, policy, 0.7)  # type: ignore[arg-type]
    assert pair.rank.logprobs(pair.batches(), policy, 0.7) == [theirs[index] for index in in_order(hand)]  # type: ignore[arg-type]
    pair.check_equal()


@pytest.mark.parametrize("pair", ["embedded"], indirect=True)
def test_no_weight_is_whole_but_while_it_is_read(pair: Pair) -> None:
    """What a rank keeps between orders is its rows: here all of them, once."""
    pair.learn(POLICY)
    owned = {p.untyped_storage().data_ptr() for p in pair.rank.trained.values()}
    inside = {p.to_local().untyped_storage().data_ptr() for p in pair.rank.model.parameters()}  # type: ignore[operator]
    assert owned == inside
