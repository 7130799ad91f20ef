"""The verbs of an engine whose trainer is several processes, each with its rows of the weights (FSDP2).

    forward_backward, optim_step, logprobs     the ranks, together
    publish                                    every rank writes its rows into memory that the sampler maps
    sample, converse, embed                    this process: the whole model, without gradient and moments
    save                                       this process lays the files out, every rank writes its rows

So what training takes beside weights is divided, and a model has to fit on the sampler's card but not its gradient and
moments too. Two ranks sum in another order than one: their weights agree to float error, and repeat bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from straw import outside
from straw.config import Page
from straw.engines.base import (
    AdamParams,
    Conversation,
    Done,
    Engine,
    Loss,
    Policy,
    Reply,
    SamplingParams,
    Tokens,
    TrainOutput,
)  # fmt: skip
from straw.engines.local.adapters.lora import save_adapter
from straw.engines.local.engine import LocalEngine
from straw.engines.local.halves import halve_frozen
from straw.engines.local.heap import give_back_heap
from straw.engines.local.training.checkpoints import OPTIMIZER, WEIGHTS
from straw.engines.monarch.generator import put
from straw.engines.monarch.memory.shared_memory import Handle, Shared
from straw.engines.monarch.processes import namespace as wall
from straw.engines.monarch.processes.cards import VISIBLE, visible_cards
from straw.engines.monarch.processes.silence import Patience
from straw.engines.ranks.checkpoints import VERSION, lay_out
from straw.engines.ranks.checks import check_page
from straw.engines.ranks.dealing import dealt, in_order
from straw.engines.ranks.divided import check_divisible
from straw.engines.ranks.group import Group
from straw.engines.ranks.meeting import Meeting
from straw.errors import EngineFailed, EngineLost
from straw.types import Datum

LOG = "ranks.log"


class RanksEngine(Engine):
    check = staticmethod(check_page)
    check_model = staticmethod(check_divisible)

    def __init__(self, page: Page, local: LocalEngine, say: Callable[[str], None] = lambda line: None) -> None:
        """Begins where `local` is, which samples from now on and learns no more."""
        check_divisible(local.model)
        self.page, self.sampler, self.chat = page, local, local.chat
        self.num_ranks = page.engine.trainer_ranks
        self.dtypes = {name: (p.dtype, tuple(p.shape)) for name, p in local.trained.items()}
        self.policy_version, self.is_published = local.policy_version, local.is_published
        self.log_folder: Path | None = None
        place = wall.raised(page.engine.shared_machine)
        say(f"starting {self.num_ranks} ranks of a trainer")
        self.shown = Shared.holding({name: p.detach() for name, p in local.trained.items()})
        self.group = Group(environments(page), Patience(page.engine.answer_s, page.engine.load_s), place)
        try:
            self._begin()
            self._look()
            halve_frozen(local)
        except EngineLost as error:
            self.close()
            raise EngineFailed(self.group.lost or str(error)) from error
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Weights go over in memory, and what is frozen is given back when the ranks have their rows."""
        model = self.sampler.model
        rest = {name: p.detach() for name, p in model.named_parameters() if name not in self.dtypes}
        other = Shared.holding({**rest, **dict(model.named_buffers())})
        given = config_of(model), parts(self.shown.handle), parts(other.handle), outside.in_use()
        try:
            with Meeting() as meeting:
                each = [[rank, self.num_ranks, meeting.path, self._alone, *given] for rank in range(self.num_ranks)]
                self.group.ask_each("begin", each, loads=True)
        finally:
            other.close()

    @property
    def _alone(self) -> Page:
        """Options from outside are of a class unknown to the ranks."""
        return Page(model=self.page.model, engine=self.page.engine)

    def _look(self) -> None:
        """The sampler's weights are those that the ranks show."""
        for name, parameter in self.sampler.trained.items():
            put(parameter, self.shown.tensors[name])
        give_back_heap()

    # --- the sampler -------------------------------------------------------------------------

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        return self.sampler.converse(prompt, num_rows)

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        return self.sampler.sample(prompts, num_samples, params, seeds)

    def sample_one_by_one(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done,
    ) -> None:  # fmt: skip
        self.sampler.sample_one_by_one(prompts, num_samples, params, seeds, done)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self._catch_up()
        return self.sampler.embed(texts)

    def states(self, data: Sequence[Datum]) -> list[Any]:
        self._catch_up()
        return self.sampler.states(data)

    @property
    def room(self) -> int | None:
        return self.sampler.room

    def _catch_up(self) -> None:
        """Weights that are not published yet are read here too, where nobody may sample with them."""
        if not self.is_published:
            self._show()

    def _show(self) -> None:
        self.group.ask("show")
        if self.sampler.device.type != "cpu":
            self._look()
        self.sampler.changes += 1

    def _agree(self, version: int, is_published: bool) -> None:
        """The sampler has the ranks' version, and refuses to sample where they do."""
        self.policy_version, self.is_published = version, is_published
        self.sampler.policy_version, self.sampler.is_published = version, is_published

    # --- the ranks ---------------------------------------------------------------------------

    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        batches = self._dealt(data)
        answers = self.group.ask_each("logprobs", [[self._data(data, some), policy, temperature] for some in batches])
        return self._put_back(data, batches, answers)

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        self.sampler.check_loss(data, loss)
        batches = self._dealt(data)
        answers = self.group.ask_each("forward_backward", [[self._data(data, some), loss] for some in batches])
        sums: dict[str, float] = {}
        for _, metrics in answers:
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
        rows = self._put_back(data, batches, [rows for rows, _ in answers])
        return TrainOutput([tuple(row) for row in rows], sums)

    def _dealt(self, data: Sequence[Datum]) -> list[Any]:
        self.sampler.check_room(max((len(datum.prompt) + len(datum.tokens) for datum in data), default=0))
        return dealt(data, self.sampler.tokens_at_once, self.num_ranks)

    def _data(self, data: Sequence[Datum], batches: Any) -> list[list[list[Datum]]]:
        return [[[data[index] for index in group] for group in batch] for batch in batches]

    def _put_back(self, data: Sequence[Datum], batches: Any, answers: Sequence[Any]) -> list[list[float]]:
        out = [[0.0] * len(datum.tokens) for datum in data]
        for some, rows in zip(batches, answers, strict=True):
            for index, row in zip(in_order(some), rows, strict=True):
                out[index] = list(row)
        return out

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        measured: dict[str, float] = self.group.ask("optim_step", params)[0]
        self._agree(self.policy_version, False)
        return measured

    def publish(self) -> int:
        if not self.is_published:
            self.group.ask("publish")
            self._show()
            self._agree(*self.group.ask("state")[0])
        return self.policy_version

    @contextmanager
    def undone(self) -> Iterator[None]:
        self.group.ask("remember")
        try:
            yield
        finally:
            with suppress_lost(self.group):
                self.group.ask("go_back")
                self._show()
                self._agree(*self.group.ask("state")[0])

    # --- keeping -----------------------------------------------------------------------------

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.sampler.adapters is not None:
            self._catch_up()
            save_adapter(self.sampler.adapters, folder / "adapter", self.sampler.model.name_or_path)
        lay_out(folder / WEIGHTS, self.dtypes)
        if optimizer:
            lay_out(folder / OPTIMIZER, self._moments())
        self.group.ask("save", folder.absolute(), optimizer=optimizer, loads=True)

    def _moments(self) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
        """What Adam keeps: of each weight two of its shape, and how many steps it took."""
        kept = {
            f"{name}|{moment}": (torch.float32, () if moment == "step" else self.dtypes[name][1])
            for name, moments in self.group.ask("moments")[0].items()
            for moment in moments
        }
        return {**kept, VERSION: (torch.int64, (2,))}

    def save_base(self, folder: Path) -> None:
        self.sampler.save_base(folder)

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        self.group.ask("load", folder.absolute(), optimizer=optimizer, loads=True)
        self._show()
        self._agree(*self.group.ask("state")[0])

    def start_is_in(self, folder: Path) -> None:
        self.group.ask("start_is_in", folder.absolute())

    @property
    def trained_bytes(self) -> int:
        return self.sampler.trained_bytes

    def keep_log(self, folder: Path) -> None:
        self.log_folder = folder

    def facts(self) -> dict[str, Any]:
        return {"ranks": [{"name": one.name, "pid": one.process.pid} for one in self.group.ranks]}

    def close(self) -> None:
        self.group.close()
        if self.log_folder is not None:
            with suppress(OSError):
                self.group.write_log(self.log_folder / LOG)
        self.sampler.close()
        self.shown.close()


@contextmanager
def suppress_lost(group: Group) -> Iterator[None]:
    """What ended the ranks is told already, and again to whoever asks next."""
    try:
        yield
    except EngineLost:
        if not group.lost:
            raise


def environments(page: Page) -> list[dict[str, str]]:
    """Each rank sees one card, under the name cuda:0; the sampler, which is this process, shares the first."""
    ranks = page.engine.trainer_ranks
    if not page.model.device.startswith("cuda"):
        return [{"OMP_NUM_THREADS": str(page.model.threads)} for _ in range(ranks)]
    return [{VISIBLE: card} for card in visible_cards()[:ranks]]


def config_of(model: Any) -> dict[str, Any]:
    """What a model of transformers is made from, as plain values."""
    plain: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    for name in ("quantization_config", "dtype", "architectures"):
        plain.pop(name, None)
    return plain


def parts(handle: Handle) -> list[Any]:
    return [handle.path, handle.num_bytes, handle.places, handle.inode]
